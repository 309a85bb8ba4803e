/**
 * Where a log's rows stand: every one under `["log", origin, ...]`, so that one store can hold
 * several generations and none reads another's.
 *
 *     ["log", origin, table, ...]      one module of this folder for each table
 *
 * Nothing outside this folder spells a key.
 *
 * @module
 */

import { answered } from "./store_error.ts";

/** One log in a store. */
export interface LogStore {
  /** The store. */
  readonly kv: Deno.Kv;
  /** The log's origin, `<host>/kt/<generation>`. */
  readonly origin: string;
}

/** A value with what a compare-and-set needs to replace it. */
export interface Row<T> {
  /** The value. */
  readonly value: T;
  /** Changes with every write of the row. */
  readonly versionstamp: string;
}

/** The key of a row: its table, and what is behind that. */
export function logKey(log: LogStore, ...rest: Deno.KvKeyPart[]): Deno.KvKey {
  return ["log", log.origin, ...rest];
}

/** A row with its versionstamp, or null where there is none. @throws StoreError */
export async function readRow<T>(log: LogStore, key: Deno.KvKey): Promise<Row<T> | null> {
  return rowOf(await answered(log.kv.get<T>(key)));
}

/** The row of an entry that was read, or null where there is none. */
export function rowOf<T>(entry: Deno.KvEntryMaybe<T>): Row<T> | null {
  const { value, versionstamp } = entry;
  return versionstamp === null ? null : { value, versionstamp };
}

/** How many rows a table has. */
export async function countRows(log: LogStore, table: string): Promise<number> {
  let count = 0;
  for await (const _ of log.kv.list({ prefix: logKey(log, table) })) count++;
  return count;
}

/** The origins of the logs that a store holds. */
export async function listOrigins(kv: Deno.Kv): Promise<string[]> {
  const origins: string[] = [];
  for (;;) {
    // One row of the next log at a time, however many rows each has; keys of bytes stand before texts.
    const last = origins.at(-1);
    const selector: Deno.KvListSelector = last === undefined
      ? { prefix: ["log"], start: ["log", ""] }
      : { prefix: ["log"], start: ["log", `${last}\0`] };
    const { value: row } = await kv.list(selector, { limit: 1 }).next();
    const origin = row?.key[1];
    if (typeof origin !== "string") return origins;
    origins.push(origin);
  }
}
