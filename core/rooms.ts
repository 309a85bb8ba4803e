/**
 * A signaling room as a state machine: who is in it, and who is told what. It decides; `relay.ts`
 * does.
 *
 *     step(room, from, event) -> [room, effects]
 *
 * Nothing here has a clock, a store or a socket, and no state is changed in place. A stranger gets
 * the same answer about a room that exists and one that does not. `ct` is passed on unread.
 *
 * @module
 */

import {
  type AckStatus,
  type JoinedFrame,
  type Member,
  type PresenceFrame,
  type RingFrame,
  type SignalFrame,
} from "../wire/frames.ts";
import { MAX_ROOM_MEMBERS, MAX_ROOMS_PER_CONNECTION } from "../wire/limits.ts";
import { type ProblemCode } from "../wire/problem.ts";

/** Someone at the other end of a socket. */
export interface Party {
  /** Names the connection. */
  readonly cid: string;
  /** The account's label. */
  readonly account: string;
  /** The account's device. */
  readonly device: number;
}

/** What happens to a room. */
export type RoomEvent =
  /** `mid` is fresh; `roomCount` is in how many rooms the connection already is. */
  | { readonly t: "join"; readonly id: string; readonly mid: string; readonly roomCount: number }
  | { readonly t: "leave"; readonly id: string }
  | {
    readonly t: "signal";
    readonly id: string;
    readonly to: string | readonly string[];
    readonly ct: string;
  }
  | { readonly t: "disconnect" };

/** A numbered frame before its connection's number is known. */
export type Unnumbered =
  | Omit<JoinedFrame, "seq">
  | Omit<PresenceFrame, "seq">
  | Omit<SignalFrame, "seq">
  | Omit<RingFrame, "seq">;

/** What is to be done: to whom, by connection. */
export type Effect =
  | { readonly kind: "send"; readonly to: readonly string[]; readonly frame: Unnumbered }
  | {
    readonly kind: "ack";
    readonly to: string;
    readonly id: string;
    readonly status: AckStatus;
  }
  | {
    readonly kind: "refuse";
    readonly to: string;
    readonly id: string;
    readonly code: ProblemCode;
    readonly title: string;
  };

/** A room with somebody in it. */
export interface Room {
  /** Its id, base64url. */
  readonly id: string;
  /** One more with every join and leave. */
  readonly rseq: number;
  /** By member id, in order of arrival. */
  readonly members: ReadonlyMap<string, Seat>;
  /** Member id by connection. */
  readonly mids: ReadonlyMap<string, string>;
}

/** A member's place. */
export interface Seat {
  /** What the others see. */
  readonly member: Member;
  /** Where the member listens. */
  readonly cid: string;
}

/** The room after one event, null when nobody is left, and what to do about it. */
export type Transition = readonly [room: Room | null, effects: readonly Effect[]];

/** A room that nobody is in yet. */
export function emptyRoom(id: string): Room {
  return { id, rseq: 0, members: new Map(), mids: new Map() };
}

/** Decides what an event does to a room. */
export function step(room: Room, from: Party, event: RoomEvent): Transition {
  switch (event.t) {
    case "join":
      return join(room, from, event);
    case "leave":
      return leave(room, from, event.id);
    case "signal":
      return signal(room, from, event);
    case "disconnect":
      return leave(room, from, null);
  }
}

function join(room: Room, from: Party, event: RoomEvent & { t: "join" }): Transition {
  const { id } = event;
  const held = room.mids.get(from.cid);
  // A repeated join is answered like the first: the connection keeps its place.
  if (held !== undefined) return [room, [joined(room, from.cid, held, id)]];
  if (event.roomCount >= MAX_ROOMS_PER_CONNECTION) {
    return refuse(room, from, id, "too_many_rooms", "This connection is in too many rooms");
  }
  if (room.members.size >= MAX_ROOM_MEMBERS) {
    return refuse(room, from, id, "room_full", "This room is full");
  }
  const member: Member = {
    mid: event.mid,
    account: from.account,
    device: from.device,
    guest: null,
    role: "member",
    away: false,
    meta: null,
  };
  const after: Room = {
    id: room.id,
    rseq: room.rseq + 1,
    members: new Map(room.members).set(member.mid, { member, cid: from.cid }),
    mids: new Map(room.mids).set(from.cid, member.mid),
  };
  return [after, [
    joined(after, from.cid, member.mid, id),
    ...presence(after, "join", member, othersOf(room, from.cid)),
  ]];
}

function leave(room: Room, from: Party, id: string | null): Transition {
  const mid = room.mids.get(from.cid);
  if (mid === undefined) return id === null ? [vacant(room), []] : notInRoom(room, from, id);
  const { member } = room.members.get(mid)!;
  const members = new Map(room.members);
  members.delete(mid);
  const mids = new Map(room.mids);
  mids.delete(from.cid);
  const after: Room = { id: room.id, rseq: room.rseq + 1, members, mids };
  return [vacant(after), [
    ...(id === null ? [] : [ack(from, id, "relayed")]),
    ...presence(after, "leave", member, [...mids.keys()]),
  ]];
}

function signal(room: Room, from: Party, event: RoomEvent & { t: "signal" }): Transition {
  const { id, to, ct } = event;
  const mid = room.mids.get(from.cid);
  if (mid === undefined) return notInRoom(room, from, id);
  const named = to === "*" ? null : new Set(typeof to === "string" ? [to] : to);
  const reached = named === null ? othersOf(room, from.cid) : seatsOf(room, named, from.cid);
  if (named !== null && reached.length === 0) {
    return refuse(room, from, id, "no_such_member", "Nobody of that id is in this room");
  }
  const status = named === null || reached.length === named.size ? "relayed" : "partial";
  const frame = { t: "signal", room: room.id, from: mid, id, ct } as const;
  return [room, [{ kind: "send", to: reached, frame }, ack(from, id, status)]];
}

/** The connections of all members but one. */
function othersOf(room: Room, cid: string): readonly string[] {
  return [...room.mids.keys()].filter((other) => other !== cid);
}

/** The connections of the members named, as far as they are here; nobody writes to oneself. */
function seatsOf(room: Room, mids: ReadonlySet<string>, cid: string): readonly string[] {
  const found: string[] = [];
  for (const mid of mids) {
    const seat = room.members.get(mid);
    if (seat !== undefined && seat.cid !== cid) found.push(seat.cid);
  }
  return found;
}

function joined(room: Room, cid: string, mid: string, id: string): Effect {
  const members: Member[] = [];
  for (const seat of room.members.values()) {
    if (seat.cid !== cid) members.push(seat.member);
  }
  const frame = {
    t: "joined",
    id,
    room: room.id,
    rseq: room.rseq,
    mid,
    role: "member",
    locked: false,
    meta: null,
    members,
  } as const;
  return { kind: "send", to: [cid], frame };
}

function presence(
  room: Room,
  event: PresenceFrame["event"],
  member: Member,
  to: readonly string[],
): readonly Effect[] {
  if (to.length === 0) return [];
  const frame = { t: "presence", room: room.id, rseq: room.rseq, event, member } as const;
  return [{ kind: "send", to, frame }];
}

function ack(to: Party, id: string, status: AckStatus): Effect {
  return { kind: "ack", to: to.cid, id, status };
}

function notInRoom(room: Room, from: Party, id: string): Transition {
  return refuse(room, from, id, "not_in_room", "Join this room first");
}

function refuse(room: Room, from: Party, id: string, code: ProblemCode, title: string): Transition {
  return [vacant(room), [{ kind: "refuse", to: from.cid, id, code, title }]];
}

function vacant(room: Room): Room | null {
  return room.members.size === 0 ? null : room;
}
