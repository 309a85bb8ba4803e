/**
 * Type-checks what runs in browsers against the DOM alone, so that a runtime API cannot slip in.
 *
 * Covers `client/` (without the store that keeps files), `crypto/` and `wire/` (without the
 * server's schemas), with the compiler options of `deno.json` except for its libraries.
 *
 *     deno run --allow-read --allow-run --allow-write=dist tools/check_dom.ts
 *
 * @module
 */

const FOLDERS = ["client", "crypto", "wire"];
const EXCEPT = ["client/store_file.ts", "wire/schema.ts"];
const LIBRARIES = ["esnext", "dom", "dom.iterable", "dom.asynciterable"];

async function* filesUnder(folder: string): AsyncIterable<string> {
  for await (const entry of Deno.readDir(folder)) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory) yield* filesUnder(path);
    else if (entry.name.endsWith(".ts") && !EXCEPT.includes(path)) yield path;
  }
}

async function main(): Promise<boolean> {
  const config = JSON.parse(await Deno.readTextFile("deno.json"));
  const files: string[] = [];
  for (const folder of FOLDERS) {
    for await (const file of filesUnder(folder)) files.push(file);
  }
  await Deno.mkdir("dist", { recursive: true });
  const path = `dist/check_dom_${crypto.randomUUID()}.json`;
  const derived = {
    imports: config.imports,
    nodeModulesDir: config.nodeModulesDir,
    compilerOptions: { ...config.compilerOptions, lib: LIBRARIES, types: [] },
  };
  await Deno.writeTextFile(path, JSON.stringify(derived));
  try {
    const status = await new Deno.Command(Deno.execPath(), {
      args: ["check", "--quiet", "--no-lock", "--config", path, ...files.sort()],
    }).spawn().status;
    if (status.success) console.log(`${files.length} files need nothing but the DOM`);
    return status.success;
  } finally {
    await Deno.remove(path);
  }
}

if (import.meta.main && !await main()) Deno.exit(1);
