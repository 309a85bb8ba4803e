/**
 * How much a mailbox holds, and what makes space for what comes: the notes of calls that are over.
 *
 * Nothing is dropped in silence, and messages fill one half at most, so that nobody is kept from calling
 * a device that sleeps by what was written to it.
 *
 * @module
 */

import { type MailEntry } from "../kv/mailbox.ts";
import { MAX_MAILBOX_BYTES, MAX_MAILBOX_ENTRIES, MAX_MAILBOX_PER_SENDER } from "../wire/limits.ts";
import { ServiceError } from "./error.ts";

/** What is in a mailbox when something has come. @throws ServiceError `mailbox_full` */
export function withSpace(
  before: readonly MailEntry[],
  fresh: readonly MailEntry[],
  nowMs: number,
): readonly MailEntry[] {
  const { from, kind, untilMs } = fresh[0]!;
  const isOver = (entry: MailEntry) => entry.untilMs <= nowMs;
  let entries = before;
  /** Drops the note of the oldest call that is over, the sender's own before others'. */
  const makesSpace = (isOwn: boolean): boolean => {
    const notes = entries.filter((entry) => entry.kind === "ring" && isOver(entry));
    const own = notes.find((note) => note.from === from);
    const note = isOwn ? own : own ?? notes[0];
    // What itself is but a note is worth no more than another one.
    if (note === undefined || untilMs <= nowMs) return false;
    entries = entries.filter((entry) => callOf(entry) !== callOf(note));
    return true;
  };
  const all = () => [...entries, ...fresh];
  // A call to several devices is one thing that a sender left.
  const things = () => new Set(all().filter((entry) => entry.from === from).map(callOf)).size;
  while (things() > MAX_MAILBOX_PER_SENDER && makesSpace(true));
  while (all().length > MAX_MAILBOX_ENTRIES && makesSpace(false));
  const bytesOf = (some: readonly MailEntry[]) =>
    some.reduce((sum, entry) => sum + (isOver(entry) ? 0 : entry.size), 0);
  const messages = all().filter((entry) => entry.kind === "message");
  const isHalfFull = kind === "message" &&
    (messages.length > MAX_MAILBOX_ENTRIES / 2 || bytesOf(messages) > MAX_MAILBOX_BYTES / 2);
  const isFull = things() > MAX_MAILBOX_PER_SENDER ||
    all().length > MAX_MAILBOX_ENTRIES || bytesOf(all()) > MAX_MAILBOX_BYTES;
  if (isFull || isHalfFull) {
    throw new ServiceError("mailbox_full", "The mailbox is full, or your part of it");
  }
  return all();
}

/** Entries of one call have this in common; any other has it alone. */
export function callOf({ from, call, id }: MailEntry): string {
  return call === null ? id : `${from} ${call}`;
}
