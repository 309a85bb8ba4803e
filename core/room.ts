/**
 * A signaling room as data: its seats, its lobby, and what each of its members may see of it.
 *
 * Plain values that are never changed in place, so that a store may keep one and a test compare two.
 * What happens to a room is decided in `rooms.ts`.
 *
 * @module
 */

import { type Member, type Role, type RoomView } from "../wire/frames.ts";
import { type Identity, type Party } from "./identity.ts";
import { may, type Permission } from "./roles.ts";
import { type RoomState } from "./room_rules.ts";

/** Where a connection is. */
export interface Address {
  /** Names the connection. */
  readonly cid: string;
  /** The instance that has it. */
  readonly instance: string;
}

/** Whose event it is: a connection, and who is at its other end. */
export interface Origin extends Address {
  readonly party: Party;
}

/** A member's place. */
export interface Seat {
  /** What the others see. */
  readonly member: Member;
  /** Who it is. */
  readonly identity: Identity;
  /** Where the member listens. */
  readonly address: Address;
}

/** A place at the door. */
export interface Waiting extends Seat {
  /** What it said, sealed, or null as long as it has not knocked: until then nobody sees it. */
  readonly knock: string | null;
}

/** A room with somebody in it, or at its door. */
export interface Room {
  /** Its id, base64url. */
  readonly id: string;
  /** What a managed room is; null for an open one. */
  readonly state: RoomState | null;
  /** One more with everything that `presence` tells. */
  readonly rseq: number;
  /** By member id, in order of arrival. */
  readonly seats: ReadonlyMap<string, Seat>;
  /** By member id, in order of arrival. */
  readonly lobby: ReadonlyMap<string, Waiting>;
  /** Member id by connection, of seats and lobby. */
  readonly mids: ReadonlyMap<string, string>;
}

const NOBODY: ReadonlyMap<string, never> = new Map<string, never>();

/** A room that nobody is in yet. */
export function emptyRoom(id: string): Room {
  return { id, state: null, rseq: 0, seats: NOBODY, lobby: NOBODY, mids: NOBODY };
}

/** The room, or null where nobody is left in it and nobody waits. */
export function unlessVacant(room: Room): Room | null {
  return room.mids.size === 0 ? null : room;
}

/** A connection's seat, or null. */
export function seatOf(room: Room, cid: string): Seat | null {
  return room.seats.get(room.mids.get(cid) ?? "") ?? null;
}

/** A connection's place in the lobby, or null. */
export function waitingOf(room: Room, cid: string): Waiting | null {
  return room.lobby.get(room.mids.get(cid) ?? "") ?? null;
}

/** A new place for somebody. */
export function placeFor({ cid, instance, party }: Origin, mid: string, role: Role): Seat {
  const isAccount = party.kind === "account";
  const member: Member = {
    mid,
    account: isAccount ? party.account : null,
    device: isAccount ? party.device : null,
    guest: isAccount ? null : party.identity,
    role,
    away: false,
    meta: null,
  };
  return { member, identity: party.identity, address: { cid, instance } };
}

/** The room with a seat put or replaced; whoever gets one waits no longer. */
export function withSeat(room: Room, seat: Seat): Room {
  const { mid } = seat.member;
  return {
    ...room,
    seats: new Map(room.seats).set(mid, seat),
    lobby: room.lobby.has(mid) ? without(room.lobby, mid) : room.lobby,
    mids: new Map(room.mids).set(seat.address.cid, mid),
  };
}

/** The room with a place in its lobby put or replaced. */
export function withWaiting(room: Room, waiting: Waiting): Room {
  const { mid } = waiting.member;
  return {
    ...room,
    lobby: new Map(room.lobby).set(mid, waiting),
    mids: new Map(room.mids).set(waiting.address.cid, mid),
  };
}

/** The room without somebody. */
export function withoutMember(room: Room, { member, address }: Seat): Room {
  return {
    ...room,
    seats: room.seats.has(member.mid) ? without(room.seats, member.mid) : room.seats,
    lobby: room.lobby.has(member.mid) ? without(room.lobby, member.mid) : room.lobby,
    mids: without(room.mids, address.cid),
  };
}

/** The addresses of all members, or of all but one. */
export function addressesOf(room: Room, exceptMid: string | null = null): readonly Address[] {
  const found: Address[] = [];
  for (const { member, address } of room.seats.values()) {
    if (member.mid !== exceptMid) found.push(address);
  }
  return found;
}

/** The addresses of the members whose role allows something. */
export function allowedTo(room: Room, permission: Permission): readonly Address[] {
  const found: Address[] = [];
  for (const { member, address } of room.seats.values()) {
    if (may(member.role, permission)) found.push(address);
  }
  return found;
}

/** The room as one of its members sees it. */
export function viewOf(room: Room, { mid, role }: Member): RoomView {
  const members: Member[] = [];
  for (const { member } of room.seats.values()) if (member.mid !== mid) members.push(member);
  const { isLocked: locked, meta } = room.state ?? { isLocked: false, meta: null };
  return { room: room.id, rseq: room.rseq, mid, role, locked, meta, members };
}

function without<T>(map: ReadonlyMap<string, T>, key: string): ReadonlyMap<string, T> {
  const copy = new Map(map);
  copy.delete(key);
  return copy;
}
