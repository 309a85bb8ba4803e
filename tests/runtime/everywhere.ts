/**
 * One module of checks, bundled once and run in every runtime that this machine has.
 *
 * All of them run the same bytes: Deno in this process, Node as a child, Chromium and Firefox from a
 * page on 127.0.0.1, which is a secure context. The module exports `run`, JSON in and JSON out, and
 * imports nothing that only one runtime has. A runtime that is absent is named in the output and left
 * out, never replaced by another.
 *
 * @module
 */

import { bundle, onPath, openBrowser } from "../browser/harness.ts";
import { runInFirefox } from "./firefox.ts";
import { type Page, servePage } from "./page.ts";

/** What can be passed to a module and back. */
export type Json =
  | null
  | boolean
  | number
  | string
  | readonly Json[]
  | { readonly [name: string]: Json };

/** The runtimes, in the order in which they run. */
export const RUNTIMES = ["deno", "node", "chromium", "firefox"] as const;
/** One of them. */
export type RuntimeName = typeof RUNTIMES[number];

/** What the module gave in one runtime. */
export interface Ran<Output> {
  /** Which one. */
  readonly runtime: RuntimeName;
  /** Its version, as it states it. */
  readonly version: string;
  /** What `run` returned, after a way through JSON. */
  readonly output: Output;
}

/** What each of them gives to `runEverywhere`; a null version where this machine has none. */
interface Outcome {
  readonly version: string | null;
  readonly output: unknown;
}

const ABSENT: Outcome = { version: null, output: null };

/**
 * Runs the module's `run(input)` in every runtime there is, one after the other.
 *
 * @param module a module of this repository that exports `run(input: Json): Output | Promise<Output>`
 * @throws Error where `run` throws in one of them, with the stack from there
 */
export async function runEverywhere<Output>(
  module: URL,
  input: Json,
): Promise<readonly Ran<Output>[]> {
  const script = await bundle(module, "esm");
  const text = JSON.stringify(input);
  const folder = await Deno.makeTempDir({ prefix: "countersign-runtime-" });
  try {
    await Deno.writeTextFile(`${folder}/checks.mjs`, script);
    await Deno.writeTextFile(`${folder}/input.json`, text);
    const ways: Readonly<Record<RuntimeName, () => Promise<Outcome>>> = {
      deno: () => inThisProcess(folder, text),
      node: () => inNode(folder),
      chromium: () => onPage(script, text, inChromium),
      firefox: () => onPage(script, text, runInFirefox),
    };
    const all: Ran<Output>[] = [];
    for (const runtime of RUNTIMES) {
      const { version, output } = await ways[runtime]();
      if (version === null) say(`skipped: ${runtime} is not on this machine`);
      else all.push({ runtime, version, output: output as Output });
    }
    return all;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function inThisProcess(folder: string, input: string): Promise<Outcome> {
  const { run } = await import(`file://${folder}/checks.mjs`);
  // Through text, as everywhere else: what JSON does not carry shows here too.
  return {
    version: Deno.version.deno,
    output: JSON.parse(JSON.stringify(await run(JSON.parse(input)))),
  };
}

/** Where there is no Node, Deno puts a `node` of its own on the path: that one does not count. */
const NODE_MAIN = `
import { readFile } from "node:fs/promises";
import { run } from "./checks.mjs";
const version = "deno" in process.versions ? null : process.versions.node;
const input = JSON.parse(await readFile(new URL("input.json", import.meta.url), "utf8"));
const output = version === null ? null : await run(input);
process.stdout.write(JSON.stringify({ version, output }));
`;

async function inNode(folder: string): Promise<Outcome> {
  const node = await onPath("node");
  if (node === null) return ABSENT;
  await Deno.writeTextFile(`${folder}/main.mjs`, NODE_MAIN);
  const { success, stdout, stderr } = await new Deno.Command(node, {
    args: [`${folder}/main.mjs`],
    stdin: "null",
  }).output();
  const text = new TextDecoder();
  if (!success) throw new Error(`In Node: ${text.decode(stderr)}`);
  return JSON.parse(text.decode(stdout));
}

async function inChromium(page: Page): Promise<string> {
  const { browser, version, close } = await openBrowser();
  try {
    const tab = await browser.newPage();
    const broken = new Promise<never>((_, reject) => {
      tab.on("crash", () => reject(new Error("Chromium's page crashed")));
      browser.on("disconnected", () => reject(new Error("Chromium ended")));
    });
    broken.catch(() => {});
    await tab.goto(page.url);
    await Promise.race([page.result, broken]);
    return version;
  } finally {
    await close();
  }
}

async function onPage(
  script: string,
  input: string,
  visit: (page: Page) => Promise<string | null>,
): Promise<Outcome> {
  const page = servePage(script, input);
  try {
    const version = await visit(page);
    return version === null ? ABSENT : { version, output: await page.result };
  } finally {
    await page.close();
  }
}

function say(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}
