/**
 * What came of a call is nothing but envelopes and SFrames, and nothing of it is what went.
 *
 * @module
 */

import assert from "node:assert/strict";
import { type SeenFrame } from "./pages/codec_page.ts";

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

/** What came is nothing but an envelope and an SFrame, and nothing of it is what went. */
export function assertSealed(frames: readonly SeenFrame[], mimes: readonly string[]): void {
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
      wires.map(({ hex }) => ENVELOPES[mimes[ctx]!]!.exec(hex)![0].slice(0, 2)),
    );
    say(`${mimes[ctx]}: ${wires.length} frames came; envelopes begin ${[...types].join(", ")}`);
  }
}

/** Every run of eight bytes. */
export function windows(hex: string): string[] {
  const out: string[] = [];
  for (let i = 0; i + 2 * WINDOW_BYTES <= hex.length; i += 2) {
    out.push(hex.slice(i, i + 2 * WINDOW_BYTES));
  }
  return out;
}

function say(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}
