/**
 * The JSON of managed rooms over HTTP: rooms, invites, room tokens.
 *
 * Ids, keys and sealed metadata are base64url; times are Unix milliseconds, but for `expires_in`, which
 * is in seconds as OAuth has it.
 *
 * @module
 */

import { type Role } from "./frames.ts";
import { asArray, asBoolean, asCount, asObject, asOneOf, asText, orNull } from "./json.ts";
import { MAX_ROOM_INVITES, MAX_ROOMS_PER_CREATOR } from "./limits.ts";

/** Every role, from the one that may do most. */
export const ROLES = [
  "host",
  "cohost",
  "member",
  "listener",
  "knocker",
] as const satisfies readonly Role[];

/** A room as those see it who run it. */
export interface RoomWire {
  readonly room: string;
  /** One more with every kick, ban, lock and end. */
  readonly epoch: number;
  readonly locked: boolean;
  readonly ended: boolean;
  /** Sealed, or null. */
  readonly meta: string | null;
  /** What whoever asks is in it. */
  readonly role: Role;
  /** How many people it knows. */
  readonly people: number;
  /** When it ends unless somebody comes. */
  readonly expires_ms: number;
}

/** The answer to `GET /v1/rooms`. */
export interface RoomsWire {
  readonly rooms: readonly RoomWire[];
}

/** One invite of a room. */
export interface InviteWire {
  /** The public half of its key, which is its id. */
  readonly key: string;
  /** As what it lets in. */
  readonly role: Role;
  /** How many it lets in. */
  readonly uses: number;
  /** How many it has let in. */
  readonly used: number;
  readonly expires_ms: number;
}

/** The answer to `GET /v1/rooms/{room}/invites`. */
export interface InvitesWire {
  readonly invites: readonly InviteWire[];
}

/** The answer to `POST /v1/rooms/{room}/tokens`. */
export interface RoomTokenWire {
  /** For `join`, and a guest's `auth`. */
  readonly token: string;
  /** Who the room takes the asker for. */
  readonly identity: string;
  readonly role: Role;
  readonly epoch: number;
  /** Life in seconds. */
  readonly expires_in: number;
  /** The room's metadata, sealed, or null. */
  readonly meta: string | null;
}

/** Reads a room. @throws WireError */
export function roomFromWire(value: unknown): RoomWire {
  const room = asObject(value, "a room");
  return {
    room: asText(room.room, "room"),
    epoch: asCount(room.epoch, "epoch"),
    locked: asBoolean(room.locked, "locked"),
    ended: asBoolean(room.ended, "ended"),
    meta: orNull(room.meta, (meta) => asText(meta, "meta")),
    role: asOneOf(room.role, ROLES, "role"),
    people: asCount(room.people, "people"),
    expires_ms: asCount(room.expires_ms, "expires_ms"),
  };
}

/** Reads somebody's rooms. @throws WireError */
export function roomsFromWire(value: unknown): readonly RoomWire[] {
  const { rooms } = asObject(value, "the answer");
  return asArray(rooms, "rooms", MAX_ROOMS_PER_CREATOR).map(roomFromWire);
}

/** Reads an invite. @throws WireError */
export function inviteFromWire(value: unknown): InviteWire {
  const invite = asObject(value, "an invite");
  return {
    key: asText(invite.key, "key"),
    role: asOneOf(invite.role, ROLES, "role"),
    uses: asCount(invite.uses, "uses"),
    used: asCount(invite.used, "used"),
    expires_ms: asCount(invite.expires_ms, "expires_ms"),
  };
}

/** Reads a room's invites. @throws WireError */
export function invitesFromWire(value: unknown): readonly InviteWire[] {
  const { invites } = asObject(value, "the answer");
  return asArray(invites, "invites", MAX_ROOM_INVITES).map(inviteFromWire);
}

/** Reads a room token. @throws WireError */
export function roomTokenFromWire(value: unknown): RoomTokenWire {
  const answer = asObject(value, "the answer");
  return {
    token: asText(answer.token, "token"),
    identity: asText(answer.identity, "identity"),
    role: asOneOf(answer.role, ROLES, "role"),
    epoch: asCount(answer.epoch, "epoch"),
    expires_in: asCount(answer.expires_in, "expires_in"),
    meta: orNull(answer.meta, (meta) => asText(meta, "meta")),
  };
}
