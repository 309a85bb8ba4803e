/**
 * Names that were retired and whose data still has to go.
 *
 *     ["log", origin, "erase", label] -> { version }
 *
 * The row is written with the record that retires the name, and deleted after everything else: so a
 * service that dies in between goes on where it was.
 *
 * @module
 */

import { type AccountLabel } from "../crypto/account_label.ts";
import { logKey, type LogStore, readRow } from "./log_key.ts";

/** A name to erase. */
export interface Erasure {
  /** The name. */
  readonly label: AccountLabel;
  /** The version that retired it, which stays. */
  readonly version: number;
}

/** Notes that a name has to be erased. */
export function writeErasure(log: LogStore, { label, version }: Erasure): Deno.KvMutation {
  return { type: "set", key: logKey(log, "erase", label), value: { version } };
}

/** Notes that a name was erased. */
export function deleteErasure(log: LogStore, label: AccountLabel): Deno.KvMutation {
  return { type: "delete", key: logKey(log, "erase", label) };
}

/** What says that a name has to be erased, or null. */
export async function readErasure(log: LogStore, label: AccountLabel): Promise<Erasure | null> {
  const row = await readRow<{ readonly version: number }>(log, logKey(log, "erase", label));
  return row === null ? null : { label, version: row.value.version };
}

/** Every name that has to be erased. */
export async function* listErasures(log: LogStore): AsyncIterable<Erasure> {
  const selector = { prefix: logKey(log, "erase") };
  for await (const { key, value } of log.kv.list<{ version: number }>(selector)) {
    yield { label: key.at(-1) as AccountLabel, version: value.version };
  }
}
