/**
 * The header of SFrame (RFC 9605, section 4.3), for every KID and CTR of 64 bits.
 *
 *     header = X(1) K(3) Y(1) C(3) || KID || CTR
 *
 * A value below 8 stands in K or C itself; else X or Y is set, and K or C is the length of the
 * shortest encoding, less one. There is one encoding of a value, and the others are refused. Calls
 * have their own reader and writer in `sframe.ts`, on numbers alone.
 *
 * @module
 */

import { type Bytes, concat } from "./bytes.ts";
import { CryptoError } from "./error.ts";

/** An unsigned 64-bit integer: a number below 2^53, and a bigint from there on. */
export type Uint64 = number | bigint;

/** The header of a frame: claims of the wire until the frame was opened. */
export interface WideHeader {
  /** Which key. */
  readonly kid: Uint64;
  /** Which nonce of that key. */
  readonly ctr: Uint64;
  /** Length of its encoding in bytes: 1 to 17. */
  readonly length: number;
}

/** The value in its one form, so that equal values are `===`. */
export function uint64(value: Uint64): Uint64 {
  const isRight = typeof value === "bigint"
    ? value >= 0n && value < 1n << 64n
    : Number.isSafeInteger(value) && value >= 0;
  if (!isRight) throw new Error("bug: not a KID or CTR");
  return value <= Number.MAX_SAFE_INTEGER ? Number(value) : value;
}

/** A value in eight bytes, big-endian. */
export function be64(value: Uint64): Bytes {
  const out = new Uint8Array(8);
  new DataView(out.buffer).setBigUint64(0, BigInt(uint64(value)));
  return out;
}

/** The encoding of a header. */
export function encodeWideHeader(kid: Uint64, ctr: Uint64): Bytes {
  const [key, counter] = [shortest(kid), shortest(ctr)];
  const config = nibble(kid, key) << 4 | nibble(ctr, counter);
  return concat(Uint8Array.of(config), key, counter);
}

/**
 * The header in front of a frame.
 *
 * @throws CryptoError `malformed` when it is cut or too long for its value
 */
export function readWideHeader(frame: Uint8Array): WideHeader {
  if (frame.length === 0) throw malformed("is empty");
  const config = frame[0]!;
  const kid = take(frame, 1, config >> 4);
  const ctr = take(frame, kid.end, config & 15);
  return { kid: kid.value, ctr: ctr.value, length: ctr.end };
}

/** What follows the config byte for a value: nothing when it fits there. */
function shortest(value: Uint64): Bytes {
  const bytes = be64(value);
  return value < 8 ? new Uint8Array(0) : bytes.slice(bytes.findIndex((byte) => byte !== 0));
}

/** A value's half of the config byte. */
function nibble(value: Uint64, encoded: Bytes): number {
  return encoded.length === 0 ? Number(value) : 8 | encoded.length - 1;
}

function take(frame: Uint8Array, at: number, nibble: number): { value: Uint64; end: number } {
  if (nibble < 8) return { value: nibble, end: at };
  const end = at + nibble - 7;
  if (frame.length < end) throw malformed("ends too early");
  let value = 0n;
  for (const byte of frame.subarray(at, end)) value = value << 8n | BigInt(byte);
  if (shortest(value).length !== end - at) throw malformed("has an overlong integer");
  return { value: uint64(value), end };
}

function malformed(why: string): CryptoError {
  return new CryptoError("malformed", `Cannot read a frame header: it ${why}`);
}
