/**
 * HMAC-SHA-1 (RFC 2104), for passwords at TURN servers alone: these compute them so.
 *
 * Nothing else may use it.
 *
 * @module
 */

import { hmac } from "@noble/hashes/hmac.js";
import { sha1 } from "@noble/hashes/legacy.js";
import { type Bytes } from "./bytes.ts";

/** HMAC-SHA-1, 20 bytes. */
export function hmacSha1(key: Uint8Array, message: Uint8Array): Bytes {
  return hmac(sha1, key, message) as Bytes;
}
