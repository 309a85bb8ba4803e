/**
 * Builds what the browser loads: the modules of the demo, the log's page and the reference, bundled and minified,
 * and their static files.
 *
 * Runs in the directory of the project and writes to `dist/` alone, which it empties first. It
 * uses the bundler inside Deno, so that nothing is installed beside the project; the first run
 * fetches esbuild from the npm registry.
 *
 *     deno run --unstable-bundle --allow-read --allow-write=dist tools/bundle.ts
 *
 * @module
 */

import { basename } from "node:path";

/**
 * Entry points and the names they get in `dist/`. What the page imports only on use (ML-KEM for
 * browsers without one) becomes a chunk beside it; the worker is one file.
 */
const MODULES = [
  { entry: "examples/demo/app.ts", output: "app.js", split: true },
  { entry: "examples/log/page.ts", output: "log.js", split: true },
  { entry: "examples/docs/page.ts", output: "docs.js", split: true },
  { entry: "client/adapters/browser_worker.ts", output: "worker.js", split: false },
] as const;

type Module = typeof MODULES[number];

/**
 * The folders whose other files are copied as they are, and what those of the others are called in the
 * one folder that is served.
 */
const STATIC: readonly {
  readonly folder: string;
  readonly names: Readonly<Record<string, string>>;
}[] = [
  { folder: "examples/demo", names: {} },
  { folder: "examples/log", names: { "index.html": "log.html", "style.css": "log.css" } },
  {
    folder: "examples/docs",
    names: { "index.html": "docs.html", "style.css": "docs.css", "client.js": "docs_client.js" },
  },
];

const OUTPUT = "dist";

/** The files of one entry point by name; @throws Error with the bundler's first complaint. */
async function bundle({ entry, output, split }: Module): Promise<Map<string, Uint8Array>> {
  // The bundler does not say which file is missing.
  await Deno.stat(entry);
  const result = await Deno.bundle({
    entrypoints: [entry],
    outputDir: OUTPUT,
    codeSplitting: split,
    platform: "browser",
    format: "esm",
    minify: true,
    write: false,
  });
  const builtName = basename(entry).replace(/\.ts$/, ".js");
  const files = new Map<string, Uint8Array>();
  for (const { path, contents = new Uint8Array(0) } of result.outputFiles ?? []) {
    const name = basename(path);
    files.set(name === builtName ? output : name, contents);
  }
  if (!result.success || !files.has(output)) {
    throw new Error(`Cannot bundle ${entry}: ${result.errors[0]?.text ?? "no output"}`);
  }
  return files;
}

async function main(): Promise<void> {
  const start = performance.now();
  await Deno.remove(OUTPUT, { recursive: true }).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  });
  await Deno.mkdir(OUTPUT);
  let files = 0;
  for (const module of MODULES) {
    for (const [name, contents] of await bundle(module)) {
      await Deno.writeFile(`${OUTPUT}/${name}`, contents);
      console.log(`${OUTPUT}/${name}  ${contents.length.toLocaleString("en")} bytes`);
      files++;
    }
  }
  for (const { folder, names } of STATIC) {
    for await (const { name, isFile } of Deno.readDir(folder)) {
      if (!isFile || name.endsWith(".ts")) continue;
      // Read and write rather than copyFile, which would carry a read-only mode along.
      const contents = await Deno.readFile(`${folder}/${name}`);
      await Deno.writeFile(`${OUTPUT}/${names[name] ?? name}`, contents);
      files++;
    }
  }
  console.log(`${files} files in ${Math.round(performance.now() - start)} ms`);
}

if (import.meta.main) await main();
