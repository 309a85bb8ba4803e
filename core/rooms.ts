/**
 * A signaling room as a state machine: who is in it, and who is told what. It decides; the store of rooms
 * does (`room_store.ts`). The lobby is in `lobby.ts`, what hosts do in `moderation.ts`.
 *
 *     step(room, from, event) -> [room, effects]
 *
 * Nothing here has a clock, a store or a socket, and no state is changed in place. A stranger gets
 * the same answer about a room that exists and one that does not. `ct` is passed on unread.
 *
 * Every member is told every number of the room, each once: `joined` has the one of its own coming, and
 * all later ones come as `presence`, also those about oneself.
 *
 * @module
 */

import { type AckStatus, type Role } from "../wire/frames.ts";
import { MAX_ROOM_MEMBERS, MAX_ROOMS_PER_CONNECTION } from "../wire/limits.ts";
import {
  ack,
  type Effect,
  forbidden,
  notInRoom,
  presence,
  type Refusal,
  refusal,
  refuse,
  tell,
  type Transition,
} from "./effect.ts";
import { comeToDoor, gone, isAtDoor, knock, knocks } from "./lobby.ts";
import { may } from "./roles.ts";
import {
  type Address,
  addressesOf,
  type Origin,
  placeFor,
  type Room,
  type Seat,
  seatOf,
  unlessVacant,
  viewOf,
  waitingOf,
  withoutMember,
  withSeat,
  withWaiting,
} from "./room.ts";
import { type RoomState } from "./room_rules.ts";

/** What happens to a room by one connection. */
export type RoomEvent =
  | JoinEvent
  | { readonly t: "leave" | "sync"; readonly id: string }
  | { readonly t: "meta"; readonly id: string; readonly ct: string | null }
  | { readonly t: "knock"; readonly id: string; readonly ct: string }
  /** The socket is lost, and may come back; it is back; it is gone for good. */
  | { readonly t: "away" | "back" | "gone" };

/** Somebody comes. */
export interface JoinEvent {
  readonly t: "join";
  readonly id: string;
  /** Fresh. */
  readonly mid: string;
  /** What they are let in as; null where only a place that they have is answered. */
  readonly role: Role | null;
  /** What a managed room is; null for an open one. */
  readonly state: RoomState | null;
  /** In how many rooms the connection already is. */
  readonly roomCount: number;
}

/** Decides what an event does to a room. */
export function step(room: Room, from: Origin, event: RoomEvent): Transition {
  switch (event.t) {
    case "join":
      return join(room, from, event);
    case "leave":
      return leave(room, from, event.id);
    case "gone":
      return isElsewhere(room, from) ? [unlessVacant(room), []] : leave(room, from, null);
    case "sync":
      return sync(room, from, event.id);
    case "meta":
      return meta(room, from, event.id, event.ct);
    case "knock":
      return knock(room, from, event.id, event.ct);
    case "away":
      return isElsewhere(room, from) ? [unlessVacant(room), []] : move(room, from, "away");
    case "back":
      return move(room, from, "back");
  }
}

/** Whether another instance has taken a connection over: what it was here says nothing any more. */
function isElsewhere(room: Room, { cid, instance }: Origin): boolean {
  const place = seatOf(room, cid) ?? waitingOf(room, cid);
  return place !== null && place.address.instance !== instance;
}

/** Where a signal goes. */
export interface Route {
  readonly kind: "route";
  /** The sender. */
  readonly mid: string;
  readonly to: readonly Address[];
  readonly status: AckStatus;
}

/** Decides whom a signal reaches; it changes nothing. `room` is null where this instance knows of none. */
export function routeSignal(
  room: Room | null,
  cid: string,
  { id, to }: { readonly id: string; readonly to: string | readonly string[] },
): Route | Refusal {
  const sender = room === null ? null : seatOf(room, cid);
  if (room === null || sender === null) {
    return room === null ? notInRoom(id) : notSeated(room, cid, id);
  }
  const { mid, role } = sender.member;
  if (!may(role, to === "*" ? "broadcast" : "signal")) return forbidden(id);
  const reached: Address[] = [];
  let isSomebodyAway = false;
  const reach = (seat: Seat | undefined): void => {
    // Nobody writes to oneself.
    if (seat === undefined || seat === sender) return;
    reached.push(seat.address);
    if (seat.member.away) isSomebodyAway = true;
  };
  let named = 0;
  if (to === "*") { for (const seat of room.seats.values()) reach(seat); }
  else if (typeof to === "string") {
    named = 1;
    reach(room.seats.get(to));
  } else {
    const mids = new Set(to);
    named = mids.size;
    for (const one of mids) reach(room.seats.get(one));
  }
  if (named > 0 && reached.length === 0) {
    return refusal(id, "no_such_member", "Nobody of that id is in this room");
  }
  const isPartial = named > reached.length;
  const status = isPartial ? "partial" : isSomebodyAway ? "queued" : "relayed";
  return { kind: "route", mid, to: reached, status };
}

function join(room: Room, from: Origin, event: JoinEvent): Transition {
  const { id, mid, role, state } = event;
  // A repeated join is answered like the first: the connection keeps its place.
  const held = seatOf(room, from.cid);
  if (held !== null) return [room, greeting(room, held, id)];
  const isOld = room.state !== null && state !== null && state.epoch < room.state.epoch;
  if (role === null || isOld) {
    // What let them in is older than what the room has become.
    return refuse(room, refusal(id, "unavailable", "The room has just changed: try again"));
  }
  const waiting = waitingOf(room, from.cid);
  if (waiting === null && event.roomCount >= MAX_ROOMS_PER_CONNECTION) {
    return refuse(room, refusal(id, "too_many_rooms", "This connection is in too many rooms"));
  }
  const known = withState(room, state);
  const place = placeFor(from, waiting?.member.mid ?? mid, role);
  if (role === "knocker") return comeToDoor(known, waiting ?? { ...place, knock: null }, id);
  if (isFull(room)) return refuse(room, refusal(id, "room_full", "This room is full"));
  return takeSeat(known, place, id);
}

/** Whether nobody else has a place in it. */
export function isFull(room: Room): boolean {
  return room.seats.size >= MAX_ROOM_MEMBERS;
}

/** Somebody comes in. @param id the `join`, or null where they waited in the lobby */
export function takeSeat(room: Room, seat: Seat, id: string | null): Transition {
  const left = gone(room, seat.member.mid);
  const after = { ...withSeat(room, seat), rseq: room.rseq + 1 };
  return [after, [
    ...greeting(after, seat, id),
    ...presence(after, "join", seat.member, addressesOf(room)),
    ...left,
  ]];
}

/** What somebody is told who comes in. */
function greeting(room: Room, { member, address }: Seat, id: string | null): readonly Effect[] {
  const joined = tell(address, { t: "joined", id, ...viewOf(room, member) });
  return may(member.role, "admit") ? [joined, ...knocks(room, address)] : [joined];
}

function withState(room: Room, state: RoomState | null): Room {
  const isNews = state !== null && (room.state === null || state.epoch > room.state.epoch);
  return isNews ? { ...room, state } : room;
}

function leave(room: Room, from: Origin, id: string | null): Transition {
  const place = seatOf(room, from.cid) ?? waitingOf(room, from.cid);
  if (place === null) return id === null ? [unlessVacant(room), []] : refuse(room, notInRoom(id));
  const [after, effects] = remove(room, place);
  return [after, id === null ? effects : [ack(id), ...effects]];
}

/** Somebody is no longer there; the others are told. */
export function remove(room: Room, place: Seat): Transition {
  const { member } = place;
  const left = withoutMember(room, place);
  if (isAtDoor(room, member.mid)) return [unlessVacant(left), gone(room, member.mid)];
  const after = { ...left, rseq: room.rseq + 1 };
  return [unlessVacant(after), presence(after, "leave", member, addressesOf(after))];
}

function sync(room: Room, from: Origin, id: string): Transition {
  const seat = seatOf(room, from.cid);
  if (seat === null) return refuse(room, notSeated(room, from.cid, id));
  return [room, [tell(seat.address, { t: "snapshot", id, ...viewOf(room, seat.member) })]];
}

function meta(room: Room, from: Origin, id: string, ct: string | null): Transition {
  const seat = seatOf(room, from.cid);
  if (seat === null) return refuse(room, notSeated(room, from.cid, id));
  const [after, effects] = changeSeat(
    room,
    { ...seat, member: { ...seat.member, meta: ct } },
    "meta",
  );
  return [after, [...effects, ack(id)]];
}

/** A member's connection is lost or back, or is now at another instance. */
function move(room: Room, from: Origin, event: "away" | "back"): Transition {
  const away = event === "away";
  const address = { cid: from.cid, instance: from.instance };
  const waiting = waitingOf(room, from.cid);
  if (waiting !== null) {
    return [withWaiting(room, { ...waiting, address, member: { ...waiting.member, away } }), []];
  }
  const seat = seatOf(room, from.cid);
  if (seat === null) return [unlessVacant(room), []];
  const moved = { ...seat, address, member: { ...seat.member, away } };
  if (seat.member.away !== away) return changeSeat(room, moved, event);
  return [seat.address.instance === from.instance ? room : withSeat(room, moved), []];
}

/** A member is no longer as before; everybody is told, also that member. */
export function changeSeat(
  room: Room,
  seat: Seat,
  event: "away" | "back" | "meta" | "role",
): Transition {
  const after = { ...withSeat(room, seat), rseq: room.rseq + 1 };
  return [after, presence(after, event, seat.member, addressesOf(after))];
}

/** Why somebody who has no seat may not; whoever waits at the door knows that there is a room. */
function notSeated(room: Room, cid: string, id: string): Refusal {
  return waitingOf(room, cid) === null ? notInRoom(id) : forbidden(id);
}
