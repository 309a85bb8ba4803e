/**
 * Padding: sealed payloads come in four sizes, so a length tells the server next to nothing.
 *
 *     padded = payload || 0x80 || zeros      to 512, 2048, 8192 or 16384 bytes
 *
 * @module
 */

import { type Bytes } from "./bytes.ts";
import { CryptoError } from "./error.ts";

/** The sizes of padded payloads in bytes. The largest leaves room for a handshake in one frame. */
export const PADDED_BYTES: readonly number[] = [512, 2_048, 8_192, 16_384];

/** Pads to the next size. @throws CryptoError `malformed` when longer than the largest */
export function pad(payload: Uint8Array): Bytes {
  const size = PADDED_BYTES.find((bytes) => payload.length < bytes);
  if (size === undefined) {
    throw new CryptoError("malformed", "A sealed payload is at most 16,383 bytes");
  }
  const out = new Uint8Array(size);
  out.set(payload);
  out[payload.length] = 0x80;
  return out;
}

/** Takes the padding off. @throws CryptoError `malformed` */
export function unpad(padded: Uint8Array): Bytes {
  let end = padded.length - 1;
  while (end >= 0 && padded[end] === 0) end--;
  if (!PADDED_BYTES.includes(padded.length) || padded[end] !== 0x80) {
    throw new CryptoError("malformed", "A sealed payload has no padding");
  }
  return padded.slice(0, end) as Bytes;
}
