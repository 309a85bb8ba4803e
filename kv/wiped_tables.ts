/**
 * Removing what a log is made of, before it is rebuilt from a mirror: its head, then entries, tiles
 * and the prefix tree. What people brought (names, values, keys, prekeys) is not touched, but for rows
 * that nobody can read any more.
 *
 * @module
 */

import { logKey, type LogStore } from "./log_key.ts";
import { listMisfits } from "./row_shape.ts";
import { StoreError } from "./store_error.ts";
import { commit } from "./transact.ts";

/** In this order: without a head nothing reads the others. */
const TABLES = ["head", "entry", "tile", "prefix"];
const ROWS_AT_ONCE = 500;

/** Deletes the rows of the log proper, some at a time. @throws StoreError */
export async function wipeTree(log: LogStore): Promise<void> {
  for (const table of TABLES) {
    // The head is a single row, under the very key of its table.
    await remove(log, [logKey(log, table)]);
    let keys: Deno.KvKey[] = [];
    for await (const { key } of log.kv.list({ prefix: logKey(log, table) })) {
      keys.push(key);
      if (keys.length < ROWS_AT_ONCE) continue;
      await remove(log, keys);
      keys = [];
    }
    await remove(log, keys);
  }
}

/** Deletes the rows of the log's tables that are not of their form. @throws StoreError */
export async function deleteMisfits(log: LogStore): Promise<void> {
  for await (const { key, table } of listMisfits(log.kv, logKey(log))) {
    if (table !== null) await remove(log, [key]);
  }
}

async function remove(log: LogStore, keys: readonly Deno.KvKey[]): Promise<void> {
  if (keys.length === 0) return;
  const deletes = keys.map((key): Deno.KvMutation => ({ type: "delete", key }));
  if (await commit(log.kv, [], deletes) !== "committed") {
    throw new StoreError("The store does not say whether it deleted");
  }
}
