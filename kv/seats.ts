/**
 * Who is in each room, where several instances share a store.
 *
 *     ["seats", room]          -> bytes            everything but long texts, one value for 250 members
 *     ["seat_text", room, mid] -> { rev, text }    what a member shows, or said at the door
 *     ["at", instance, room]   -> true             the room has somebody of that instance
 *     ["in", cid, room]        -> true             the connection has a place in that room
 *
 * The first row decides: every change checks and replaces it, in the one commit that also tells the
 * members. A text belongs to the row that names its `rev`.
 *
 * @module
 */

import { type Bytes } from "../crypto/bytes.ts";
import { answered, StoreError } from "./store_error.ts";

/** A room's row; null bytes where nobody is in it. */
export interface SeatsRow {
  readonly bytes: Bytes | null;
  readonly versionstamp: string | null;
}

/** A text with what tells it from the one before. */
export interface SeatText {
  readonly rev: number;
  readonly text: string;
}

/** The key of a room's row. */
export function seatsKey(room: string): Deno.KvKey {
  return ["seats", room];
}

/** A room's row. @throws StoreError */
export async function readSeats(kv: Deno.Kv, room: string): Promise<SeatsRow> {
  const { value, versionstamp } = await answered(kv.get<Bytes>(seatsKey(room)));
  return { bytes: value, versionstamp };
}

/** The texts of a room by member id. @throws StoreError */
export async function readSeatTexts(
  kv: Deno.Kv,
  room: string,
): Promise<ReadonlyMap<string, SeatText>> {
  const texts = new Map<string, SeatText>();
  try {
    const rows = kv.list<SeatText>({ prefix: ["seat_text", room] }, { batchSize: 500 });
    for await (const { key, value } of rows) texts.set(key[2] as string, value);
  } catch (cause) {
    throw new StoreError("The store cannot be read", { cause });
  }
  return texts;
}

/** Writes a room's row, or deletes it where nobody is left. */
export function writeSeats(room: string, bytes: Bytes | null): Deno.KvMutation {
  const key = seatsKey(room);
  return bytes === null ? { type: "delete", key } : { type: "set", key, value: bytes };
}

/** Writes a member's text, or deletes it. */
export function writeSeatText(room: string, mid: string, text: SeatText | null): Deno.KvMutation {
  const key = ["seat_text", room, mid];
  return text === null ? { type: "delete", key } : { type: "set", key, value: text };
}

/** Says whether a room has somebody of an instance. */
export function markAt(instance: string, room: string, isAt: boolean): Deno.KvMutation {
  const key = ["at", instance, room];
  return isAt ? { type: "set", key, value: true } : { type: "delete", key };
}

/** Says whether a connection has a place in a room. */
export function markIn(cid: string, room: string, isIn: boolean): Deno.KvMutation {
  const key = ["in", cid, room];
  return isIn ? { type: "set", key, value: true } : { type: "delete", key };
}

/** The rooms that have somebody of an instance. @throws StoreError */
export function listRoomsAt(kv: Deno.Kv, instance: string): Promise<readonly string[]> {
  return roomsUnder(kv, ["at", instance]);
}

/** The rooms in which a connection has a place. @throws StoreError */
export function listRoomsOf(kv: Deno.Kv, cid: string): Promise<readonly string[]> {
  return roomsUnder(kv, ["in", cid]);
}

async function roomsUnder(kv: Deno.Kv, prefix: Deno.KvKey): Promise<readonly string[]> {
  const rooms: string[] = [];
  try {
    for await (const { key } of kv.list({ prefix }, { batchSize: 500 })) {
      rooms.push(key[2] as string);
    }
  } catch (cause) {
    throw new StoreError("The store cannot be read", { cause });
  }
  return rooms;
}
