/**
 * The pipe of a received medium, on streams of the runtime, with frames that are made here.
 *
 * @module
 */

import assert from "node:assert/strict";
import { type EncodedFrame, type Transformer } from "../../client/adapters/browser_pipe.ts";
import { receiveFrames, type Receiver } from "../../client/adapters/browser_receiver.ts";
import { MAX_WAITING_FRAMES } from "../../client/adapters/browser_waiting.ts";
import { type Bytes, utf8 } from "../../crypto/bytes.ts";
import { FrameCryptor } from "../../crypto/frame_cryptor.ts";
import { type FrameStats, FrameTally } from "../../crypto/frame_tally.ts";
import { CTX } from "../../crypto/schedule.ts";
import { deriveFrameKey, type FrameKey } from "../../crypto/sframe.ts";

const KID = 0x110;
const CAMERA = { ctx: CTX.camera, codec: "h264", frameType: "delta" } as const;

Deno.test("what waited is written in its order, before what comes later, and asks for one key frame", async () => {
  for (const lost of [0, 10]) {
    const { arrive, settled, addKey, found, stats } = pipe();
    const sender = new FrameCryptor();
    sender.setSendKey(CTX.camera, await keyOf(1, KID));
    const count = MAX_WAITING_FRAMES + lost;
    for (let i = 0; i < count; i++) arrive(await sender.protect(CAMERA, utf8(`${i}`)));
    await settled();
    assert.deepEqual(found.written, []);
    addKey(await keyOf(1, KID));
    arrive(await sender.protect(CAMERA, utf8(`${count}`)));
    await settled();
    const kept = Array.from({ length: MAX_WAITING_FRAMES + 1 }, (_, i) => `${lost + i}`);
    assert.deepEqual(found.written, kept);
    assert.equal(found.keyFrames, lost === 0 ? 0 : 1);
    assert.deepEqual(stats().refused, lost === 0 ? {} : { unknown_key: lost });
  }
});

Deno.test("frames that open do not wait behind those whose key is missing, nor does a bad one wait", async () => {
  const { arrive, settled, addKey, found, stats } = pipe();
  const [held, missing] = [new FrameCryptor(), new FrameCryptor()];
  held.setSendKey(CTX.camera, await keyOf(1, KID));
  missing.setSendKey(CTX.camera, await keyOf(2, KID + 1));
  addKey(await keyOf(1, KID));
  arrive(await missing.protect(CAMERA, utf8("waits")));
  arrive(await held.protect(CAMERA, utf8("goes on")));
  const bad = await held.protect(CAMERA, utf8("flipped"));
  bad[bad.length - 4]! ^= 1;
  arrive(bad);
  await settled();
  assert.deepEqual(found.written, ["goes on"]);
  assert.deepEqual(stats().refused, { bad_frame: 1 });
  addKey(await keyOf(2, KID + 1));
  await settled();
  assert.deepEqual(found.written, ["goes on", "waits"]);
});

interface Pipe {
  arrive(wire: Bytes): void;
  addKey(key: FrameKey): void;
  settled(): Promise<void>;
  stats(): FrameStats;
  readonly found: { readonly written: string[]; keyFrames: number };
}

function pipe(): Pipe {
  const cryptor = new FrameCryptor();
  const tally = new FrameTally();
  const found = { written: [] as string[], keyFrames: 0 };
  let push: (frame: EncodedFrame) => void = () => {};
  const transformer = {
    readable: new ReadableStream<EncodedFrame>({
      start(controller) {
        push = (frame) => controller.enqueue(frame);
      },
    }),
    writable: new WritableStream<EncodedFrame>({
      write: ({ data }) => void found.written.push(new TextDecoder().decode(data)),
    }),
    options: { connection: 0, side: "recv", ctx: CTX.camera },
    sendKeyFrameRequest: () => Promise.resolve(void found.keyFrames++),
  } as unknown as Transformer;
  const receiver: Receiver = receiveFrames(transformer, {
    cryptor,
    tally,
    peer: () => 0,
    codecOf: () => "h264",
    want: () => {},
    miss: () => {},
  });
  return {
    found,
    stats: () => tally.stats(),
    arrive: (wire) => push({ data: wire.slice().buffer } as EncodedFrame),
    addKey(key) {
      cryptor.addRecvKey(key);
      receiver.flush(key.kid);
    },
    /** As long as frames go on being written, there may be more. */
    async settled() {
      for (let seen = -1; seen !== found.written.length;) {
        seen = found.written.length;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    },
  };
}

function keyOf(generation: number, kid: number): Promise<FrameKey> {
  return deriveFrameKey(new Uint8Array(64).fill(generation), kid);
}
