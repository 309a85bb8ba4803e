/**
 * A room's lobby: who waits at the door, what they say once, and who hears of it.
 *
 * A knocker sees nobody, and is seen once it has knocked, by those who may let it in. Nobody gets in by
 * waiting, and who says nothing keeps nobody else from the door: nobody sees them to turn them away. The
 * lobby has no number of its own: it changes nothing that members see.
 *
 * @module
 */

import { MAX_KNOCKERS } from "../wire/limits.ts";
import {
  ack,
  type Effect,
  forbidden,
  notInRoom,
  refusal,
  refuse,
  tell,
  type Transition,
} from "./effect.ts";
import {
  type Address,
  allowedTo,
  type Origin,
  type Room,
  seatOf,
  type Waiting,
  waitingOf,
  withoutMember,
  withWaiting,
} from "./room.ts";

/** Whether somebody waits there. */
export function isAtDoor(room: Room, mid: string): boolean {
  return room.lobby.has(mid);
}

/** Somebody comes to the door, or asks again whether they are there. */
export function comeToDoor(room: Room, waiting: Waiting, id: string): Transition {
  const { mid } = waiting.member;
  const told = tell(waiting.address, { t: "lobby", id, room: room.id, mid });
  if (isAtDoor(room, mid)) return [room, [told]];
  if (room.lobby.size < MAX_KNOCKERS) return [withWaiting(room, waiting), [told]];
  const silent = room.lobby.values().find(({ knock }) => knock === null);
  if (silent === undefined) {
    return refuse(room, refusal(id, "lobby_full", "Too many wait at this door already"));
  }
  const away = tell(silent.address, { t: "removed", room: room.id, reason: "denied" });
  return [withWaiting(withoutMember(room, silent), waiting), [away, told]];
}

/** Somebody at the door says what they have to say, once. */
export function knock(room: Room, from: Origin, id: string, ct: string): Transition {
  const waiting = waitingOf(room, from.cid);
  if (waiting === null) {
    return refuse(room, seatOf(room, from.cid) === null ? notInRoom(id) : forbidden(id));
  }
  if (waiting.knock !== null) return refuse(room, forbidden(id));
  const heard = { ...waiting, knock: ct };
  return [withWaiting(room, heard), [ack(id), ...knocking(room, heard, "knock", ct)]];
}

/** What those are told who may let in, where somebody who knocked no longer waits. */
export function gone(room: Room, mid: string): readonly Effect[] {
  const waiting = room.lobby.get(mid);
  return waiting === undefined || waiting.knock === null
    ? []
    : knocking(room, waiting, "gone", null);
}

/** Everybody who has knocked, for somebody who may let them in from now on. */
export function knocks(room: Room, to: Address): readonly Effect[] {
  const told: Effect[] = [];
  for (const { member, knock: ct } of room.lobby.values()) {
    if (ct === null) continue;
    told.push(tell(to, { t: "knocking", room: room.id, event: "knock", member, ct }));
  }
  return told;
}

function knocking(
  room: Room,
  { member }: Waiting,
  event: "knock" | "gone",
  ct: string | null,
): readonly Effect[] {
  const to = allowedTo(room, "admit");
  if (to.length === 0) return [];
  return [{ kind: "send", to, frame: { t: "knocking", room: room.id, event, member, ct } }];
}
