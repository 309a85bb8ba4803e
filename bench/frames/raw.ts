/**
 * The floor: WebCrypto's AES-256-GCM on the bytes of a frame, with a nonce that counts and nothing else.
 *
 * @module
 */

import { framesOf } from "./frame.ts";
import { BATCH, type Contenders } from "./sides.ts";

const WHO = "raw AES-256-GCM";
const NO_BYTES = new Uint8Array(0);

/** Both sides at one size of frames. */
export async function raw(bytes: number): Promise<Contenders> {
  const secret = new Uint8Array(32).fill(7);
  const key = await crypto.subtle.importKey("raw", secret, "AES-GCM", false, [
    "encrypt",
    "decrypt",
  ]);
  let counter = 0;
  const nonces = () => {
    const nonce = new Uint8Array(12);
    new DataView(nonce.buffer).setUint32(8, counter++);
    return nonce;
  };
  const gcm = (iv: Uint8Array<ArrayBuffer>) => ({
    name: "AES-GCM",
    iv,
    additionalData: NO_BYTES,
    tagLength: 128,
  });
  return {
    protect: {
      who: WHO,
      includes: "crypto.subtle.encrypt",
      batch: BATCH,
      make: (count) => {
        const frames = framesOf(count, bytes);
        return Promise.resolve(async (i) => {
          const frame = frames[i]!;
          frame.data = await crypto.subtle.encrypt(gcm(nonces()), key, frame.data);
        });
      },
    },
    unprotect: {
      who: WHO,
      includes: "crypto.subtle.decrypt",
      batch: BATCH,
      make: async (count) => {
        const frames = framesOf(count, bytes);
        const used = frames.map(() => nonces());
        for (const [i, frame] of frames.entries()) {
          frame.data = await crypto.subtle.encrypt(gcm(used[i]!), key, frame.data);
        }
        return async (i) => {
          const frame = frames[i]!;
          frame.data = await crypto.subtle.decrypt(gcm(used[i]!), key, frame.data);
        };
      },
    },
  };
}
