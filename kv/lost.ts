/**
 * How many records a recovery found in the log and not in the store: their owners bring them again.
 *
 *     ["log", origin, "lost"] -> { count }
 *
 * It is what an audit may find missing, and no more.
 *
 * @module
 */

import { logKey, type LogStore, readRow } from "./log_key.ts";

/** Notes how many records the newest recovery found lost. */
export function writeLost(log: LogStore, count: number): Deno.KvMutation {
  return { type: "set", key: logKey(log, "lost"), value: { count } };
}

/** How many records were lost when the log was last recovered; none where it never was. */
export async function readLost(log: LogStore): Promise<number> {
  const row = await readRow<{ readonly count: number }>(log, logKey(log, "lost"));
  return row?.value.count ?? 0;
}
