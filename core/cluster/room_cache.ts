/**
 * The rooms of the store as this instance knows them, each with the version that it read.
 *
 * Nothing here is believed without a check: whoever acts on a room commits with a check of its row.
 *
 * @module
 */

import {
  markAt,
  markIn,
  readSeats,
  readSeatTexts,
  seatsKey,
  type SeatText,
  writeSeats,
  writeSeatText,
} from "../../kv/seats.ts";
import { StoreError } from "../../kv/store_error.ts";
import { emptyRoom, type Room } from "../room.ts";
import { decodeRoom, encodeRoom } from "./room_codec.ts";

/** A room of the store. */
export interface CachedRoom {
  /** The room; empty where the store has none. */
  readonly room: Room;
  readonly versionstamp: string | null;
  readonly texts: ReadonlyMap<string, SeatText>;
}

/** Times that a room is read again because its texts changed meanwhile. */
const MAX_TORN = 20;

/** Reads a room. @throws StoreError */
export async function loadRoom(kv: Deno.Kv, id: string): Promise<CachedRoom> {
  for (let i = 0; i < MAX_TORN; i++) {
    const { bytes, versionstamp } = await readSeats(kv, id);
    if (bytes === null) return { room: emptyRoom(id), versionstamp, texts: new Map() };
    const bare = decodeRoom(id, bytes, new Map());
    if (!bare.isTorn) return { room: bare.room, versionstamp, texts: bare.texts };
    const { room, texts, isTorn } = decodeRoom(id, bytes, await readSeatTexts(kv, id));
    if (!isTorn) return { room, versionstamp, texts };
  }
  throw new StoreError("A room changes faster than it can be read");
}

/** The check of a room's row. */
export function checkRoom({ room, versionstamp }: CachedRoom): Deno.AtomicCheck {
  return { key: seatsKey(room.id), versionstamp };
}

/** What turns a stored room into another, and what the store has then; the versionstamp is the commit's. */
export function replaceRoom(
  before: CachedRoom,
  after: Room,
): { readonly mutations: readonly Deno.KvMutation[]; readonly texts: CachedRoom["texts"] } {
  const { id } = after;
  const isVacant = after.mids.size === 0;
  const { bytes, texts } = encodeRoom(after, before.texts);
  const mutations: Deno.KvMutation[] = [writeSeats(id, isVacant ? null : bytes)];
  for (const [mid, text] of texts) {
    if (before.texts.get(mid)?.rev !== text.rev) mutations.push(writeSeatText(id, mid, text));
  }
  for (const mid of before.texts.keys()) {
    if (!texts.has(mid)) mutations.push(writeSeatText(id, mid, null));
  }
  for (const cid of before.room.mids.keys()) {
    if (!after.mids.has(cid)) mutations.push(markIn(cid, id, false));
  }
  for (const cid of after.mids.keys()) {
    if (!before.room.mids.has(cid)) mutations.push(markIn(cid, id, true));
  }
  const were = instancesOf(before.room);
  const are = instancesOf(after);
  for (const instance of were) if (!are.has(instance)) mutations.push(markAt(instance, id, false));
  for (const instance of are) if (!were.has(instance)) mutations.push(markAt(instance, id, true));
  return { mutations, texts };
}

/** The instances that have somebody in a room, or at its door. */
function instancesOf(room: Room): ReadonlySet<string> {
  const found = new Set<string>();
  for (const { address } of room.seats.values()) found.add(address.instance);
  for (const { address } of room.lobby.values()) found.add(address.instance);
  return found;
}
