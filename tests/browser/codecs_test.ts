/**
 * Every codec that the browser has, in a call of its own: it is decoded, and no byte of it leaves.
 *
 * @module
 */

import assert from "node:assert/strict";
import { type Browser } from "playwright-core";
import { type Codec } from "../../client/adapters/browser.ts";
import { bundle, openBrowser } from "./harness.ts";
import { type CodecCall } from "./pages/codec_page.ts";
import { assertSealed } from "./sealed_frames.ts";

const ORIGIN = "https://countersign.test";
const SMALL = { width: 320, height: 240 };
/** The smallest that Chromium gives three spatial layers. */
const LAYERED = { width: 960, height: 540 };

interface Case {
  readonly name: string;
  readonly codecs: readonly Codec[];
  readonly mode: string | null;
}

const CASES: readonly Case[] = [
  { name: "VP8", codecs: ["opus", "vp8"], mode: null },
  { name: "VP9", codecs: ["opus", "vp9"], mode: null },
  { name: "VP9 in layers", codecs: ["opus", "vp9"], mode: "L3T3" },
  { name: "AV1", codecs: ["opus", "av1"], mode: null },
  { name: "H.264", codecs: ["opus", "h264"], mode: null },
  { name: "RED", codecs: ["red", "opus", "vp8"], mode: null },
];

Deno.test("every codec is decoded, and none of its bytes is on the wire", async (t) => {
  const [page, worker] = await Promise.all([
    bundle(new URL("./pages/codec_page.ts", import.meta.url)),
    bundle(new URL("./pages/tap_worker.ts", import.meta.url)),
  ]);
  const { browser, close } = await openBrowser();
  try {
    for (const { name, codecs, mode } of CASES) {
      await t.step(name, async () => {
        const size = mode === null ? SMALL : LAYERED;
        const call = await tell(browser, page, worker, [codecs, mode, size]).catch((error) => {
          if (!`${error}`.includes("This browser has no ")) throw error;
          return null;
        });
        if (call === null) return say(`skipped: this browser has no ${name}`);
        const { played, streams, ended, frames } = call;
        say([...new Set(streams)].sort().join("; "));
        assert.ok(played, JSON.stringify(ended));
        for (const { failures, stats } of ended) {
          assert.deepEqual(failures, []);
          assert.deepEqual(stats.refused, {});
        }
        const wanted = codecs.filter((codec) => codec !== "opus" || codecs[0] === "opus");
        const mimes = wanted.map((codec, i) => `${i === 0 ? "audio" : "video"}/${codec}`);
        // The browser's statistics call RED by what is in it; its frames do not.
        const used = new Set(frames.map(({ mimeType }) => mimeType.toLowerCase()));
        assert.deepEqual(used, new Set(mimes));
        if (mode !== null) {
          assert.ok(streams.some((stream) => stream.includes(mode)), `${streams}`);
          // Each layer of a picture is a frame of its own.
          for (const { browser } of ended) {
            assert.ok(browser.videoFramesSent > 2 * browser.framesDecoded);
          }
        }
        assertSealed(frames, mimes);
      });
    }
  } finally {
    await close();
  }
});

async function tell(
  browser: Browser,
  page: string,
  worker: string,
  args: readonly unknown[],
): Promise<CodecCall> {
  const tab = await browser.newPage();
  const errors: string[] = [];
  tab.on("pageerror", (error) => errors.push(error.message));
  await tab.route(`${ORIGIN}/**`, (route) => {
    const { pathname } = new URL(route.request().url());
    const script = pathname === "/page.js" ? page : pathname === "/tap_worker.js" ? worker : null;
    return route.fulfill(
      script === null
        ? {
          contentType: "text/html",
          body: `<!doctype html><body><script src="/page.js"></script>`,
        }
        : { contentType: "text/javascript", body: script },
    );
  });
  await tab.goto(`${ORIGIN}/`);
  const result = await tab.evaluate<CodecCall>(`call(...${JSON.stringify(args)})`);
  await tab.close();
  assert.deepEqual(errors, []);
  return result;
}

function say(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}
