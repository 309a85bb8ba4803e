/**
 * What frame encryption costs: Countersign's frame cryptor against livekit-client's and against nothing but
 * AES-GCM, in Deno, in Node and in a dedicated worker of Chromium, in turn within each run.
 *
 *     deno task bench:frames [rounds]          30 rounds by default, which take some minutes
 *
 * The peer is installed from npm, with its own licence, into `dist/frames_bench`; it is no part of the lock
 * file or of what is published. Then: how long a call takes from the press of the button to its first
 * picture, with frame encryption and without.
 *
 * @module
 */

import { openBrowser } from "../tests/browser/harness.ts";
import { timeFirstFrames } from "./frames/first_frame.ts";
import { type BenchFolder, openBenchFolder, say } from "./shared/bench_folder.ts";

const SOURCES = new URL("frames/", import.meta.url);
const LIVEKIT = "./node_modules/livekit-client/src/e2ee/";

const rounds = Deno.args[0] ?? "30";
const folder = await openBenchFolder("frames_bench", SOURCES);
await bundlePeer(folder);
await folder.bundle("process.ts");
await folder.bundle("worker.ts");
say("\n== deno");
await folder.run(Deno.execPath(), ["run", "--allow-all", "--no-lock", "process.js", rounds]);
say("\n== node");
if (!await folder.run("node", ["process.js", rounds])) say("node did not run it");
await runInBrowser();
say("\n== a call, from the press of the button to its first decoded picture");
await timeFirstFrames(Number(rounds), say);

/** The peer's package exports its whole worker only; its sources are in it. */
async function bundlePeer({ url, run }: BenchFolder): Promise<void> {
  const entry = `export * from "${LIVEKIT}worker/FrameCryptor.ts";
export * from "${LIVEKIT}worker/ParticipantKeyHandler.ts";
export { KEY_PROVIDER_DEFAULTS } from "${LIVEKIT}constants.ts";
`;
  await Deno.writeTextFile(new URL("livekit_entry.ts", url), entry);
  const options = ["--bundle", "--format=esm", "--log-level=warning"];
  const isDone = await run("node_modules/.bin/esbuild", [
    "livekit_entry.ts",
    "--outfile=livekit_cryptor.js",
    ...options,
  ]);
  if (!isDone) say("livekit-client can't be bundled: it is not compared");
}

/** Runs it in a worker of a browser; timers are precise there for isolated pages only. */
async function runInBrowser(): Promise<void> {
  say("\n== a worker of the browser");
  const isolated = {
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-embedder-policy": "require-corp",
  };
  const answer = async (request: Request): Promise<Response> => {
    const { pathname } = new URL(request.url);
    const html = { ...isolated, "content-type": "text/html" };
    if (pathname === "/") {
      return new Response("<!doctype html><title>bench</title>", { headers: html });
    }
    const script = await Deno.readTextFile(new URL(`.${pathname}`, folder.url)).catch(() => null);
    const headers = { ...isolated, "content-type": "text/javascript" };
    return new Response(script, { status: script === null ? 404 : 200, headers });
  };
  const options = { hostname: "127.0.0.1", port: 0, onListen: () => {} };
  await using server = Deno.serve(options, answer);
  const opened = await openBrowser().catch((error) => {
    say(`no browser: ${error instanceof Error ? error.message : error}`);
    return null;
  });
  if (opened === null) return;
  try {
    const page = await opened.browser.newPage();
    await page.exposeFunction("say", say);
    await page.goto(`http://127.0.0.1:${server.addr.port}/`);
    await page.evaluate(`new Promise((resolve, reject) => {
      const worker = new Worker("/worker.js", { type: "module" });
      worker.onerror = () => reject(new Error("the worker does not run"));
      worker.onmessage = ({ data }) => data === null ? resolve() : say(data);
      worker.postMessage(${Number(rounds)});
    })`);
  } finally {
    await opened.close();
  }
}
