/**
 * What a witness remembers of each log that it cosigns, in a store of its own.
 *
 *     ["witness", origin, "head"]             -> WitnessHead     the largest head it ever cosigned
 *     ["witness", origin, "refusal", digest]  -> Refusal         signed heads that it would not cosign
 *
 * The head is the only point of compare-and-set: a head is cosigned once the commit that moves it
 * here has landed, so that of two requests at once the slower one cannot take the log back. A digest
 * is of the head's text, so that one head is remembered once.
 *
 * @module
 */

import { type Bytes, toHex } from "../crypto/bytes.ts";
import { type LogStore, readRow, type Row } from "./log_key.ts";
import { answered } from "./store_error.ts";

/** The largest head that a witness cosigned. */
export interface WitnessHead {
  /** Its size. */
  readonly size: number;
  /** Its root, 32 bytes. */
  readonly root: Bytes;
  /** The note: the text, the log's own signatures and the witness's. */
  readonly note: string;
  /** When it was cosigned last, Unix seconds. */
  readonly cosignedAtS: number;
}

/** A head that its log signed and that was not cosigned. */
export interface Refusal {
  /** One sentence. */
  readonly reason: string;
  /** When, Unix milliseconds. */
  readonly atMs: number;
  /** The note, as the log signed it. */
  readonly note: string;
  /** Whether it contradicts a head that was cosigned, whatever else the log says. */
  readonly isFork: boolean;
}

/** The most refusals that are remembered of one log: the first ones say what began. */
const MAX_REFUSALS = 100;

function witnessKey({ origin }: LogStore, ...rest: Deno.KvKeyPart[]): Deno.KvKey {
  return ["witness", origin, ...rest];
}

/** The largest head that was cosigned, or null where none was. */
export function readWitnessHead(log: LogStore): Promise<Row<WitnessHead> | null> {
  return readRow<WitnessHead>(log, witnessKey(log, "head"));
}

/** That the head is still the one that was read. */
export function checkWitnessHead(
  log: LogStore,
  read: Row<WitnessHead> | null,
): Deno.AtomicCheck {
  return { key: witnessKey(log, "head"), versionstamp: read?.versionstamp ?? null };
}

/** Replaces the head. */
export function writeWitnessHead(log: LogStore, head: WitnessHead): Deno.KvMutation {
  return { type: "set", key: witnessKey(log, "head"), value: head };
}

/**
 * Remembers a refusal, unless there are too many already. A fork is remembered in the place of another
 * kind, so that nobody fills it up before; and the first refusal of a head stays, unless that head now
 * turns out to be a fork, so that nobody wears the others out by showing one head again and again.
 *
 * @param digest of the head's text
 */
export async function keepRefusal(
  log: LogStore,
  digest: Bytes,
  refusal: Refusal,
): Promise<void> {
  const held = await answered(
    Array.fromAsync(log.kv.list<Refusal>({ prefix: witnessKey(log, "refusal") })),
  );
  const name = toHex(digest);
  const same = held.find(({ key }) => key.at(-1) === name);
  if (same !== undefined && (same.value.isFork || !refusal.isFork)) return;
  if (same === undefined && held.length >= MAX_REFUSALS) {
    const other = held.find(({ value }) => !value.isFork);
    if (!refusal.isFork || other === undefined) return;
    await answered(log.kv.delete(other.key));
  }
  await answered(log.kv.set(witnessKey(log, "refusal", name), refusal));
}

/** What is remembered of a log, the oldest first. */
export async function listRefusals(log: LogStore): Promise<readonly Refusal[]> {
  const rows = log.kv.list<Refusal>({ prefix: witnessKey(log, "refusal") });
  const found = (await answered(Array.fromAsync(rows))).map(({ value }) => value);
  return found.sort((a, b) => a.atMs - b.atMs);
}
