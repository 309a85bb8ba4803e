/**
 * Every codec that the browser has, in a call of its own: it is decoded, and no byte of it leaves.
 *
 * @module
 */

import assert from "node:assert/strict";
import { type Browser } from "playwright-core";
import { type Codec } from "../../client/adapters/browser.ts";
import { bundle, openBrowser } from "./harness.ts";
import { type CodecCall, type SeenFrame } from "./pages/codec_page.ts";

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

/** What may stand in front of SFrame on the wire, in hexadecimal. */
const ENVELOPES: Readonly<Record<string, RegExp>> = {
  "audio/opus": /^/,
  "audio/red": /^/,
  "video/vp8": /^(1000009d012a8002e001|11)/,
  "video/vp9": /^/,
  "video/av1": /^(1200)?(0a|32)([89a-f].)*[0-7]./,
  "video/h264": new RegExp(
    "^(((00)?0000016742e01fda0280f6806d044235(00)?00000168ce3880)?(00)?000001658880|(00)?000001419a80)",
  ),
};

/** KIDs of either side in epoch 1, step 0, behind the first byte of SFrame: microphone and camera. */
const KIDS = [/^(8.10|9.0810)/, /^(9.0110|9.0910)/] as const;
/** Bytes at the start of a frame in which a codec has its headers. */
const HEADER_BYTES = 64;
/** As many bytes are not alike by chance. */
const WINDOW_BYTES = 8;

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
          // A retransmission that was not needed is refused as a replay, and may be.
          const refused = Object.keys(stats.refused).filter((code) => code !== "replayed_frame");
          assert.deepEqual(refused, []);
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

/** What came is nothing but an envelope and an SFrame, and nothing of it is what went. */
function assertSealed(frames: readonly SeenFrame[], mimes: readonly string[]): void {
  const sent = frames.filter(({ side }) => side === "send");
  const received = frames.filter(({ side }) => side === "recv");
  for (const ctx of [0, 1] as const) {
    const clear = sent.filter((frame) => frame.ctx === ctx).map(({ hex }) => hex);
    const headers = new Set(clear.flatMap((hex) => windows(hex.slice(0, 2 * HEADER_BYTES))));
    assert.ok(clear.length > 50 && headers.size > 50);
    const wires = received.filter((frame) => frame.ctx === ctx);
    assert.ok(wires.length > 50);
    for (const { hex, mimeType } of wires) {
      assert.equal(mimeType.toLowerCase(), mimes[ctx]);
      const envelope = ENVELOPES[mimes[ctx]!]!;
      assert.match(hex, envelope);
      const sframe = hex.replace(envelope, "");
      assert.match(sframe, KIDS[ctx]);
      const found = windows(sframe).filter((window) => headers.has(window));
      assert.deepEqual(found, [], "a codec's bytes are on the wire");
    }
    const types = new Set(
      wires.map(({ hex }) => ENVELOPES[mimes[ctx]!]!.exec(hex)![0].slice(0, 12)),
    );
    say(`${mimes[ctx]}: ${wires.length} frames came; envelopes begin ${[...types].join(", ")}`);
  }
}

function windows(hex: string): string[] {
  const out: string[] = [];
  for (let i = 0; i + 2 * WINDOW_BYTES <= hex.length; i += 2) {
    out.push(hex.slice(i, i + 2 * WINDOW_BYTES));
  }
  return out;
}

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
