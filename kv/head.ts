/**
 * The committed head of the log: the only row whose compare-and-set decides what the log says.
 *
 *     ["log", origin, "head"] -> Head
 *
 * Every commit that appends entries, and with them tiles, checks this row and replaces it. Two others
 * touch those tables: an auditor's tiles of the prefix tree that do not fit their epoch's commit come
 * first and only check it, and a recovery takes all away, this row first. It is not what clients see:
 * that is the published head.
 *
 * @module
 */

import { type Bytes } from "../crypto/bytes.ts";
import { logKey, type LogStore, readRow, type Row } from "./log_key.ts";

/** How far the log goes, and all that appending to it needs. */
export interface Head {
  /** Entries of the log; odd. */
  readonly size: number;
  /** Hashes of the tree's right edge, as `planRoot(size)` names them. */
  readonly frontier: readonly Bytes[];
  /** Root of the tree, 32 bytes. */
  readonly root: Bytes;
  /** Root of the prefix tree, 32 bytes: what the newest ROOT says. */
  readonly prefixRoot: Bytes;
  /** The newest ROOT's time, or CONFIG's; Unix milliseconds. */
  readonly timestampMs: number;
  /** Random, so that the writer of a commit whose result is unknown finds it here, or does not. */
  readonly batchId: string;
}

/** The head, or null where the log is not founded. */
export function readHead(log: LogStore): Promise<Row<Head> | null> {
  return readRow<Head>(log, logKey(log, "head"));
}

/** That the head is still the one that was read. */
export function checkHead(log: LogStore, read: Row<Head> | null): Deno.AtomicCheck {
  return { key: logKey(log, "head"), versionstamp: read?.versionstamp ?? null };
}

/** Replaces the head. */
export function writeHead(log: LogStore, head: Head): Deno.KvMutation {
  return { type: "set", key: logKey(log, "head"), value: head };
}
