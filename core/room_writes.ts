/**
 * What a change of a managed room writes: its row, the index of its creator, the invites that end with it.
 *
 * @module
 */

import { deleteInvite, hasLetIn, listInvites } from "../kv/invites.ts";
import { type LogStore } from "../kv/log_key.ts";
import {
  checkCreated,
  checkRoom,
  type CreatedRoom,
  type Held,
  readCreated,
  type RoomRow,
  writeCreated,
  writeRoom,
} from "../kv/rooms.ts";
import { MAX_ROOMS_PER_CREATOR } from "../wire/limits.ts";
import { ServiceError } from "./error.ts";
import { type RoomChange } from "./room_rules.ts";

/** What writes a room, and the index of its creator where that has to know. @throws ServiceError `too_many_open` */
export async function written(
  log: LogStore,
  room: string,
  held: Held<RoomRow>,
  row: RoomRow,
  nowMs: number,
): Promise<{ readonly checks: Deno.AtomicCheck[]; readonly mutations: Deno.KvMutation[] }> {
  const checks = [checkRoom(log, room, held)];
  const mutations = [writeRoom(log, room, row, nowMs)];
  const { creator, hasEnded, expMs } = row;
  if (held.value?.expMs === expMs && held.value.hasEnded === hasEnded) return { checks, mutations };
  const created = await readCreated(log, creator, nowMs);
  const others = (created.value?.rooms ?? []).filter((one) => one.room !== room);
  if (held.value === null && others.length >= MAX_ROOMS_PER_CREATOR) {
    throw new ServiceError(
      "too_many_open",
      "You have as many open rooms as you may: end one first",
    );
  }
  const rooms: CreatedRoom[] = hasEnded ? others : [...others, { room, expMs }];
  checks.push(checkCreated(log, creator, created));
  mutations.push(writeCreated(log, creator, rooms, nowMs));
  return { checks, mutations };
}

/**
 * The invites that end with a change: all of them with the room; with somebody who is kept out those
 * that let them in or that they made, since a new key costs them nothing and the link they have.
 */
export async function invitesOver(
  log: LogStore,
  room: string,
  what: RoomChange | null,
  nowMs: number,
): Promise<Deno.KvMutation[]> {
  const isBan = what?.kind === "remove" && what.isBan;
  if (!isBan && what?.kind !== "end") return [];
  const invites = [...await listInvites(log, room, nowMs)];
  return invites
    .filter(([, invite]) => !isBan || invite.by === what.who || hasLetIn(invite, what.who))
    .map(([key]) => deleteInvite(log, room, key));
}
