/**
 * That a log is frozen: it signs nothing and takes nothing in until it was recovered.
 *
 *     ["log", origin, "frozen"] -> Frozen
 *
 * Every commit that extends the log or publishes it checks that this row is absent, so that one
 * instance stops all of them, also those that have not heard of it.
 *
 * @module
 */

import { logKey, type LogStore, readRow, type Row } from "./log_key.ts";
import { type Decision, transact } from "./transact.ts";

/** Why and since when. */
export interface Frozen {
  /** One sentence for the operator, without names. */
  readonly reason: string;
  /** Unix milliseconds. */
  readonly atMs: number;
  /** A head under the log's own key that this store does not know, where somebody showed one. */
  readonly evidence: string | null;
  /** Whether a recovery wiped the tree, so that what is there of it was replayed out of a mirror. */
  readonly isReplaying: boolean;
}

/** Why the log is frozen, or null where it is not. */
export function readFrozen(log: LogStore): Promise<Row<Frozen> | null> {
  return readRow<Frozen>(log, logKey(log, "frozen"));
}

/** That the log is not frozen. */
export function checkNotFrozen(log: LogStore): Deno.AtomicCheck {
  return { key: logKey(log, "frozen"), versionstamp: null };
}

/** Freezes the log; where it is frozen already, the first reason stays. @throws StoreError */
export function writeFrozen(log: LogStore, frozen: Frozen): Promise<Frozen> {
  const key = logKey(log, "frozen");
  return transact<Frozen>(log.kv, async (): Promise<Decision<Frozen>> => {
    const row = await readFrozen(log);
    if (row !== null) return { done: row.value };
    return {
      checks: [checkNotFrozen(log)],
      mutations: [{ type: "set", key, value: frozen }],
      then: frozen,
    };
  });
}

/** Freezes the log for another reason. */
export function replaceFrozen(log: LogStore, frozen: Frozen): Deno.KvMutation {
  return { type: "set", key: logKey(log, "frozen"), value: frozen };
}

/** Ends the freeze. */
export function deleteFrozen(log: LogStore): Deno.KvMutation {
  return { type: "delete", key: logKey(log, "frozen") };
}
