/**
 * Who gets into a managed room as what: pure, but for reading a token.
 *
 * @module
 */

import { thumbprintOf } from "../crypto/thumbprint.ts";
import { type RoomRow } from "../kv/rooms.ts";
import { ServiceError } from "./error.ts";
import { type Identity, type Party } from "./identity.ts";
import { type Entry } from "./room_rules.ts";
import {
  isBanned,
  newRoom,
  roomEnded,
  roomLocked,
  roomNotFound,
  touched,
  withPerson,
} from "./room_state.ts";
import { invalidRoomToken, openRoomToken, type RoomGrant, type TokenWorld } from "./room_tokens.ts";

/** What a token gives this party in this room; null for one that does not hold, or is another's. */
export async function grantFor(
  world: TokenWorld,
  room: string,
  party: Party,
  token: string,
): Promise<RoomGrant | null> {
  let grant: RoomGrant;
  try {
    grant = await openRoomToken(world, token);
  } catch (error) {
    if (error instanceof ServiceError && error.code === "invalid_room_token") return null;
    throw error;
  }
  if (grant.room !== room || grant.thumbprint !== thumbprintOf(party.signing)) return null;
  // An embedder may let in an account by its key; it goes by its own name all the same.
  const isTheirs = grant.identity === party.identity ||
    grant.isEmbedders && party.kind === "account";
  return isTheirs ? grant : null;
}

/** As what somebody gets into a room, and what it becomes by that. @throws ServiceError */
export function entered(
  row: RoomRow | null,
  who: Identity,
  grant: RoomGrant | null,
  hasToken: boolean,
  nowMs: number,
  changeId: string,
): { readonly role: Entry["role"]; readonly row: RoomRow } {
  // Of a bad token the same is said whether or not there is a room.
  const stranger = hasToken && grant === null ? invalidRoomToken() : roomNotFound();
  if (row === null) {
    if (!grant?.mayCreate) throw stranger;
    const person = { role: grant.role, sinceMs: grant.issuedMs };
    return { role: grant.role, row: newRoom(who, person, null, nowMs, changeId) };
  }
  if (isBanned(row, who)) throw stranger;
  const person = row.people.get(who);
  if (person !== undefined) {
    if (row.hasEnded) throw roomEnded();
    const alive = touched(row, nowMs);
    const isNewer = grant !== null && grant.isEmbedders && grant.issuedMs > person.sinceMs;
    if (!isNewer || grant.role === person.role) return { role: person.role, row: alive };
    const renewed = { role: grant.role, sinceMs: grant.issuedMs };
    return { role: grant.role, row: withPerson(alive, who, renewed, nowMs) };
  }
  if (grant === null || row.hasEnded) throw stranger;
  if (row.isLocked) throw roomLocked();
  const isOfEpoch = grant.epoch === null ? grant.issuedMs > row.epochMs : grant.epoch === row.epoch;
  if (!isOfEpoch) throw invalidRoomToken();
  if (grant.role === "knocker") return { role: "knocker", row };
  const newcomer = { role: grant.role, sinceMs: grant.issuedMs };
  return { role: grant.role, row: withPerson(touched(row, nowMs), who, newcomer, nowMs) };
}
