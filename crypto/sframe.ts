/**
 * SFrame (RFC 9605), the two suites with full 16-byte tags: one media frame in, one frame out.
 *
 *     header = config || KID || CTR                  config = X(1) K(3) Y(1) C(3), section 4.3
 *     secret = HKDF-Extract("", base_key)            section 4.4.2
 *     key    = HKDF-Expand(secret, "SFrame 1.0 Secret key "  || be64(KID) || be16(suite), Nk)
 *     salt   = HKDF-Expand(secret, "SFrame 1.0 Secret salt " || be64(KID) || be16(suite), 12)
 *     nonce  = salt XOR be96(CTR)                    AAD = header || metadata
 *     frame  = header || AES-GCM(key, nonce, AAD, plaintext)
 *
 * It counts nothing: whoever calls `sealFrame` must never give one key the same CTR twice, and
 * whoever calls `openFrame` must refuse replays. This is what calls use: KID and CTR are safe
 * integers here, and larger ones are refused on the way in. The other suites and integers of the RFC
 * are in `sframe_suites.ts` and `sframe_header.ts`.
 *
 * @module
 */

import { type Bytes, concat, utf8 } from "./bytes.ts";
import { Writer } from "./codec.ts";
import { CryptoError } from "./error.ts";
import {
  aesOpen,
  aesSeal,
  hkdfExpand,
  hkdfExpandSha512,
  hkdfExtract,
  hkdfExtractSha512,
  importAesKey,
  NONCE_BYTES,
} from "./primitives.ts";

/** A cipher suite by its number: AES_128_GCM_SHA256_128 or AES_256_GCM_SHA512_128. */
export type FrameSuite = 4 | 5;

/** The key of one KID; a plain object, so it can be posted to a worker. */
export interface FrameKey {
  /** Which frames it belongs to; bound into the key. */
  readonly kid: number;
  /** The cipher suite; bound into the key. */
  readonly suite: FrameSuite;
  /** WebCrypto's handle, not extractable. */
  readonly key: CryptoKey;
  /** 12 secret bytes that every nonce is made of. */
  readonly salt: Bytes;
}

/** The header of a frame: claims of the wire until the frame was opened. */
export interface FrameHeader {
  /** Which key. */
  readonly kid: number;
  /** Which nonce of that key. */
  readonly ctr: number;
  /** Length of its encoding in bytes: 1 to 17. */
  readonly length: number;
}

/** The key and salt of a base key for one KID (section 4.4.2). */
export async function deriveFrameKey(
  baseKey: Bytes,
  kid: number,
  suite: FrameSuite = 5,
): Promise<FrameKey> {
  const context = new Writer().u64(kid).u16(suite).bytes();
  const { raw, salt } = deriveKeyBytes(baseKey, context, suite === 4, suite === 4 ? 16 : 32);
  const key = await importAesKey(raw);
  raw.fill(0);
  return { kid, suite, key, salt };
}

/**
 * What section 4.4.2 derives, for any suite; whoever takes it wipes `raw`.
 *
 * @param context be64(KID) || be16(suite)
 * @param isSha256 where not, SHA-512
 */
export function deriveKeyBytes(
  baseKey: Bytes,
  context: Bytes,
  isSha256: boolean,
  keyBytes: number,
): { readonly raw: Bytes; readonly salt: Bytes } {
  const empty = new Uint8Array(0);
  const secret = isSha256 ? hkdfExtract(empty, baseKey) : hkdfExtractSha512(empty, baseKey);
  const expand = isSha256 ? hkdfExpand : hkdfExpandSha512;
  const raw = expand(secret, concat(KEY_LABEL, context), keyBytes);
  const salt = expand(secret, concat(SALT_LABEL, context), NONCE_BYTES);
  secret.fill(0);
  return { raw, salt };
}

/**
 * Encrypts one frame: header, ciphertext and tag.
 *
 * @param ctr never used before with this key
 * @param prefix what stands in front of it in the result: a frame is copied once, not twice
 */
export async function sealFrame(
  key: FrameKey,
  ctr: number,
  metadata: Bytes,
  plaintext: Bytes,
  prefix: Bytes = NO_BYTES,
): Promise<Bytes> {
  const header = encodeHeader(key.kid, ctr);
  const ad = metadata.length === 0 ? header : concat(header, metadata);
  const sealed = await aesSeal(key.key, nonceOf(key.salt, ctr), ad, plaintext);
  const out = new Uint8Array(prefix.length + header.length + sealed.length);
  out.set(prefix);
  out.set(header, prefix.length);
  out.set(sealed, prefix.length + header.length);
  return out;
}

/** Decrypts one frame whose header was read from the same bytes. @throws CryptoError `bad_frame` */
export async function openFrame(
  key: FrameKey,
  header: FrameHeader,
  metadata: Bytes,
  frame: Bytes,
): Promise<Bytes> {
  if (header.kid !== key.kid) throw new Error("bug: a key of another KID");
  const encoded = frame.subarray(0, header.length);
  const ad = metadata.length === 0 ? encoded : concat(encoded, metadata);
  const sealed = frame.subarray(header.length);
  const plaintext = await aesOpen(key.key, nonceOf(key.salt, header.ctr), ad, sealed);
  if (plaintext === null) throw new CryptoError("bad_frame", "A media frame did not open");
  return plaintext;
}

/** The encoding of a header (section 4.3). */
export function encodeHeader(kid: number, ctr: number): Bytes {
  const kidBytes = widthOf(kid);
  const ctrBytes = widthOf(ctr);
  const out = new Uint8Array(1 + kidBytes + ctrBytes);
  const k = kidBytes === 0 ? kid : 8 | kidBytes - 1;
  const c = ctrBytes === 0 ? ctr : 8 | ctrBytes - 1;
  out[0] = k << 4 | c;
  putUint(out, 1, kidBytes, kid);
  putUint(out, 1 + kidBytes, ctrBytes, ctr);
  return out;
}

/**
 * The header in front of a frame (section 4.3), which allows one encoding of a value: the shortest.
 *
 * @throws CryptoError `malformed` when it is cut, too long for its value, or 2^53 or more
 */
export function readHeader(frame: Uint8Array): FrameHeader {
  if (frame.length === 0) throw malformed("is empty");
  const config = frame[0]!;
  const kidBytes = config & 0x80 ? (config >> 4 & 7) + 1 : 0;
  const ctrBytes = config & 0x08 ? (config & 7) + 1 : 0;
  const length = 1 + kidBytes + ctrBytes;
  if (frame.length < length) throw malformed("ends too early");
  const kid = kidBytes === 0 ? config >> 4 & 7 : takeUint(frame, 1, kidBytes);
  const ctr = ctrBytes === 0 ? config & 7 : takeUint(frame, 1 + kidBytes, ctrBytes);
  return { kid, ctr, length };
}

const NO_BYTES = new Uint8Array(0);
const KEY_LABEL = utf8("SFrame 1.0 Secret key ");
const SALT_LABEL = utf8("SFrame 1.0 Secret salt ");

/** How many bytes follow the config byte for a value: none when it fits the config byte. */
function widthOf(value: number): number {
  if (!Number.isSafeInteger(value) || value < 0) throw new Error("bug: not a KID or CTR");
  if (value < 8) return 0;
  let width = 1;
  for (let rest = value; rest >= 256; rest = Math.floor(rest / 256)) width++;
  return width;
}

function putUint(out: Uint8Array, at: number, width: number, value: number): void {
  let rest = value;
  for (let i = at + width - 1; i >= at; i--) {
    out[i] = rest % 256;
    rest = Math.floor(rest / 256);
  }
}

function takeUint(frame: Uint8Array, at: number, width: number): number {
  let value = 0;
  for (let i = at; i < at + width; i++) value = value * 256 + frame[i]!;
  if (!Number.isSafeInteger(value)) throw malformed("has an integer of 2^53 or more");
  if (widthOf(value) !== width) throw malformed("has an overlong integer");
  return value;
}

function nonceOf(salt: Bytes, ctr: number): Bytes {
  const nonce = salt.slice();
  let rest = ctr;
  for (let i = NONCE_BYTES - 1; rest > 0; i--) {
    nonce[i]! ^= rest % 256;
    rest = Math.floor(rest / 256);
  }
  return nonce;
}

function malformed(why: string): CryptoError {
  return new CryptoError("malformed", `Cannot read a frame header: it ${why}`);
}
