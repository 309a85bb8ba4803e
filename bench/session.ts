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
import { openBenchFolder, say } from "./shared/bench_folder.ts";
import { timeUploads, weighSessions } from "./session/memory.ts";

const SOURCES = new URL("session/", import.meta.url);

const rounds = Deno.args[0] ?? "30";
const folder = await openBenchFolder("session_bench", SOURCES);
await folder.bundle("measure.ts");
for (const build of ["fast", "portable"]) {
  await run("deno", Deno.execPath(), ["run", "--allow-all", "--no-lock"], build);
  await run("node", "node", [], build);
}

await runInBrowser();
say("\n== deno, weights");
await weighSessions(say);
await timeUploads(say);

/** Runs the bundle in a runtime. */
async function run(name: string, command: string, flags: readonly string[], build: string) {
  say(`\n== ${name}, ${build} build`);
  const isDone = await folder.run(command, [...flags, "measure.js", build, rounds]);
  if (!isDone) say(`${name} did not run it`);
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
