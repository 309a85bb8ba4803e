/**
 * Builds what the browser loads: the demo's modules, bundled and minified, and its static files.
 *
 * Runs in the directory of the project and writes to `dist/` alone, which it empties first. It
 * uses the bundler inside Deno, so that nothing is installed beside the project; the first run
 * fetches esbuild from the npm registry.
 *
 *     deno run --unstable-bundle --allow-read --allow-write=dist tools/bundle.ts
 *
 * @module
 */

/** Entry points and the names they get in `dist/`. */
const MODULES: readonly (readonly [entry: string, output: string])[] = [
  ["examples/demo/app.ts", "app.js"],
  ["client/adapters/browser_worker.ts", "worker.js"],
];

/** The folder whose other files are copied as they are. */
const STATIC = "examples/demo";

const OUTPUT = "dist";

/** Bundles one entry point for browsers; @throws Error with the bundler's first complaint. */
async function bundle(entry: string): Promise<Uint8Array> {
  // The bundler does not say which file is missing.
  await Deno.stat(entry);
  const result = await Deno.bundle({
    entrypoints: [entry],
    platform: "browser",
    format: "esm",
    minify: true,
    write: false,
  });
  const contents = result.outputFiles?.[0]?.contents;
  if (!result.success || contents === undefined) {
    throw new Error(`Cannot bundle ${entry}: ${result.errors[0]?.text ?? "no output"}`);
  }
  return contents;
}

async function main(): Promise<void> {
  const start = performance.now();
  await Deno.remove(OUTPUT, { recursive: true }).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  });
  await Deno.mkdir(OUTPUT);
  let files = 0;
  for (const [entry, output] of MODULES) {
    const contents = await bundle(entry);
    await Deno.writeFile(`${OUTPUT}/${output}`, contents);
    console.log(`${OUTPUT}/${output}  ${contents.length.toLocaleString("en")} bytes`);
    files++;
  }
  for await (const file of Deno.readDir(STATIC)) {
    if (!file.isFile || file.name.endsWith(".ts")) continue;
    // Read and write rather than copyFile, which would carry a read-only mode along.
    await Deno.writeFile(`${OUTPUT}/${file.name}`, await Deno.readFile(`${STATIC}/${file.name}`));
    files++;
  }
  console.log(`${files} files in ${Math.round(performance.now() - start)} ms`);
}

if (import.meta.main) await main();
