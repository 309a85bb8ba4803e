/**
 * Records that were accepted and are not in the log yet.
 *
 *     ["log", origin, "pool", ulid] -> PoolEntry
 *
 * A row is here exactly as long as its label's state names it: both are written in one commit, and
 * the epoch that takes the record in deletes the one and changes the other.
 *
 * @module
 */

import { type AccountLabel } from "../crypto/account_label.ts";
import { type Bytes } from "../crypto/bytes.ts";
import { randomBytes } from "../crypto/primitives.ts";
import { logKey, type LogStore } from "./log_key.ts";

/** A record that waits, with all that the log will hold of it. */
export interface PoolEntry {
  /** Whose record. */
  readonly label: AccountLabel;
  /** The record's version. */
  readonly version: number;
  /** The SignedRecord. */
  readonly record: Bytes;
  /** `recordHash` of the record. */
  readonly recordHash: Bytes;
  /** Opens the commitment: 16 bytes. */
  readonly opening: Bytes;
  /** What the log will commit to: 32 bytes. */
  readonly commitment: Bytes;
  /** Under which index: 32 bytes. */
  readonly vrfOutput: Bytes;
  /** Shows that it is the label's index: 80 bytes. */
  readonly vrfProof: Bytes;
}

/** An entry with its id. */
export interface Pooled {
  /** Its ULID. */
  readonly id: string;
  /** The entry. */
  readonly entry: PoolEntry;
}

const CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/** A ULID: ten characters of the time, sixteen at random; ids sort by their millisecond. */
export function newPoolId(nowMs: number): string {
  let time = "";
  for (let i = 0, rest = nowMs; i < 10; i++) {
    time = CROCKFORD[rest % 32]! + time;
    rest = Math.floor(rest / 32);
  }
  // A byte modulo 32 is as even as the byte, since 32 divides 256.
  return time + Array.from(randomBytes(16), (byte) => CROCKFORD[byte % 32]!).join("");
}

/** The first entries of the pool, in the order of their ids. */
export async function readPool(log: LogStore, most: number): Promise<Pooled[]> {
  const rows: Pooled[] = [];
  const selector = { prefix: logKey(log, "pool") };
  for await (const { key, value } of log.kv.list<PoolEntry>(selector, { limit: most })) {
    rows.push({ id: key.at(-1) as string, entry: value });
  }
  return rows;
}

/** Adds an entry. */
export function writePooled(log: LogStore, { id, entry }: Pooled): Deno.KvMutation {
  return { type: "set", key: logKey(log, "pool", id), value: entry };
}

/** Takes an entry out. */
export function deletePooled(log: LogStore, id: string): Deno.KvMutation {
  return { type: "delete", key: logKey(log, "pool", id) };
}
