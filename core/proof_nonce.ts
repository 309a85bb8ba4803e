/**
 * Nonces for DPoP proofs (RFC 9449, section 8): they show that a proof was made now, without the
 * service remembering any of them.
 *
 *     nonce = base64url(u64 issued_ms || HMAC-SHA-256(key, u64 issued_ms)[0..16))
 *
 * The key is used for nothing else. A nonce may serve several proofs while it lives; that a proof
 * is used once is its `jti`'s business.
 *
 * @module
 */

import { fromBase64Url, toBase64Url } from "../crypto/base64.ts";
import { type Bytes, concat } from "../crypto/bytes.ts";
import { Reader, Writer } from "../crypto/codec.ts";
import { constantTimeEqual, hmacSha256 } from "../crypto/primitives.ts";
import { type Secret } from "../crypto/secret.ts";
import { PROOF_TTL_MS } from "../wire/limits.ts";

const TIME_BYTES = 8;
const TAG_BYTES = 16;

/** A nonce that is good for the next 60 seconds. */
export function issueNonce(key: Secret, nowMs: number): string {
  const time = new Writer().u64(nowMs).bytes();
  return toBase64Url(concat(time, tagOf(key, time)));
}

/** Whether this service issued the nonce within the last 60 seconds. */
export function checkNonce(key: Secret, nonce: string, nowMs: number): boolean {
  const bytes = fromBase64Url(nonce);
  if (bytes === null || bytes.length !== TIME_BYTES + TAG_BYTES) return false;
  const time = bytes.slice(0, TIME_BYTES);
  if (!constantTimeEqual(tagOf(key, time), bytes.slice(TIME_BYTES))) return false;
  // A time ahead of ours is another instance's clock: the tag says that it is one of us.
  return Math.abs(nowMs - new Reader(time, "the nonce").u64()) <= PROOF_TTL_MS;
}

function tagOf(key: Secret, time: Bytes): Bytes {
  return hmacSha256(key.expose(), time).slice(0, TAG_BYTES);
}
