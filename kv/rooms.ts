/**
 * Managed rooms: one row each, and the index of those that somebody made.
 *
 *     ["log", origin, "room", room]           -> RoomRow, 45 KiB at most
 *     ["log", origin, "rooms_of", identity]   -> CreatedRooms
 *
 * Whoever is known to a room and whoever is kept out of it stand in its own row, so that one check holds
 * every rule about who gets in. People are packed as JSON, 250 of 128 bytes each; bans are tags of
 * identities, since nobody needs to read them. The store forgets late, so each row's own time decides.
 *
 * @module
 */

import { toBase64Url } from "../crypto/base64.ts";
import { type Bytes, fromUtf8, utf8 } from "../crypto/bytes.ts";
import { labelled } from "../crypto/labels.ts";
import { sha256 } from "../crypto/primitives.ts";
import { logKey, type LogStore } from "./log_key.ts";
import { answered } from "./store_error.ts";

/** What somebody is in a room. */
export type StoredRole = "host" | "cohost" | "member" | "listener" | "knocker";

/** Somebody whom a room knows. */
export interface RoomPerson {
  readonly role: StoredRole;
  /** Since when it is that, or was last given a token where it is a guest; Unix milliseconds. */
  readonly sinceMs: number;
  /** Whether moderation changed the role of a guest, whose invite would say another one. */
  readonly isGiven?: true;
  /** By which invite a guest came: the beginning of its key. */
  readonly invite?: string;
}

/** A managed room. */
export interface RoomRow {
  /** Who made it. */
  readonly creator: string;
  /** One more with every kick, ban, lock and end. */
  readonly epoch: number;
  /** When the epoch was last raised, Unix milliseconds; 0 where it never was. */
  readonly epochMs: number;
  readonly isLocked: boolean;
  readonly hasEnded: boolean;
  /** Sealed, base64url, or null. */
  readonly meta: string | null;
  /** Whom it knows, by identity. */
  readonly people: ReadonlyMap<string, RoomPerson>;
  /** The tags of those whom it keeps out. */
  readonly bans: ReadonlySet<string>;
  /** When it is over, Unix milliseconds. */
  readonly expMs: number;
  /** Which change it was last written by: tells one's own from another's. */
  readonly changeId: string;
}

/** The rooms that somebody made and that are open. */
export interface CreatedRooms {
  readonly rooms: readonly CreatedRoom[];
}

/** One of them. */
export interface CreatedRoom {
  readonly room: string;
  /** When it is over, Unix milliseconds. */
  readonly expMs: number;
}

/** A row as it was read: null where there is none, or its time is over. */
export interface Held<T> {
  readonly value: T | null;
  /** What a check needs, also of a row whose time is over. */
  readonly versionstamp: string | null;
}

interface StoredRoom extends Omit<RoomRow, "people" | "bans"> {
  readonly people: Bytes;
  readonly bans: Bytes;
}

const TAG_BYTES = 16;

/** What stands for an identity where nobody has to read it. */
export function identityTag(identity: string): Bytes {
  return sha256(labelled("room-identity", utf8(identity))).slice(0, TAG_BYTES);
}

/** The same as a text. */
export function identityTagText(identity: string): string {
  return toBase64Url(identityTag(identity));
}

/** A room that is not over. @throws StoreError */
export async function readRoom(
  log: LogStore,
  room: string,
  nowMs: number,
): Promise<Held<RoomRow>> {
  const { value, versionstamp } = await answered(log.kv.get<StoredRoom>(roomKey(log, room)));
  if (value === null || value.expMs <= nowMs) return { value: null, versionstamp };
  const people = new Map(JSON.parse(fromUtf8(value.people)!) as [string, RoomPerson][]);
  const bans = new Set(JSON.parse(fromUtf8(value.bans)!) as string[]);
  return { value: { ...value, people, bans }, versionstamp };
}

/** That a room is still as it was read. */
export function checkRoom(log: LogStore, room: string, held: Held<RoomRow>): Deno.AtomicCheck {
  return { key: roomKey(log, room), versionstamp: held.versionstamp };
}

/** Writes a room. */
export function writeRoom(
  log: LogStore,
  room: string,
  row: RoomRow,
  nowMs: number,
): Deno.KvMutation {
  const value: StoredRoom = {
    ...row,
    people: utf8(JSON.stringify([...row.people])),
    bans: utf8(JSON.stringify([...row.bans])),
  };
  const expireIn = Math.max(1, row.expMs - nowMs);
  return { type: "set", key: roomKey(log, room), value, expireIn };
}

/** The rooms that somebody made, without those that are over. @throws StoreError */
export async function readCreated(
  log: LogStore,
  identity: string,
  nowMs: number,
): Promise<Held<CreatedRooms>> {
  const { value, versionstamp } = await answered(
    log.kv.get<CreatedRooms>(createdKey(log, identity)),
  );
  if (value === null) return { value: null, versionstamp };
  return { value: { rooms: value.rooms.filter(({ expMs }) => expMs > nowMs) }, versionstamp };
}

/** That they are still as they were read. */
export function checkCreated(
  log: LogStore,
  identity: string,
  held: Held<CreatedRooms>,
): Deno.AtomicCheck {
  return { key: createdKey(log, identity), versionstamp: held.versionstamp };
}

/** Writes which rooms somebody made. */
export function writeCreated(
  log: LogStore,
  identity: string,
  rooms: readonly CreatedRoom[],
  nowMs: number,
): Deno.KvMutation {
  const key = createdKey(log, identity);
  if (rooms.length === 0) return { type: "delete", key };
  const expireIn = Math.max(1, Math.max(...rooms.map(({ expMs }) => expMs)) - nowMs);
  return { type: "set", key, value: { rooms } satisfies CreatedRooms, expireIn };
}

function roomKey(log: LogStore, room: string): Deno.KvKey {
  return logKey(log, "room", room);
}

function createdKey(log: LogStore, identity: string): Deno.KvKey {
  return logKey(log, "rooms_of", identity);
}
