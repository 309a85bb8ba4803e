/**
 * Countersign's frame cryptor, called as the transform worker calls it.
 *
 * @module
 */

import { type Bytes } from "../../crypto/bytes.ts";
import { codecOf } from "../../crypto/envelope.ts";
import { FrameCryptor } from "../../crypto/frame_cryptor.ts";
import { CTX, frameKid } from "../../crypto/schedule.ts";
import { deriveFrameKey, type FrameKey } from "../../crypto/sframe.ts";
import { type Contender } from "../shared/rounds.ts";
import { type Frame, framesOf } from "./frame.ts";
import { BATCH, type Contenders } from "./sides.ts";

const WHO = "countersign";

/** Both sides at one size of frames. */
export async function ours(bytes: number): Promise<Contenders> {
  const key = await cameraKey();
  const sender = new FrameCryptor();
  sender.setSendKey(CTX.camera, key);
  const protect: Contender = {
    who: WHO,
    includes: "AES-256-GCM, header, envelope, counts",
    batch: BATCH,
    make: (count) => {
      const frames = framesOf(count, bytes);
      return Promise.resolve((i) => protectFrame(sender, frames[i]!));
    },
  };
  const receiver = new FrameCryptor();
  receiver.addRecvKey(key);
  const unprotect: Contender = {
    who: WHO,
    includes: "envelope, header, replay window, AES-256-GCM, counts",
    batch: BATCH,
    make: async (count) => {
      const frames = framesOf(count, bytes);
      for (const frame of frames) await protectFrame(sender, frame);
      return async (i) => {
        const frame = frames[i]!;
        await unprotectFrame(receiver, frame);
        if (frame.data.byteLength !== bytes) throw new Error("a frame did not open");
      };
    },
  };
  return { protect, unprotect };
}

/** Some camera's key. */
export function cameraKey(): Promise<FrameKey> {
  return deriveFrameKey(new Uint8Array(64).fill(7), frameKid({ epoch: 1, step: 0 }, 0, CTX.camera));
}

async function protectFrame(cryptor: FrameCryptor, frame: Frame): Promise<void> {
  const codec = codecOf(frame.getMetadata().mimeType);
  const to = { ctx: CTX.camera, codec, frameType: frame.type };
  frame.data = whole(await cryptor.protect(to, new Uint8Array(frame.data)));
}

async function unprotectFrame(cryptor: FrameCryptor, frame: Frame): Promise<void> {
  const codec = codecOf(frame.getMetadata().mimeType);
  frame.data = whole(
    await cryptor.unprotect({ index: 0, ctx: CTX.camera, codec }, new Uint8Array(frame.data)),
  );
}

/** A frame takes a buffer and not a view. */
function whole(bytes: Bytes): ArrayBuffer {
  return bytes.byteLength === bytes.buffer.byteLength ? bytes.buffer : bytes.slice().buffer;
}
