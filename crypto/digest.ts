/**
 * SHA-2, HMAC and HKDF, all synchronous because tree and transcript code is.
 *
 * The runtime hashes what is long and noble what is short, where asking costs more than hashing.
 *
 * @module
 */

import { expand, extract } from "@noble/hashes/hkdf.js";
import { hmac } from "@noble/hashes/hmac.js";
import { sha256 as nobleSha256, sha512 as nobleSha512 } from "@noble/hashes/sha2.js";
import { type Bytes, concat } from "./bytes.ts";
import { nativeFunctions } from "./platform.ts";

/** Length of a SHA-256 digest in bytes. */
export const HASH_BYTES = 32;
/** From here on the runtime is faster; measured in Deno, whose calls cost more than Node's. */
const LONG_BYTES = 256;

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
  return hmac(nobleSha256, key, message) as Bytes;
}

/** HKDF-Extract with SHA-256 (RFC 5869, section 2.2). */
export function hkdfExtract(salt: Uint8Array, secret: Uint8Array): Bytes {
  return extract(nobleSha256, secret, salt) as Bytes;
}

/** HKDF-Expand with SHA-256 (RFC 5869, section 2.3). */
export function hkdfExpand(key: Uint8Array, info: Uint8Array, length: number): Bytes {
  return expand(nobleSha256, key, info, length) as Bytes;
}

/** HKDF-Extract with SHA-512. */
export function hkdfExtractSha512(salt: Uint8Array, secret: Uint8Array): Bytes {
  return extract(nobleSha512, secret, salt) as Bytes;
}

/** HKDF-Expand with SHA-512. */
export function hkdfExpandSha512(key: Uint8Array, info: Uint8Array, length: number): Bytes {
  return expand(nobleSha512, key, info, length) as Bytes;
}

function digest(algorithm: "sha256" | "sha512", parts: readonly Uint8Array[]): Bytes {
  let length = 0;
  for (const part of parts) length += part.length;
  const native = length < LONG_BYTES ? null : nativeFunctions();
  if (native !== null) {
    const whole = parts.length === 1 ? parts[0]! : concat(...parts);
    return Uint8Array.from(native.hash(algorithm, whole, "buffer"));
  }
  const hash = (algorithm === "sha256" ? nobleSha256 : nobleSha512).create();
  for (const part of parts) hash.update(part);
  return hash.digest() as Bytes;
}
