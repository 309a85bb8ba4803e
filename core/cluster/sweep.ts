/**
 * What is left of an instance that is no more: its members are shown away at once, and have left when
 * the resume window is over. Then its journal is forgotten.
 *
 * Every survivor may do it at the same time: each room changes by compare-and-set, so each thing is told
 * once, by one of them, and doing it again finds nothing to do.
 *
 * @module
 */

import { deleteConnection, listOwned, readConnection } from "../../kv/connection_rows.ts";
import { deleteInbox } from "../../kv/inboxes.ts";
import { forgetInstance } from "../../kv/instances.ts";
import { listRoomsAt } from "../../kv/seats.ts";
import { commitInParts } from "../../kv/transact.ts";
import { type Effect, type Transition } from "../effect.ts";
import { type Room, type Seat, unlessVacant, withWaiting } from "../room.ts";
import { type RoomStore } from "../room_store.ts";
import { changeSeat, remove } from "../rooms.ts";
import { type Ended } from "./lease.ts";

/** The times of a sweep, in milliseconds. */
export interface SweepTiming {
  /** How long an instance that stopped may take to come back before its members are shown away. */
  readonly graceMs: number;
  /** How long connections may be gone on with. */
  readonly windowMs: number;
}

/** Looks after what instances left. */
export type Sweep = (ended: readonly Ended[]) => Promise<void>;

/** A sweep. It throws StoreError, and is then begun anew at the next look. */
export function openSweep(kv: Deno.Kv, rooms: RoomStore, timing: SweepTiming): Sweep {
  /** Those whose members were shown away by this instance, or found so. */
  const away = new Set<string>();

  async function showAway(instance: string): Promise<void> {
    for (const room of await listRoomsAt(kv, instance)) {
      await rooms.change(room, (now) => eachOf(now, instance, lose));
    }
    away.add(instance);
  }

  async function forget(instance: string): Promise<void> {
    for (const room of await listRoomsAt(kv, instance)) {
      await rooms.change(room, (now) => eachOf(now, instance, remove));
    }
    for (const cid of await listOwned(kv, instance)) {
      const { row } = await readConnection(kv, cid);
      if (row !== null && row.owner === instance) {
        await commitInParts(kv, deleteConnection(cid, row));
      }
    }
    await deleteInbox(kv, instance);
    await commitInParts(kv, forgetInstance(instance));
    away.delete(instance);
  }

  return async (ended) => {
    for (const { instance, state, sinceMs } of ended) {
      if (sinceMs >= timing.windowMs) await forget(instance);
      else if (!away.has(instance) && (state === "dead" || sinceMs >= timing.graceMs)) {
        await showAway(instance);
      }
    }
  };
}

/** Does something to every place of an instance. */
function eachOf(
  room: Room,
  instance: string,
  act: (room: Room, place: Seat) => Transition,
): Transition {
  let now = room;
  const effects: Effect[] = [];
  for (const place of [...room.seats.values(), ...room.lobby.values()]) {
    if (place.address.instance !== instance) continue;
    const [after, told] = act(now, place);
    // Whoever is gone hears nothing of it.
    effects.push(...told);
    now = after ?? { ...now, seats: new Map(), lobby: new Map(), mids: new Map() };
  }
  return [unlessVacant(now), effects];
}

function lose(room: Room, place: Seat): Transition {
  const { member } = place;
  if (member.away) return [room, []];
  const waiting = room.lobby.get(member.mid);
  if (waiting !== undefined) {
    return [withWaiting(room, { ...waiting, member: { ...member, away: true } }), []];
  }
  return changeSeat(room, { ...place, member: { ...member, away: true } }, "away");
}
