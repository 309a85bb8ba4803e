/**
 * The log's entries, which are public and final.
 *
 *     ["log", origin, "entry", index] -> the entry's bytes, at most 8,195
 *
 * An entry is written once, by the commit that moves the head over it.
 *
 * @module
 */

import { type Bytes } from "../crypto/bytes.ts";
import { logKey, type LogStore, readRow } from "./log_key.ts";
import { answered } from "./store_error.ts";

/** An entry's bytes, or null where the log has none there. */
export async function readEntry(log: LogStore, index: number): Promise<Bytes | null> {
  return (await readRow<Bytes>(log, logKey(log, "entry", index)))?.value ?? null;
}

/** Neighbouring entries from an index on; fewer than asked for where the log ends before. */
export async function readEntries(
  log: LogStore,
  first: number,
  count: number,
): Promise<readonly Bytes[]> {
  const [start, end] = [logKey(log, "entry", first), logKey(log, "entry", first + count)];
  const found = await answered(Array.fromAsync(log.kv.list<Bytes>({ start, end })));
  return found.map(({ value }) => value);
}

/** Writes an entry. */
export function writeEntry(log: LogStore, index: number, entry: Bytes): Deno.KvMutation {
  return { type: "set", key: logKey(log, "entry", index), value: entry };
}

/** Every stored entry in the log's order. */
export async function* listEntries(
  log: LogStore,
): AsyncIterable<{ readonly index: number; readonly entry: Bytes }> {
  for await (const { key, value } of log.kv.list<Bytes>({ prefix: logKey(log, "entry") })) {
    yield { index: key.at(-1) as number, entry: value };
  }
}
