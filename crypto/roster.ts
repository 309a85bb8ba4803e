/**
 * Who is in a group call: seats by ascending index, each with the hash of a device's entry.
 *
 *     Roster       = u16 n || (u16 index || device_entry_hash[32]) * n
 *     roster_hash  = H("roster" || call_id[16] || Roster)
 *     RosterChange = u16 n || u16 index * n || Roster          the seats given up, and those taken
 *
 * It says who sits where, and not whether they are who they say: whoever applies a change has checked
 * every entry against the transparency log.
 *
 * @module
 */

import { type Bytes, equal, toHex } from "./bytes.ts";
import { Reader, Writer } from "./codec.ts";
import { CryptoError } from "./error.ts";
import { labelled } from "./labels.ts";
import { HASH_BYTES, sha256 } from "./primitives.ts";

/** One place in a call. */
export interface Seat {
  /** Its number, 16 bits; part of every KID of whoever sits here. */
  readonly index: number;
  /** `deviceEntryHash` of the device. */
  readonly entry: Bytes;
}

/** The seats of a call by ascending index. */
export type Roster = readonly Seat[];

/** What a commit does to a roster. */
export interface RosterChange {
  /** Indices of those who are out, ascending. */
  readonly removed: readonly number[];
  /** Those who come in, by ascending index. */
  readonly added: Roster;
}

/** Binds a roster to its call: 32 bytes. */
export function rosterHash(callId: Bytes, roster: Roster): Bytes {
  return sha256(labelled("roster", callId, writeRoster(new Writer(), roster).bytes()));
}

/** Puts a roster behind what was written. */
export function writeRoster(writer: Writer, roster: Roster): Writer {
  writer.u16(roster.length);
  for (const { index, entry } of roster) writer.u16(index).raw(entry);
  return writer;
}

/** Reads a roster inside a larger encoding. @throws CryptoError `malformed` */
export function readRoster(reader: Reader): Roster {
  const roster = Array.from({ length: reader.u16() }, () => {
    return { index: reader.u16(), entry: reader.raw(HASH_BYTES) };
  });
  requireAscending(roster.map(({ index }) => index));
  return roster;
}

/** Puts a change behind what was written. */
export function writeChange(writer: Writer, { removed, added }: RosterChange): Writer {
  writer.u16(removed.length);
  for (const index of removed) writer.u16(index);
  return writeRoster(writer, added);
}

/** Reads a change inside a larger encoding. @throws CryptoError `malformed` */
export function readChange(reader: Reader): RosterChange {
  const removed = Array.from({ length: reader.u16() }, () => reader.u16());
  requireAscending(removed);
  return { removed, added: readRoster(reader) };
}

/** The roster after a change, or null where it does not fit this one. */
export function changed(roster: Roster, { removed, added }: RosterChange): Roster | null {
  const indices = new Set(roster.map(({ index }) => index));
  if (!removed.every((index) => indices.has(index))) return null;
  // A seat is not given to another in the commit that takes it away, and nobody sits twice.
  if (added.some(({ index }) => indices.has(index))) return null;
  const out = new Set(removed);
  const next = [...roster.filter(({ index }) => !out.has(index)), ...added];
  next.sort((a, b) => a.index - b.index);
  const names = new Set(next.map(({ entry }) => toHex(entry)));
  return next.length > 0 && names.size === next.length ? next : null;
}

/** The seat of a device, or null. */
export function seatOf(roster: Roster, entry: Bytes): Seat | null {
  return roster.find((seat) => equal(seat.entry, entry)) ?? null;
}

/** The others in the order in which they take over from an index: upwards, and round. */
export function successors(roster: Roster, from: number): Roster {
  const after = roster.filter(({ index }) => index > from);
  return [...after, ...roster.filter(({ index }) => index < from)];
}

function requireAscending(indices: readonly number[]): void {
  if (indices.some((index, i) => i > 0 && index <= indices[i - 1]!)) {
    throw new CryptoError("malformed", "Cannot read a roster: its seats are not in order");
  }
}
