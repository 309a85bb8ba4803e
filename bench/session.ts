/**
 * How fast two devices set up a session, rekey it and write to each other, against native and other
 * implementations in the same process, in turn; what sessions and prekeys weigh.
 *
 *     deno task bench:session [rounds]         30 rounds by default, which take some minutes
 *
 * The peers are installed from npm, with their own licences, into `dist/session_bench`; they are no part of
 * the lock file or of what is published. The same bundle runs in Deno and in Node, where there is one.
 * Log proofs are not part of a setup here: `bench:lookup` measures them.
 *
 * @module
 */

import { bundle as bundleForPage, openBrowser } from "../tests/browser/harness.ts";
import { timeUploads, weighSessions } from "./session/memory.ts";

const FOLDER = new URL("../dist/session_bench/", import.meta.url);
const SOURCES = new URL("session/", import.meta.url);

const rounds = Deno.args[0] ?? "30";
await install();
await bundle("measure.ts");
for (const build of ["fast", "portable"]) {
  await run("deno", Deno.execPath(), ["run", "--allow-all", "--no-lock"], [build, rounds]);
  await run("node", "node", [], [build, rounds]);
}

await runInBrowser();
say("\n== deno, weights");
await weighSessions(say);
await timeUploads(say);

/** Installs the peers, or keeps those that are there. */
async function install(): Promise<void> {
  await Deno.mkdir(FOLDER, { recursive: true });
  await Deno.copyFile(new URL("package.json", SOURCES), new URL("package.json", FOLDER));
  // The folder is a project of its own, whose packages npm has put beside it.
  await Deno.writeTextFile(new URL("deno.json", FOLDER), `{ "nodeModulesDir": "manual" }\n`);
  const args = ["install", "--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock"];
  const { success } = await new Deno.Command("npm", { args, cwd: FOLDER, stdout: "null" }).output();
  if (!success) say("npm can't install the peers: those that are missing are not compared");
}

/** Bundles what runs in other runtimes, with everything of ours in it. */
async function bundle(entry: string): Promise<void> {
  const result = await Deno.bundle({
    entrypoints: [new URL(entry, SOURCES).pathname],
    outputDir: FOLDER.pathname,
    platform: "browser",
    format: "esm",
    codeSplitting: true,
    write: true,
  });
  if (!result.success) throw new Error(`Cannot bundle ${entry}: ${result.errors[0]?.text}`);
}

async function run(
  name: string,
  command: string,
  flags: readonly string[],
  args: readonly string[],
): Promise<void> {
  const child = new Deno.Command(command, {
    args: [...flags, "measure.js", ...args],
    cwd: FOLDER,
    stdin: "null",
  });
  say(`\n== ${name}, ${args[0]} build`);
  const { success } = await child.spawn().status.catch(() => ({ success: false }));
  if (!success) say(`${name} did not run it`);
}

/** Runs it in a page of a browser, where there is one; timers are precise there for isolated pages only. */
async function runInBrowser(): Promise<void> {
  say("\n== browser, portable build by its nature");
  const script = await bundleForPage(new URL("page.ts", SOURCES));
  const headers = {
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-embedder-policy": "require-corp",
    "content-type": "text/html",
  };
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    () => new Response("<!doctype html><title>bench</title>", { headers }),
  );
  const opened = await openBrowser().catch((error) => {
    say(`no browser: ${error instanceof Error ? error.message : error}`);
    return null;
  });
  if (opened === null) return;
  try {
    const page = await opened.browser.newPage();
    await page.goto(`http://127.0.0.1:${server.addr.port}/`);
    await page.addScriptTag({ content: script });
    for (const line of await page.evaluate(`measure(${Number(rounds)})`) as string[]) say(line);
  } finally {
    await opened.close();
  }
}

function say(line: string): void {
  // deno-lint-ignore no-console
  console.log(line);
}
