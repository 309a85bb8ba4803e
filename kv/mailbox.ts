/**
 * Mailboxes: what waits for an account's devices.
 *
 *     ["mailbox", label]          -> Mailbox: what waits, oldest first, and who may write without being asked
 *     ["mailbox", label, entry]   -> the entry's text
 *
 * One row an account says all but the texts, so that every bound holds in one commit. The store forgets
 * late, so each entry's own time decides. A text is removed with its entry, or expires by itself.
 *
 * @module
 */

import { type AccountLabel } from "../crypto/account_label.ts";
import { type Bytes } from "../crypto/bytes.ts";
import { answered } from "./store_error.ts";
import { type Decision, transact } from "./transact.ts";

/** What an entry is. */
export type EntryKind = "ring" | "message";

/** One entry without its text. */
export interface MailEntry {
  /** Names it. */
  readonly id: string;
  readonly kind: EntryKind;
  /** The sender's label. */
  readonly from: string;
  /** The device that it is for, or null for whichever comes first. */
  readonly device: number | null;
  /** Of a ring: which call, so that its entries for several devices are one call. */
  readonly call: string | null;
  /** When it came, Unix milliseconds. */
  readonly sentMs: number;
  /** Until when its text is good. */
  readonly untilMs: number;
  /** Until when it is noted that it was there; `untilMs` where that is not noted. */
  readonly notedUntilMs: number;
  /** Length of its text in characters. */
  readonly size: number;
}

/** An account's mailbox. */
export interface MailboxRow {
  /** Oldest first. */
  readonly entries: readonly MailEntry[];
  /** SHA-256 of the token that gives the right to write, or null where none was handed out. */
  readonly deliveryHash: Bytes | null;
}

const EMPTY: MailboxRow = { entries: [], deliveryHash: null };

/** What somebody decided about a mailbox: what it becomes, or that it stays. */
export interface MailboxChange {
  readonly row: MailboxRow;
  /** Texts of entries that are new. */
  readonly texts: readonly { readonly entry: MailEntry; readonly text: string }[];
}

/** A mailbox; an empty one where nothing was ever written. @throws StoreError */
export async function readMailbox(
  kv: Deno.Kv,
  label: AccountLabel,
  nowMs: number,
): Promise<MailboxRow> {
  const { value } = await answered(kv.get<MailboxRow>(rowKey(label)));
  return current(value, nowMs);
}

/** The texts of entries, in their order; null where one is gone. @throws StoreError */
export async function readTexts(
  kv: Deno.Kv,
  label: AccountLabel,
  ids: readonly string[],
): Promise<readonly (string | null)[]> {
  const texts: (string | null)[] = [];
  // The store reads ten keys at once.
  for (let i = 0; i < ids.length; i += 10) {
    const keys = ids.slice(i, i + 10).map((id) => [...rowKey(label), id]);
    for (const { value } of await answered(kv.getMany<string[]>(keys))) texts.push(value);
  }
  return texts;
}

/**
 * Changes a mailbox, whose entries that are over have been left out before.
 *
 * @param decide null where nothing is to change; it may be asked several times
 * @throws StoreError, and what `decide` throws
 */
export function changeMailbox(
  kv: Deno.Kv,
  label: AccountLabel,
  nowMs: number,
  decide: (row: MailboxRow) => MailboxChange | null,
): Promise<void> {
  const key = rowKey(label);
  return transact<void>(kv, async (): Promise<Decision<void>> => {
    const held = await answered(kv.get<MailboxRow>(key));
    const change = decide(current(held.value, nowMs));
    if (change === null) return { done: undefined };
    const { row, texts } = change;
    const kept = new Set(row.entries.map(({ id }) => id));
    const gone = (held.value?.entries ?? []).filter(({ id }) => !kept.has(id));
    return {
      checks: [{ key, versionstamp: held.versionstamp }],
      mutations: [
        setRow(key, row, nowMs),
        ...texts.map(({ entry, text }): Deno.KvMutation => ({
          type: "set",
          key: [...key, entry.id],
          value: text,
          expireIn: Math.max(1, entry.untilMs - nowMs),
        })),
        ...gone.map(({ id }): Deno.KvMutation => ({ type: "delete", key: [...key, id] })),
      ],
      then: undefined,
    };
  });
}

function setRow(key: Deno.KvKey, row: MailboxRow, nowMs: number): Deno.KvMutation {
  if (row.entries.length === 0 && row.deliveryHash === null) return { type: "delete", key };
  // Whom somebody may write to is kept until it is changed.
  if (row.deliveryHash !== null) return { type: "set", key, value: row };
  const lastMs = Math.max(...row.entries.map(({ notedUntilMs }) => notedUntilMs));
  return { type: "set", key, value: row, expireIn: Math.max(1, lastMs - nowMs) };
}

function current(row: MailboxRow | null, nowMs: number): MailboxRow {
  if (row === null) return EMPTY;
  return { ...row, entries: row.entries.filter(({ notedUntilMs }) => notedUntilMs > nowMs) };
}

function rowKey(label: AccountLabel): Deno.KvKey {
  return ["mailbox", label];
}
