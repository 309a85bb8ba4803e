/**
 * An answer that caches may keep, and that says nothing of who asks.
 *
 * @module
 */

import { type Context as Exchange } from "hono";
import { type Bytes, toHex } from "../crypto/bytes.ts";
import { sha256 } from "../crypto/primitives.ts";

/** Final: what has this name never changes. */
export const FOREVER = "public, max-age=31536000, immutable";
/** For what may be another soon: a head, which the next epoch replaces. */
export const FOR_SECONDS = "public, max-age=2";

/** An answer that may be kept, or "not modified" where the asker has it already. */
export function cached(
  exchange: Exchange,
  bytes: Bytes,
  type: string,
  howLong: string,
): Response {
  const etag = `"${toHex(sha256(bytes).subarray(0, 16))}"`;
  const headers = { "content-type": type, "cache-control": howLong, etag };
  const known = exchange.req.header("if-none-match");
  if (known !== undefined && matches(known, etag)) {
    return new Response(null, { status: 304, headers });
  }
  // Said by ourselves, since the answer to HEAD has no body to count.
  return new Response(bytes, { headers: { ...headers, "content-length": `${bytes.length}` } });
}

/** Weak comparison (RFC 9110, section 13.1.2): a cache that compresses weakens the tag. */
function matches(known: string, etag: string): boolean {
  return known.split(",").map((one) => one.trim().replace(/^W\//, ""))
    .some((one) => one === etag || one === "*");
}
