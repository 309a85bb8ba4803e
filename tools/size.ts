/**
 * The size budget of what a browser downloads, and the strings that must not be in it.
 *
 * Measures, in the directory of the project, the minified and gzipped bundle of the client, what
 * each adapter adds to it, and the worker alone. The packages of a media stack are the user's own
 * and count as external; everything else a module pulls in counts.
 *
 *     deno run --unstable-bundle --allow-read --allow-write=dist tools/size.ts
 *
 * @module
 */

import { basename } from "node:path";
import { gzipSync } from "node:zlib";

const CLIENT = "client/mod.ts";
const ADAPTERS = "client/adapters";
/** A third of it proves lookups: VRF and curve, prefix tree, ladder, records, policies. */
const CLIENT_BUDGET_BYTES = 61_440;
/** What one adds to the client's bundle differs by some fifty bytes with what else is compressed. */
const ADAPTER_BUDGET_BYTES = 4_352;
/**
 * What protects frames itself brings the cryptor along, with the envelopes of all codecs. No page loads it:
 * it is for programs, or in the worker.
 */
const CRYPTOR_BUDGET_BYTES = 7_168;
const CRYPTORS = /\/(node_datachannel|packet_media|werift|browser_transforms)\.ts$/;
const WORKER_BUDGET_BYTES = 20_480;

/** Packages that an adapter expects its user to have. */
const PEERS = ["werift"];

/** Signs that a server package or a runtime API got into a bundle for browsers. */
const FORBIDDEN = ["ZodError", "Hono", "JOSEError", "Deno.", "node:"];

/** One line of the table. */
interface Measured {
  readonly name: string;
  readonly bytes: number;
  readonly budget: number;
  readonly forbidden: readonly string[];
}

/**
 * Bundles one module as a browser would get it: what is loaded with it, in one. A chunk that is
 * only imported on use (ML-KEM for runtimes without one) is not part of that.
 */
async function bundle(entry: string): Promise<Uint8Array> {
  // The bundler does not say which file is missing.
  await Deno.stat(entry);
  const result = await Deno.bundle({
    entrypoints: [entry],
    outputDir: "dist",
    platform: "browser",
    format: "esm",
    minify: true,
    codeSplitting: true,
    external: PEERS,
    write: false,
  });
  const files = new Map(result.outputFiles?.map((file) => [basename(file.path), file]));
  const wanted = basename(entry).replace(/\.ts$/, ".js");
  if (!result.success || !files.has(wanted)) {
    throw new Error(`Cannot bundle ${entry}: ${result.errors[0]?.text ?? "no output"}`);
  }
  const loaded = new Set([wanted]);
  for (const name of loaded) {
    const text = files.get(name)?.text() ?? "";
    for (const [, chunk] of text.matchAll(/(?:from|import)\s*"\.\/(chunk-[^"]+)"/g)) {
      loaded.add(chunk!);
    }
  }
  return new TextEncoder().encode([...loaded].map((name) => files.get(name)!.text()).join("\n"));
}

/** Bundles the client together with one adapter; the entry that joins them is a passing file. */
async function bundleWith(adapter: string): Promise<Uint8Array> {
  await Deno.mkdir("dist", { recursive: true });
  const entry = `dist/size_entry_${crypto.randomUUID()}.ts`;
  const source =
    `export * as client from "../${CLIENT}";\nexport * as adapter from "../${adapter}";\n`;
  await Deno.writeTextFile(entry, source);
  try {
    return await bundle(entry);
  } finally {
    await Deno.remove(entry);
  }
}

function gzipped(contents: Uint8Array): number {
  return gzipSync(contents, { level: 9 }).length;
}

function forbiddenIn(contents: Uint8Array): string[] {
  const text = new TextDecoder().decode(contents);
  return FORBIDDEN.filter((word) => text.includes(word));
}

async function measure(): Promise<Measured[]> {
  const client = await bundle(CLIENT);
  // The baseline of an adapter has the same wrapper as the adapter's bundle.
  const alone = gzipped(await bundleWith(CLIENT));
  const rows: Measured[] = [{
    name: CLIENT,
    bytes: gzipped(client),
    budget: CLIENT_BUDGET_BYTES,
    forbidden: forbiddenIn(client),
  }];
  const names: string[] = [];
  for await (const file of Deno.readDir(ADAPTERS)) {
    if (file.isFile && file.name.endsWith(".ts")) names.push(`${ADAPTERS}/${file.name}`);
  }
  for (const name of names.sort()) {
    const worker = name.endsWith("_worker.ts");
    const contents = worker ? await bundle(name) : await bundleWith(name);
    rows.push({
      name: worker ? name : `${name} over the client`,
      bytes: worker ? gzipped(contents) : gzipped(contents) - alone,
      budget: worker ? WORKER_BUDGET_BYTES : adapterBudget(name),
      forbidden: forbiddenIn(contents),
    });
  }
  return rows;
}

function adapterBudget(name: string): number {
  return CRYPTORS.test(name) ? CRYPTOR_BUDGET_BYTES : ADAPTER_BUDGET_BYTES;
}

/** Prints the table; true where every line keeps its budget and no forbidden string is found. */
function report(rows: readonly Measured[]): boolean {
  const width = Math.max(...rows.map((row) => row.name.length));
  let good = true;
  for (const row of rows) {
    const bytes = row.bytes.toLocaleString("en").padStart(7);
    const budget = row.budget.toLocaleString("en");
    const over = row.bytes > row.budget;
    const line = `${row.name.padEnd(width)}: ${bytes} bytes gzipped of ${budget} budget`;
    console.log(over ? `${line}, too big: see what it began to import` : line);
    for (const word of row.forbidden) {
      console.log(`${row.name}: contains "${word}", which does not belong in a browser`);
    }
    if (over || row.forbidden.length > 0) good = false;
  }
  return good;
}

if (import.meta.main) {
  const good = report(await measure());
  if (!good) Deno.exit(1);
}
