/**
 * Which kind of room an id names: told by the first bit of its 16 bytes.
 *
 *     0    an open room: nobody made it, and whoever knows the other 127 random bits may join
 *     1    a managed room: it exists while the service has a row of it, with roles, invites and bans
 *
 * So a managed room that ended, or was lost with its store, never turns into one that is open to
 * those whom it kept out; and joining an open room asks no store.
 *
 * @module
 */

import { fromBase64Url, toBase64Url } from "../crypto/base64.ts";
import { randomBytes } from "../crypto/primitives.ts";
import { ROOM_ID_BYTES } from "./limits.ts";

const MANAGED_BIT = 0x80;

/** A fresh id of an open room, base64url. */
export function openRoomId(): string {
  const bytes = randomBytes(ROOM_ID_BYTES);
  bytes[0]! &= ~MANAGED_BIT;
  return toBase64Url(bytes);
}

/** A fresh id of a managed room, base64url. */
export function managedRoomId(): string {
  const bytes = randomBytes(ROOM_ID_BYTES);
  bytes[0]! |= MANAGED_BIT;
  return toBase64Url(bytes);
}

/** Whether an id is a managed room's. */
export function isManaged(room: string): boolean {
  const bytes = fromBase64Url(room);
  return bytes?.length === ROOM_ID_BYTES && (bytes[0]! & MANAGED_BIT) !== 0;
}
