/**
 * What hosts do to a room, in two halves: what it would change, and what that does to who is in it.
 *
 *     planChange(room, cid, frame) -> change | refusal       before anything is kept
 *     applyChange(room, by, change, state) -> [room, effects]  once it is
 *
 * A change is about identities: everything that somebody has in the room changes with them, however
 * many devices they are there with.
 *
 * @module
 */

import { type ClientFrame, type ModFrame } from "../wire/client_frames.ts";
import { type Member } from "../wire/frames.ts";
import { type Identity } from "./identity.ts";
import {
  type Effect,
  forbidden,
  notInRoom,
  presence,
  type Refusal,
  refusal,
  tell,
  type Transition,
} from "./effect.ts";
import { knocks } from "./lobby.ts";
import { may, mayActOn, mayGive, type Permission } from "./roles.ts";
import { addressesOf, type Room, type Seat, seatOf, unlessVacant, waitingOf } from "./room.ts";
import { type RoomChange, type RoomState } from "./room_rules.ts";
import { changeSeat, isFull, remove, takeSeat } from "./rooms.ts";

/** A frame of somebody who decides about others. */
export type DecidingFrame = ModFrame | Extract<ClientFrame, { t: "admit" | "deny" }>;

/** A change, or the denial of somebody at the door, which is kept nowhere. */
export type Plan = RoomChange | { readonly kind: "deny"; readonly who: Identity };

const NEEDED: Readonly<Record<ModFrame["act"] | "admit" | "deny", Permission>> = {
  admit: "admit",
  deny: "admit",
  kick: "kick",
  ban: "kick",
  // Who may let in may say as what.
  role: "admit",
  lock: "lock",
  unlock: "lock",
  end: "end",
};

/** What a frame would change, or why it may not. Permission is asked before who it is about. */
export function planChange(room: Room | null, cid: string, frame: DecidingFrame): Plan | Refusal {
  const { id } = frame;
  const actor = room === null ? null : seatOf(room, cid);
  if (room === null) return notInRoom(id);
  if (actor === null) return waitingOf(room, cid) === null ? notInRoom(id) : forbidden(id);
  const { role } = actor.member;
  const act = frame.t === "mod" ? frame.act : frame.t;
  if (room.state === null || !may(role, NEEDED[act])) return forbidden(id);
  switch (act) {
    case "lock":
    case "unlock":
      return { kind: "lock", isLocked: act === "lock" };
    case "end":
      return { kind: "end" };
  }
  const { mid } = frame as Extract<DecidingFrame, { mid: string }>;
  const isAboutDoor = act === "admit" || act === "deny";
  const target = isAboutDoor ? room.lobby.get(mid) : room.seats.get(mid) ?? room.lobby.get(mid);
  if (target === undefined) return refusal(id, "no_such_member", "Nobody of that id is there");
  const { identity: who } = target;
  if (!mayActOn(role, target.member.role)) return forbidden(id);
  if (act === "deny") return { kind: "deny", who };
  if (act === "kick" || act === "ban") return { kind: "remove", who, isBan: act === "ban" };
  const given =
    (frame.t === "admit" || frame.t === "mod" && frame.act === "role" ? frame.role : null) ??
      "member";
  if (!mayGive(role, given)) return forbidden(id);
  if (act === "admit" && isFull(room)) return refusal(id, "room_full", "This room is full");
  return { kind: act === "admit" ? "admit" : "role", who, role: given };
}

/** What a plan does to who is there. @param by who did it, or null where it was nobody in the room */
export function applyChange(
  room: Room,
  by: Member | null,
  plan: Plan,
  state: RoomState | null,
): Transition {
  const known = state === null ? room : { ...room, state };
  switch (plan.kind) {
    case "admit":
      return forEach(known, waitingAs(known, plan.who), (now, { member, identity, address }) => {
        if (isFull(now)) return [now, []];
        return takeSeat(now, { identity, address, member: { ...member, role: plan.role } }, null);
      });
    case "deny":
      return forEach(
        known,
        waitingAs(known, plan.who),
        (now, place) => expel(now, place, "denied"),
      );
    case "remove": {
      const places = [...seatsAs(known, plan.who), ...waitingAs(known, plan.who)];
      const reason = plan.isBan ? "banned" : "kicked";
      return forEach(known, places, (now, place) => expel(now, place, reason));
    }
    case "role":
      return forEach(known, seatsAs(known, plan.who), (now, seat) => promote(now, seat, plan.role));
    case "lock":
      if (room.state?.isLocked === plan.isLocked) return [unlessVacant(known), []];
      return lock(known, by, plan.isLocked);
    case "end":
      return end(known);
  }
}

/** What a room's new state does to who is there, where somebody changed it from outside. */
export function applyState(room: Room, state: RoomState): Transition {
  if (room.mids.size === 0 || room.state === null) return [unlessVacant(room), []];
  if (state.hasEnded) return applyChange(room, null, { kind: "end" }, state);
  return applyChange(room, null, { kind: "lock", isLocked: state.isLocked }, state);
}

/** Whoever changes a room over HTTP, and need not be in it. */
const NOBODY: Member = {
  mid: "service",
  account: null,
  device: null,
  guest: null,
  role: "host",
  away: false,
  meta: null,
};

function lock(room: Room, by: Member | null, isLocked: boolean): Transition {
  const after = { ...room, rseq: room.rseq + 1 };
  const event = isLocked ? "lock" : "unlock";
  return [unlessVacant(after), presence(after, event, by ?? NOBODY, addressesOf(after))];
}

function end(room: Room): Transition {
  const told: Effect[] = [];
  for (const { address } of [...room.seats.values(), ...room.lobby.values()]) {
    told.push(tell(address, { t: "removed", room: room.id, reason: "ended" }));
  }
  return [null, told];
}

function promote(room: Room, seat: Seat, role: Member["role"]): Transition {
  if (seat.member.role === role) return [room, []];
  const [after, effects] = changeSeat(room, { ...seat, member: { ...seat.member, role } }, "role");
  const isNew = may(role, "admit") && !may(seat.member.role, "admit");
  return [after, isNew ? [...effects, ...knocks(room, seat.address)] : effects];
}

function expel(room: Room, place: Seat, reason: "kicked" | "banned" | "denied"): Transition {
  const [after, effects] = remove(room, place);
  const removed = tell(place.address, { t: "removed", room: room.id, reason });
  return [after, [removed, ...effects]];
}

function seatsAs(room: Room, who: Identity): readonly Seat[] {
  return [...room.seats.values()].filter(({ identity }) => identity === who);
}

function waitingAs(room: Room, who: Identity): readonly Seat[] {
  return [...room.lobby.values()].filter(({ identity }) => identity === who);
}

/** One step for each of some places, and all that there is to be told of it. */
function forEach(
  room: Room,
  places: readonly Seat[],
  act: (room: Room, place: Seat) => Transition,
): Transition {
  let now: Room | null = unlessVacant(room);
  const told: Effect[] = [];
  for (const place of places) {
    if (now === null) break;
    const [after, effects]: Transition = act(now, place);
    told.push(...effects);
    now = after;
  }
  return [now, told];
}
