/**
 * SHA-2, HMAC and HKDF, all synchronous because tree and transcript code is: the runtime's, or noble's.
 *
 * @module
 */

import { hmac } from "@noble/hashes/hmac.js";
import { sha256 as nobleSha256, sha512 as nobleSha512 } from "@noble/hashes/sha2.js";
import { type Bytes, concat } from "./bytes.ts";
import { nativeCrypto, plain } from "./platform.ts";

/** Length of a SHA-256 digest in bytes. */
export const HASH_BYTES = 32;

/** SHA-256 (FIPS 180-4) of the concatenation of the parts. */
export function sha256(...parts: readonly Uint8Array[]): Bytes {
  return digest("sha256", parts);
}

/** SHA-512 (FIPS 180-4) of the concatenation of the parts. */
export function sha512(...parts: readonly Uint8Array[]): Bytes {
  return digest("sha512", parts);
}

/** HMAC-SHA-256 (RFC 2104). */
export function hmacSha256(key: Uint8Array, message: Uint8Array): Bytes {
  return mac("sha256", key, message);
}

/** HKDF-Extract with SHA-256 (RFC 5869, section 2.2). */
export function hkdfExtract(salt: Uint8Array, secret: Uint8Array): Bytes {
  return mac("sha256", salt, secret);
}

/** HKDF-Expand with SHA-256 (RFC 5869, section 2.3). */
export function hkdfExpand(key: Uint8Array, info: Uint8Array, length: number): Bytes {
  return expand("sha256", key, info, length);
}

/** HKDF-Extract with SHA-512. */
export function hkdfExtractSha512(salt: Uint8Array, secret: Uint8Array): Bytes {
  return mac("sha512", salt, secret);
}

/** HKDF-Expand with SHA-512. */
export function hkdfExpandSha512(key: Uint8Array, info: Uint8Array, length: number): Bytes {
  return expand("sha512", key, info, length);
}

type Algorithm = "sha256" | "sha512";

const PORTABLE = { sha256: nobleSha256, sha512: nobleSha512 };

function digest(algorithm: Algorithm, parts: readonly Uint8Array[]): Bytes {
  const native = nativeCrypto();
  if (native !== null) {
    const whole = parts.length === 1 ? parts[0]! : concat(...parts);
    return plain(native.hash(algorithm, whole, "buffer"));
  }
  const hash = PORTABLE[algorithm].create();
  for (const part of parts) hash.update(part);
  return hash.digest() as Bytes;
}

function mac(algorithm: Algorithm, key: Uint8Array, ...parts: readonly Uint8Array[]): Bytes {
  const native = nativeCrypto();
  const started = native === null
    ? hmac.create(PORTABLE[algorithm], key)
    : native.createHmac(algorithm, key);
  for (const part of parts) started.update(part);
  return plain(started.digest());
}

/** T(i) = HMAC(key, T(i-1) || info || i), one behind the other. */
function expand(algorithm: Algorithm, key: Uint8Array, info: Uint8Array, length: number): Bytes {
  const width = PORTABLE[algorithm].outputLen;
  if (length > 255 * width) throw new Error("bug: HKDF gives at most 255 blocks");
  const out = new Uint8Array(length);
  let block: Bytes = new Uint8Array(0);
  for (let at = 0; at < length; at += width) {
    const next = mac(algorithm, key, block, info, Uint8Array.of(at / width + 1));
    block.fill(0);
    block = next;
    out.set(block.subarray(0, length - at), at);
  }
  block.fill(0);
  return out;
}
