/**
 * The peer livekit-client: the `FrameCryptor` of its end-to-end encryption worker, which does without a
 * header of its own, a replay window and authenticated counters, and leaves the first bytes clear.
 *
 * Its package exports the whole worker only, so the class is bundled out of the sources in the package.
 *
 * @module
 */

import { type Frame, framesOf } from "./frame.ts";
import { BATCH, type Contenders } from "./sides.ts";

const WHO = "livekit-client";
/** What `bench/frames.ts` bundles for it. */
const BUNDLE = "./livekit_cryptor.js";
const IDENTITY = "alice";

/** What is used of the peer; nothing of it is public, so nothing of it is typed where it is from. */
export interface LiveKitCryptor {
  encodeFunction(frame: Frame, controller: Sink): Promise<void>;
  decodeFunction(frame: Frame, controller: Sink): Promise<void>;
  setupTransform(
    operation: "encode" | "decode",
    readable: ReadableStream<Frame>,
    writable: WritableStream<Frame>,
    trackId: string,
    codec: string,
  ): void;
}

interface Sink {
  enqueue(frame: Frame): void;
}

/** A cryptor with a key of 128 bits, its default, or null where the peer is not installed. */
export async function liveKitCryptor(): Promise<LiveKitCryptor | null> {
  // Untyped on purpose: the bundle is not there when this file is checked.
  const lib = await import(String(BUNDLE)).catch(() => null);
  if (lib === null) return null;
  const options = lib.KEY_PROVIDER_DEFAULTS;
  const keys = new lib.ParticipantKeyHandler(IDENTITY, options);
  const usages: KeyUsage[] = ["deriveBits", "deriveKey"];
  const secret = new Uint8Array(32).fill(7);
  await keys.setKey(await crypto.subtle.importKey("raw", secret, "HKDF", false, usages));
  lib.encryptionEnabledMap.set(IDENTITY, true);
  return new lib.FrameCryptor({ keys, participantIdentity: IDENTITY, keyProviderOptions: options });
}

/** Both sides at one size of frames, or null where the peer is not installed. */
export async function liveKit(bytes: number): Promise<Contenders | null> {
  const cryptor = await liveKitCryptor();
  if (cryptor === null) return null;
  let passed = 0;
  const sink: Sink = { enqueue: () => passed++ };
  return {
    protect: {
      who: WHO,
      includes: "AES-128-GCM, its IV and trailer",
      batch: BATCH,
      make: (count) => {
        const frames = framesOf(count, bytes);
        return Promise.resolve((i) => cryptor.encodeFunction(frames[i]!, sink));
      },
    },
    unprotect: {
      who: WHO,
      includes: "trailer, AES-128-GCM",
      batch: BATCH,
      make: async (count) => {
        const frames = framesOf(count, bytes);
        for (const frame of frames) await cryptor.encodeFunction(frame, sink);
        return async (i) => {
          const before = passed;
          await cryptor.decodeFunction(frames[i]!, sink);
          if (passed !== before + 1 || frames[i]!.data.byteLength !== bytes) {
            throw new Error("a frame did not open");
          }
        };
      },
    },
  };
}
