/**
 * Walking the room's state machine by hand: people, joins, and who was told what.
 *
 * @module
 */

import { type Effect, type Unnumbered } from "../../core/effect.ts";
import { emptyRoom, type Origin, type Room } from "../../core/room.ts";
import { type RoomState } from "../../core/room_rules.ts";
import { step } from "../../core/rooms.ts";
import { parseAccountLabel } from "../../crypto/account_label.ts";
import { type VerifyingKey } from "../../crypto/keys.ts";
import { type Role } from "../../wire/frames.ts";

/** No room at all. */
export const noRoom = null;

/** A person with one connection. */
export function person(name: string, cid = `c-${name}`): Origin {
  const account = parseAccountLabel(name);
  const signing = new Uint8Array(32) as unknown as VerifyingKey;
  const party = { kind: "account", identity: name, account, device: 1, signing } as const;
  return { cid, instance: "local", party };
}

/** A join; an `m-` in front of the name is the member id. */
export function joinAs(
  room: Room,
  who: Origin,
  role: Role | null,
  state: RoomState | null = null,
  roomCount = 0,
  mid = who.cid.replace("c-", "m-"),
): [Room, readonly Effect[]] {
  const event = { t: "join", id: "j", mid, role, state, roomCount } as const;
  const [after, effects] = step(room, who, event);
  return [after ?? emptyRoom(room.id), effects];
}

/** An open room with people in it. */
export function roomOf(...people: Origin[]): Room {
  return people.reduce((room, who) => joinAs(room, who, "member")[0], emptyRoom("r"));
}

/** What came of a frame: codes of refusals, and the kinds of everything else. */
export function codesOf(effects: readonly Effect[]): string[] {
  return effects.map((effect) => effect.kind === "refuse" ? effect.code : effect.kind);
}

/** Who is told what, in order. */
export function tolds(effects: readonly Effect[]): [string, Unnumbered][] {
  return effects.flatMap((effect) =>
    effect.kind === "send"
      ? effect.to.map(({ cid }): [string, Unnumbered] => [cid, effect.frame])
      : []
  );
}
