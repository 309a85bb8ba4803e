/**
 * The published head: the newest checkpoint that clients are shown.
 *
 *     ["log", origin, "published"] -> Published
 *
 * It only moves forward.
 *
 * @module
 */

import { type Bytes } from "../crypto/bytes.ts";
import { logKey, type LogStore, readRow, type Row } from "./log_key.ts";
import { commit } from "./transact.ts";

/** A signed head. */
export interface Published {
  /** Entries of the log that it covers; odd. */
  readonly size: number;
  /** Root of the tree, 32 bytes. */
  readonly root: Bytes;
  /** The checkpoint's note, as clients get it. */
  readonly note: string;
  /** The key that signed it, `name+hash+key`, for whoever audits the store alone. */
  readonly verifierKey: string;
}

/** The published head, or null where nothing was published yet. */
export function readPublished(log: LogStore): Promise<Row<Published> | null> {
  return readRow<Published>(log, logKey(log, "published"));
}

/**
 * Replaces the published head by a larger one.
 *
 * @returns whether it is certain that it was replaced; otherwise read again
 */
export async function movePublished(
  log: LogStore,
  from: Row<Published> | null,
  to: Published,
): Promise<boolean> {
  if (from !== null && to.size <= from.value.size) {
    throw new Error("bug: a published head that would not move forward");
  }
  const key = logKey(log, "published");
  const check = { key, versionstamp: from?.versionstamp ?? null };
  return await commit(log.kv, [check], [{ type: "set", key, value: to }]) === "committed";
}
