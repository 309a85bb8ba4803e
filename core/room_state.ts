/**
 * What a managed room becomes: pure decisions on its row.
 *
 * @module
 */

import { identityTagText, type RoomPerson, type RoomRow } from "../kv/rooms.ts";
import { type Role } from "../wire/frames.ts";
import {
  ENDED_ROOM_TTL_MS,
  MAX_ROOM_BANS,
  MAX_ROOM_PEOPLE,
  ROOM_GUEST_TTL_MS,
  ROOM_TTL_MS,
} from "../wire/limits.ts";
import { ServiceError } from "./error.ts";
import { type Identity, isGuest } from "./identity.ts";
import { may, mayActOn, mayGive, type Permission } from "./roles.ts";
import { type RoomChange, type RoomState } from "./room_rules.ts";

/** A room lives on when somebody comes; written once a day at most. */
const TOUCH_MS = 86_400_000;
/**
 * A guest's last token is written down so often at most, and a guest may have had another one by so much
 * later. `ROOM_GUEST_TTL_MS` after that any token is over, and so is every connection that it opened: a
 * guest that is forgotten is in no room.
 */
const SEEN_MS = ROOM_GUEST_TTL_MS / 4;

/** A room that somebody makes. @param changeId which write this is */
export function newRoom(
  creator: Identity,
  person: RoomPerson,
  meta: string | null,
  nowMs: number,
  changeId: string,
): RoomRow {
  return {
    creator,
    epoch: 1,
    epochMs: 0,
    isLocked: false,
    hasEnded: false,
    meta,
    people: new Map([[creator, person]]),
    bans: new Set(),
    expMs: nowMs + ROOM_TTL_MS,
    changeId,
  };
}

/** What the relay is told of a room. */
export function stateOf(room: string, { epoch, isLocked, hasEnded, meta }: RoomRow): RoomState {
  return { room, epoch, isLocked, hasEnded, meta };
}

/** Whether a room keeps somebody out. */
export function isBanned(row: RoomRow, who: Identity): boolean {
  return row.bans.has(identityTagText(who));
}

/** The room when somebody comes: it lives on. */
export function touched(row: RoomRow, nowMs: number): RoomRow {
  const expMs = nowMs + ROOM_TTL_MS;
  return row.expMs + TOUCH_MS > expMs ? row : { ...row, expMs };
}

/** The room when somebody whom it knows is given a token: a guest that comes back is not forgotten. */
export function seen(row: RoomRow, who: Identity, nowMs: number): RoomRow {
  const person = row.people.get(who);
  if (person === undefined || !isGuest(who) || nowMs - person.sinceMs < SEEN_MS) return row;
  return { ...row, people: new Map(row.people).set(who, { ...person, sinceMs: nowMs }) };
}

/**
 * The room with somebody known to it. Where it knows as many as it may, a guest that is gone makes room: an
 * invite's many guests, who come once each, fill no room for good.
 *
 * @throws ServiceError `room_full`
 */
export function withPerson(
  row: RoomRow,
  who: Identity,
  person: RoomPerson,
  nowMs: number,
): RoomRow {
  const people = new Map(row.people);
  if (!people.has(who) && people.size >= MAX_ROOM_PEOPLE) {
    const gone = goneGuest(people, person, nowMs);
    if (gone === null) {
      throw new ServiceError("room_full", "This room knows as many people as a room may");
    }
    people.delete(gone);
  }
  return { ...row, people: people.set(who, person) };
}

/**
 * The guest that makes room for a newcomer, or null: of the invite by which the most came, the one that is
 * gone for the longest. Who comes by an invite takes the place of one of its own guests, or of an invite's
 * that has more: a link that many have takes nobody's place who came by another.
 *
 * Whoever runs the room is kept, and so is whoever was given another role than its invite's, which would
 * give that again.
 */
function goneGuest(
  people: RoomRow["people"],
  { invite: comesBy }: RoomPerson,
  nowMs: number,
): Identity | null {
  const guests = [...people].filter(([who]) => isGuest(who));
  const counts = new Map<string | undefined, number>();
  for (const [, { invite }] of guests) counts.set(invite, (counts.get(invite) ?? 0) + 1);
  const own = counts.get(comesBy) ?? 0;
  const untilMs = nowMs - ROOM_GUEST_TTL_MS - SEEN_MS;
  const [found] = guests
    .filter(([, { role, sinceMs, isGiven }]) =>
      sinceMs < untilMs && !isGiven && !may(role, "admit")
    )
    .map(([who, { sinceMs, invite }]) => ({ who, sinceMs, invite, share: counts.get(invite)! }))
    .filter(({ invite, share }) => comesBy === undefined || invite === comesBy || share > own)
    .sort((a, b) => b.share - a.share || a.sinceMs - b.sinceMs);
  return found?.who ?? null;
}

/** What whoever makes a change has to be allowed. */
const NEEDED: Readonly<Record<RoomChange["kind"], Permission>> = {
  admit: "admit",
  // Who may let in may say as what.
  role: "admit",
  remove: "kick",
  lock: "lock",
  end: "end",
};

/**
 * The room after a change; the same row where it changes nothing.
 *
 * The relay asks who may act on whom of what it knows. Meanwhile others may have put out or put down
 * either of the two, so it is asked once more of the row, where the answer holds.
 *
 * @throws ServiceError `room_full`, `too_many_open`, `forbidden`, `no_such_member`
 */
export function changed(row: RoomRow, by: Identity, change: RoomChange, nowMs: number): RoomRow {
  const actor = row.people.get(by)?.role ?? "knocker";
  if (!may(actor, NEEDED[change.kind])) throw notAllowed();
  switch (change.kind) {
    case "admit":
      if (isBanned(row, change.who)) {
        throw new ServiceError("no_such_member", "Nobody like that is at the door");
      }
      return withRole(row, actor, change, nowMs);
    case "role":
      if (!row.people.has(change.who)) {
        throw new ServiceError("no_such_member", "The room knows nobody like that");
      }
      return withRole(row, actor, change, nowMs);
    case "remove":
      requireOver(row, actor, change.who);
      return raised(without(row, change.who, change.isBan), nowMs);
    case "lock":
      if (row.isLocked === change.isLocked) return row;
      return change.isLocked
        ? raised({ ...row, isLocked: true }, nowMs)
        : { ...row, isLocked: false };
    case "end":
      return raised({ ...row, hasEnded: true, expMs: nowMs + ENDED_ROOM_TTL_MS }, nowMs);
  }
}

/**
 * Requires that somebody may do something to a room. Whoever it does not know, or keeps out, is told
 * what they are told of a room that there is not.
 *
 * @throws ServiceError `room_not_found`, `room_ended`, `forbidden`
 */
export function requireMay(
  row: RoomRow | null,
  who: Identity,
  permission: Permission,
): { readonly row: RoomRow; readonly role: Role } {
  const person = row?.people.get(who);
  if (row === null || person === undefined || isBanned(row, who)) throw roomNotFound();
  if (row.hasEnded) throw roomEnded();
  if (may(person.role, permission)) return { row, role: person.role };
  throw notAllowed();
}

/** The refusal of everybody for whom a room might as well not be there. */
export function roomNotFound(): ServiceError {
  return new ServiceError("room_not_found", "There is no such room, or it is not for you");
}

/** The refusal of those who were in it. */
export function roomEnded(): ServiceError {
  return new ServiceError("room_ended", "This room was ended");
}

/** The refusal of those who hold a good invite or token. */
export function roomLocked(): ServiceError {
  return new ServiceError("room_locked", "This room is locked: nobody else gets in");
}

/** The refusal of somebody whose role does not allow it. */
export function notAllowed(): ServiceError {
  return new ServiceError("forbidden", "Your role in this room does not allow this");
}

function without(row: RoomRow, who: Identity, isBan: boolean): RoomRow {
  const people = new Map(row.people);
  people.delete(who);
  if (!isBan) return { ...row, people };
  const bans = new Set(row.bans).add(identityTagText(who));
  if (bans.size > MAX_ROOM_BANS) {
    throw new ServiceError("too_many_open", "This room keeps out as many as a room may");
  }
  return { ...row, people, bans };
}

/** What was handed out before is worth nothing. */
function raised(row: RoomRow, nowMs: number): RoomRow {
  return { ...row, epoch: row.epoch + 1, epochMs: nowMs };
}

/** Somebody is that from now on. @throws ServiceError `forbidden`, `room_full` */
function withRole(
  row: RoomRow,
  actor: Role,
  { kind, who, role }: Extract<RoomChange, { readonly role: Role }>,
  nowMs: number,
): RoomRow {
  const before = row.people.get(who);
  if (before?.role === role) return row;
  if (!mayGive(actor, role)) throw notAllowed();
  if (role !== "host") requireOver(row, actor, who);
  const isGiven = isGuest(who) && (kind === "role" || before?.isGiven === true);
  const person = { ...before, role, sinceMs: nowMs, ...isGiven ? { isGiven } : {} };
  return withPerson(row, who, person, nowMs);
}

/** Nobody acts on those above, only a host on a host, and never so that none is left. */
function requireOver({ people }: RoomRow, actor: Role, who: Identity): void {
  const target = people.get(who)?.role ?? "knocker";
  if (!mayActOn(actor, target)) throw notAllowed();
  if (target !== "host") return;
  const hosts = [...people.values()].filter(({ role }) => role === "host").length;
  if (hosts < 2) throw notAllowed();
}
