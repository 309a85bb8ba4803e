/**
 * The prefix tree's tiles, as each epoch changed them.
 *
 *     ["log", origin, "prefix", epoch, path] -> the tile's bytes, at most 1,055
 *
 * `epoch` is the index of the ROOT that closed the epoch. A row is written once, by the commit that
 * moves the head over that ROOT, and never changes; a tree has the topmost tile of its own epoch, and
 * each tile names the epochs of those below it. The epoch comes first, so that a commit writes
 * its tiles side by side: spread over all paths, they would cost it a page of the store each.
 *
 * @module
 */

import { type Bytes } from "../crypto/bytes.ts";
import { countRows, logKey, type LogStore } from "./log_key.ts";
import { answered } from "./store_error.ts";

/** A stored tile. */
export interface PrefixRow {
  /** The ROOT that closed the epoch which changed it. */
  readonly epoch: number;
  /** The key bits above it, hexadecimal. */
  readonly path: string;
  /** Its bytes. */
  readonly data: Bytes;
}

/** Which row: a path, and an epoch that changed its tile. */
export type PrefixPlace = Pick<PrefixRow, "epoch" | "path">;

/** The platform's limit. */
const KEYS_OF_ONE_READ = 10;

/** The tiles of some rows, null where there is none. @throws StoreError */
export async function readPrefixTiles(
  log: LogStore,
  places: readonly PrefixPlace[],
): Promise<(Bytes | null)[]> {
  const keys = places.map(({ epoch, path }) => logKey(log, "prefix", epoch, path));
  const reads: Promise<Deno.KvEntryMaybe<Bytes>[]>[] = [];
  for (let i = 0; i < keys.length; i += KEYS_OF_ONE_READ) {
    reads.push(answered(log.kv.getMany<Bytes[]>(keys.slice(i, i + KEYS_OF_ONE_READ))));
  }
  return (await Promise.all(reads)).flat().map(({ value }) => value);
}

/** Writes a tile of an epoch. */
export function writePrefixTile(log: LogStore, { epoch, path, data }: PrefixRow): Deno.KvMutation {
  return { type: "set", key: logKey(log, "prefix", epoch, path), value: data };
}

/** How many rows there are, of all epochs. */
export function countPrefixTiles(log: LogStore): Promise<number> {
  return countRows(log, "prefix");
}
