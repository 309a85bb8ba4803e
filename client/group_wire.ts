/**
 * What members of a group call say to each other in their room, inside its envelopes.
 *
 *     Application = 0x00 || payload                         to everybody
 *     Offer       = 0x5a || v16 common || v16 offer         to one: X3DH, with the description of a connection
 *     Answer, Confirm, Box                                  to one: as in a call between two (0x12, 0x13, 0x30)
 *     Welcome     = 0x59 || v16 snapshot || Box             to one
 *     Commit, Ack, Switch, Heartbeat                        as in `crypto/group.ts` (0x50, 0x53, 0x54, 0x55)
 *     Ask         = 0x57                                    asks for the present secret
 *     Renew       = 0x58                                    asks for other keys: who says it may have sent
 *                                                           under the present ones before
 *     Place       = 0x56 || commit_hash[32] || shown        what a member shows: it is in the call, and where
 *                                                           its last commit has its place; zeros before one
 *
 * The room's own number of a Place is the number of the commit that it names.
 *
 * @module
 */

import { type Bytes, concat } from "../crypto/bytes.ts";
import { Reader, Writer } from "../crypto/codec.ts";
import { HASH_BYTES } from "../crypto/primitives.ts";

/** The first byte of what is said. */
export const SAID = {
  application: 0x00,
  answer: 0x12,
  confirm: 0x13,
  box: 0x30,
  commit: 0x50,
  ack: 0x53,
  switch: 0x54,
  heartbeat: 0x55,
  ask: 0x57,
  renew: 0x58,
  welcome: 0x59,
  offer: 0x5a,
} as const;

const PLACE = 0x56;
const NO_COMMIT = new Uint8Array(HASH_BYTES);

/** Something that is the application's own. */
export function encodeApplication(payload: Bytes): Bytes {
  return concat(Uint8Array.of(SAID.application), payload);
}

/** An offer of a session. */
export function encodeOffer(common: Bytes, offer: Bytes): Bytes {
  return new Writer().u8(SAID.offer).v16(common).v16(offer).bytes();
}

/** Reads one. @throws CryptoError `malformed` */
export function decodeOffer(bytes: Bytes): { readonly common: Bytes; readonly offer: Bytes } {
  const reader = new Reader(bytes, "an offer");
  reader.expect(reader.u8(), SAID.offer, "type");
  const [common, offer] = [reader.v16(), reader.v16()];
  reader.end();
  return { common, offer };
}

/** Where a call has got to, and the secret of it in a box. */
export function encodeWelcome(snapshot: Bytes, box: Bytes): Bytes {
  return concat(new Writer().u8(SAID.welcome).v16(snapshot).bytes(), box);
}

/** Reads one. @throws CryptoError `malformed` */
export function decodeWelcome(bytes: Bytes): { readonly snapshot: Bytes; readonly box: Bytes } {
  const reader = new Reader(bytes, "a welcome");
  reader.expect(reader.u8(), SAID.welcome, "type");
  const snapshot = reader.v16();
  return { snapshot, box: bytes.slice(reader.position()) };
}

/** What a member shows. @param hash of its last commit, or null @param shown the application's */
export function encodePlace(hash: Bytes | null, shown: Bytes): Bytes {
  return concat(Uint8Array.of(PLACE), hash ?? NO_COMMIT, shown);
}

/** A member's place in a call. */
export interface Place {
  /** Of its last commit, or null before it made one. */
  readonly hash: Bytes | null;
  /** What the application shows. */
  readonly shown: Bytes;
}

/** Reads what a member shows; null where it is not in the call. */
export function placeOf(meta: Bytes | null): Place | null {
  if (meta === null || meta[0] !== PLACE || meta.length < 1 + HASH_BYTES) return null;
  const hash = meta.slice(1, 1 + HASH_BYTES);
  return { hash: hash.some((byte) => byte !== 0) ? hash : null, shown: meta.slice(1 + HASH_BYTES) };
}
