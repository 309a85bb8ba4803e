/**
 * Calls between Chromium and a program on werift, each as the caller. The program has no codec: it sends
 * back what it opened, so that the browser decodes its own camera.
 *
 * @module
 */

import assert from "node:assert/strict";
import * as werift from "werift";
import { type WeriftAdapter, weriftAdapter } from "../../client/adapters/werift.ts";
import { type Bytes, toHex } from "../../crypto/bytes.ts";
import { CTX } from "../../crypto/schedule.ts";
import { keysOf } from "../support/call_keys.ts";
import { eventually } from "../support/werift.ts";
import { bundle } from "./harness.ts";
import { type SeenFrame } from "./pages/codec_page.ts";
import { type Side } from "./pages/party.ts";
import { openRemotePage, type RemotePage } from "./remote.ts";
import { windows } from "./sealed_frames.ts";

/** The start code of a VP8 key frame (RFC 6386, section 9.1), behind its tag of three bytes. */
const VP8_START = "9d012a";

/** A program that returns every frame to whom it came from. */
interface Mirror {
  readonly adapter: WeriftAdapter;
  readonly opened: { readonly ctx: number; readonly hex: string }[];
  /** RTP payloads as they came out of SRTP: all that a server between the two could see. */
  readonly payloads: { readonly kind: string; readonly hex: string }[];
}

function mirror(): Mirror {
  const opened: Mirror["opened"] = [];
  const payloads: Mirror["payloads"] = [];
  const adapter = weriftAdapter({
    werift: tapped(payloads),
    onFrame: (frame: Bytes, ctx) => {
      opened.push({ ctx, hex: toHex(frame) });
      const isKey = ctx === CTX.camera && (frame[0]! & 1) === 0;
      void adapter.send(ctx, frame, isKey ? "key" : "delta").catch(() => {});
    },
    onKeyFrameRequest: () => void adapter.requestKeyFrame(),
  });
  return { adapter, opened, payloads };
}

/** werift, with a tap on what it hands over. */
function tapped(payloads: Mirror["payloads"]): typeof werift {
  class Connection extends werift.RTCPeerConnection {
    override async setRemoteDescription(
      description: Parameters<werift.RTCPeerConnection["setRemoteDescription"]>[0],
    ): Promise<void> {
      await super.setRemoteDescription(description);
      for (const { kind, receiver } of this.getTransceivers()) {
        for (const { onReceiveRtp } of receiver.tracks) {
          onReceiveRtp.subscribe(({ payload }) =>
            payloads.push({ kind, hex: toHex(new Uint8Array(payload)) })
          );
        }
      }
    }
  }
  return { ...werift, RTCPeerConnection: Connection };
}

Deno.test("Chromium and werift call each other", async (t) => {
  const [page, worker] = await Promise.all([
    bundle(new URL("./pages/remote_party.ts", import.meta.url)),
    bundle(new URL("./pages/tap_worker.ts", import.meta.url)),
  ]);
  const scripts = { "/page.js": page, "/tap_worker.js": worker };
  const chromium = (await openRemotePage("chromium", scripts))!;
  try {
    for (const isCaller of [true, false]) {
      await t.step(isCaller ? "Chromium calls" : "werift calls", async () => {
        const program = mirror();
        try {
          await call(chromium, program, isCaller);
        } finally {
          program.adapter.close();
        }
      });
    }
  } finally {
    await chromium.close();
  }
});

async function call(chromium: RemotePage, program: Mirror, isCaller: boolean): Promise<void> {
  const { adapter, opened, payloads } = program;
  await chromium.ask("begin", ["opus", "vp8"]);
  if (isCaller) {
    const answer = await adapter.createAnswer(await chromium.ask<string>("offer"));
    await chromium.ask("accept", answer);
  } else {
    const answer = await chromium.ask<string>("answer", await adapter.createOffer());
    await adapter.acceptAnswer(answer);
  }
  await adapter.connected();
  await adapter.start(keysOf("s", isCaller ? 1 : 0));
  await chromium.ask("start", isCaller ? 0 : 1);
  let side = await chromium.ask<Side>("look");
  const isEnough = () => side.browser.framesDecoded >= 60 && side.browser.audioEnergy > 0;
  for (const end = performance.now() + 20_000; !isEnough() && performance.now() < end;) {
    await new Promise((resolve) => setTimeout(resolve, 200));
    side = await chromium.ask<Side>("look");
  }
  await eventually(() => opened.some(({ ctx }) => ctx === CTX.mic));
  const frames = await chromium.ask<readonly SeenFrame[]>("end");
  say(`${JSON.stringify(side.browser)}; ${opened.length} frames opened by the program`);
  assert.ok(isEnough(), "the browser decodes what the program sends");
  assert.deepEqual(side.failures, []);
  for (const { refused } of [side.stats, await adapter.stats()]) {
    assert.deepEqual(refused, {});
  }
  const camera = opened.filter(({ ctx }) => ctx === CTX.camera);
  assert.ok(camera.some(({ hex }) => hex.slice(6, 12) === VP8_START), "a key frame opened");
  const sent = frames.filter((frame) => frame.side === "send");
  const given = new Set(sent.map(({ hex }) => hex));
  assert.ok(camera.length > 50 && camera.every(({ hex }) => given.has(hex)), "bit by bit");

  // What stood in the packets is no part of what the encoders gave.
  assert.ok(payloads.length > 100);
  const clear = new Set(sent.flatMap(({ hex }) => windows(hex.slice(0, 128))));
  const found = payloads.flatMap(({ hex }) => windows(hex)).filter((window) => clear.has(window));
  assert.deepEqual(found, [], "a codec's bytes are in the packets");
}

function say(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}
