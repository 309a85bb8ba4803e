/**
 * The largest head that the log ever signed, whether it was published or not.
 *
 *     ["log", origin, "signed"] -> SignedHead
 *
 * It is written before the note is shown to anybody, and only moves forward: whatever becomes of the
 * process, the next one knows what it has to continue. Its time says which instance signs next.
 *
 * @module
 */

import { type Bytes } from "../crypto/bytes.ts";
import { checkNotFrozen } from "./frozen.ts";
import { logKey, type LogStore, readRow, type Row } from "./log_key.ts";
import { commit, type Outcome } from "./transact.ts";

/** A head that was signed. */
export interface SignedHead {
  /** Entries of the log that it covers; odd. */
  readonly size: number;
  /** Root of the tree, 32 bytes. */
  readonly root: Bytes;
  /** The note, with the log's signatures alone. */
  readonly note: string;
  /** When it was signed, Unix milliseconds. */
  readonly atMs: number;
}

/** The largest head that was signed, or null where none was that had to be cosigned. */
export function readSigned(log: LogStore): Promise<Row<SignedHead> | null> {
  return readRow<SignedHead>(log, logKey(log, "signed"));
}

/** Sets the signed head. */
export function writeSigned(log: LogStore, head: SignedHead): Deno.KvMutation {
  return { type: "set", key: logKey(log, "signed"), value: head };
}

/** Replaces the signed head by a larger one, or by the same one signed again. */
export async function moveSigned(
  log: LogStore,
  from: Row<SignedHead> | null,
  to: SignedHead,
): Promise<Outcome> {
  if (from !== null && to.size < from.value.size) {
    throw new Error("bug: a signed head that would go back");
  }
  const check = { key: logKey(log, "signed"), versionstamp: from?.versionstamp ?? null };
  return await commit(log.kv, [check, checkNotFrozen(log)], [writeSigned(log, to)]);
}
