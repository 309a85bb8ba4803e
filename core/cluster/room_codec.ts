/**
 * A room as one value of the store: 250 members of any name fit 60 KiB. Long texts stand beside it, each
 * with the `rev` that the value names.
 *
 *     version, rseq, state?, table of texts, seats, lobby
 *
 * @module
 */

import { type Bytes, fromUtf8, utf8 } from "../../crypto/bytes.ts";
import { Reader, Writer } from "../../crypto/codec.ts";
import { type SeatText } from "../../kv/seats.ts";
import { type Member, type Role } from "../../wire/frames.ts";
import { type Room, type Seat, type Waiting } from "../room.ts";

/** What the store keeps of a room. */
export interface StoredRoom {
  readonly bytes: Bytes;
  /** By member id: what stands beside the value. */
  readonly texts: ReadonlyMap<string, SeatText>;
}

/** A room as it was read, and the texts that belong to it. */
export interface DecodedRoom {
  readonly room: Room;
  readonly texts: ReadonlyMap<string, SeatText>;
  /** Whether a text was not there as the value names it: it was changed meanwhile. */
  readonly isTorn: boolean;
}

const VERSION = 1;
const ROLES: readonly Role[] = ["host", "cohost", "member", "listener", "knocker"];
const AWAY = 8;
const GUEST = 16;

/** Encodes a room. @param before the texts that the store has, whose revisions go on */
export function encodeRoom(room: Room, before: ReadonlyMap<string, SeatText>): StoredRoom {
  const table = new Map<string, number>();
  const indexOf = (text: string): number => {
    const known = table.get(text);
    if (known !== undefined) return known;
    table.set(text, table.size);
    return table.size - 1;
  };
  const texts = new Map<string, SeatText>();
  // Above every revision that this room had lately, also of texts that are gone.
  let newest = room.rseq;
  for (const { rev } of before.values()) newest = Math.max(newest, rev);
  const revOf = (mid: string, text: string | null): number => {
    if (text === null) return 0;
    const held = before.get(mid);
    const kept = held?.text === text ? held : { rev: ++newest, text };
    texts.set(mid, kept);
    return kept.rev;
  };
  const places = new Writer();
  for (
    const [seats, textOf] of [
      [room.seats, (seat: Seat) => seat.member.meta],
      [room.lobby, (seat: Seat) => (seat as Waiting).knock],
    ] as const
  ) {
    places.u16(seats.size);
    for (const seat of seats.values()) {
      const { member, identity, address } = seat;
      const flags = ROLES.indexOf(member.role) | (member.away ? AWAY : 0) |
        (member.account === null ? GUEST : 0);
      places.u8(flags).u32(member.device ?? 0).u32(revOf(member.mid, textOf(seat)))
        .u16(indexOf(identity)).u16(indexOf(address.instance))
        .v8(utf8(member.mid)).v8(utf8(address.cid));
    }
  }
  const writer = new Writer().u8(VERSION).u32(room.rseq);
  const { state } = room;
  if (state === null) writer.u8(0);
  else {
    writer.u8(1).u32(state.epoch).u8(state.isLocked ? 1 : 0).u8(state.hasEnded ? 1 : 0);
    writer.v16(utf8(state.meta === null ? "" : `=${state.meta}`));
  }
  writer.u16(table.size);
  for (const text of table.keys()) writer.v16(utf8(text));
  return { bytes: writer.raw(places.bytes()).bytes(), texts };
}

/** Decodes a room. @throws CryptoError `malformed`, which is a fault of our own */
export function decodeRoom(
  id: string,
  bytes: Bytes,
  beside: ReadonlyMap<string, SeatText>,
): DecodedRoom {
  const reader = new Reader(bytes, "a room's row");
  if (reader.u8() !== VERSION) throw new Error("bug: a room's row of another version");
  const rseq = reader.u32();
  let state: Room["state"] = null;
  if (reader.u8() === 1) {
    const epoch = reader.u32();
    const isLocked = reader.u8() === 1;
    const hasEnded = reader.u8() === 1;
    const text = textOf(reader.v16());
    state = { room: id, epoch, isLocked, hasEnded, meta: text === "" ? null : text.slice(1) };
  }
  const table = Array.from({ length: reader.u16() }, () => textOf(reader.v16()));
  const texts = new Map<string, SeatText>();
  let isTorn = false;
  const mids = new Map<string, string>();
  const places = (): [Seat, string | null][] =>
    Array.from({ length: reader.u16() }, () => {
      const flags = reader.u8();
      const device = reader.u32();
      const rev = reader.u32();
      const identity = table[reader.u16()]!;
      const instance = table[reader.u16()]!;
      const mid = textOf(reader.v8());
      const cid = textOf(reader.v8());
      mids.set(cid, mid);
      let text: string | null = null;
      if (rev > 0) {
        const held = beside.get(mid);
        if (held?.rev === rev) {
          texts.set(mid, held);
          text = held.text;
        } else isTorn = true;
      }
      const isGuest = (flags & GUEST) !== 0;
      const member: Member = {
        mid,
        account: isGuest ? null : identity,
        device: isGuest ? null : device,
        guest: isGuest ? identity : null,
        role: ROLES[flags & 7]!,
        away: (flags & AWAY) !== 0,
        meta: null,
      };
      return [{ member, identity, address: { cid, instance } }, text];
    });
  const seats = new Map(
    places().map(([seat, meta]) => {
      return [seat.member.mid, { ...seat, member: { ...seat.member, meta } }];
    }),
  );
  const lobby = new Map(places().map(([seat, knock]) => [seat.member.mid, { ...seat, knock }]));
  reader.end();
  return { room: { id, state, rseq, seats, lobby, mids }, texts, isTorn };
}

function textOf(bytes: Bytes): string {
  const text = fromUtf8(bytes);
  if (text === null) throw new Error("bug: a room's row is not text");
  return text;
}
