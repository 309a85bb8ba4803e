/**
 * VAPID (RFC 8292): what tells a push service who sends, and that the subscription was made for it.
 *
 *     Authorization: vapid t=<JWT {aud, exp, sub}, ES256>, k=<public key>
 *
 * @module
 */

import { SignJWT } from "jose";
import { toBase64Url } from "../crypto/base64.ts";
import { type RawKeyPair } from "../crypto/primitives.ts";

/** Life of a token, in milliseconds; at most 24 hours (RFC 8292, section 2). */
const TOKEN_TTL_MS = 43_200_000;
/** How long one is sent again: push services want no other one for each message. */
const REUSE_MS = 3_600_000;
/** How many are remembered: a list with `*.` in it has any number of origins. */
const MAX_REMEMBERED = 64;

/** Makes the header of requests to push services. */
export interface Vapid {
  /** The value of `Authorization` for an endpoint's origin. */
  header(origin: string, nowMs: number): Promise<string>;
}

/** The tokens of one key. @param contact `mailto:` or `https:` */
export function openVapid({ publicKey, privateKey }: RawKeyPair, contact: string): Vapid {
  const key = toBase64Url(publicKey);
  const held = new Map<string, { readonly header: string; readonly untilMs: number }>();

  async function header(origin: string, nowMs: number): Promise<string> {
    const known = held.get(origin);
    if (known !== undefined && known.untilMs > nowMs) return known.header;
    const token = await new SignJWT()
      .setProtectedHeader({ typ: "JWT", alg: "ES256" })
      .setAudience(origin)
      .setExpirationTime(Math.floor((nowMs + TOKEN_TTL_MS) / 1000))
      .setSubject(contact)
      .sign(privateKey);
    const fresh = `vapid t=${token}, k=${key}`;
    held.delete(origin);
    if (held.size >= MAX_REMEMBERED) held.delete(held.keys().next().value!);
    held.set(origin, { header: fresh, untilMs: nowMs + REUSE_MS });
    return fresh;
  }

  return { header };
}
