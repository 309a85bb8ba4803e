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

/** An entry's bytes, or null where the log has none there. */
export async function readEntry(log: LogStore, index: number): Promise<Bytes | null> {
  return (await readRow<Bytes>(log, logKey(log, "entry", index)))?.value ?? null;
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
