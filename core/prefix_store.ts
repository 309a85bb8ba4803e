/**
 * The prefix tree in the store: reading what is on the ways of some keys, level by level, and the
 * rows of an epoch that grows it.
 *
 * A tree is reached from the topmost tile of its epoch, and each tile names the epoch and the hash of
 * those below it. So it does not matter what is written meanwhile, and a row that was lost or damaged is
 * found before anything is proved from it.
 *
 * @module
 */

import { type Bytes, equal } from "../crypto/bytes.ts";
import { CryptoError } from "../crypto/error.ts";
import { type BatchPair } from "../crypto/log_entry.ts";
import { decodePrefixTile, encodePrefixTile, type PrefixTile } from "../crypto/prefix_tile.ts";
import {
  insertLeaves,
  namedTile,
  planPrefix,
  type PrefixGrowth,
  type PrefixTiles,
} from "../crypto/prefix_tree.ts";
import { type LogStore } from "../kv/log_key.ts";
import { readPrefixTile, writePrefixTile } from "../kv/prefix_tiles.ts";
import { type PrefixCache, prefixCache } from "./prefix_cache.ts";

/** What an epoch does to the prefix tree. */
export interface PrefixStep extends PrefixGrowth {
  /** The index of its ROOT. */
  readonly epoch: number;
  /** Writes the tiles. */
  readonly mutations: readonly Deno.KvMutation[];
}

/**
 * The tiles on the ways of some keys in the tree of an epoch.
 *
 * @param epoch the index of its ROOT, or 0 for the tree before the first
 * @throws StoreError
 * @throws Error where the store lost a tile, or has another
 */
export async function readPrefix(
  log: LogStore,
  epoch: number,
  keys: readonly Bytes[],
  cache: PrefixCache = prefixCache(0),
): Promise<PrefixTiles> {
  const top = epoch === 0 ? null : await readTile(log, epoch, "", null, cache);
  const tiles = new Map<string, PrefixTile | null>([["", top]]);
  for (;;) {
    const paths = planPrefix(tiles, keys);
    if (paths.length === 0) return tiles;
    await Promise.all(paths.map(async (path) => {
      const { epoch, hash } = namedTile(tiles, path);
      tiles.set(path, await readTile(log, epoch, path, hash, cache));
    }));
  }
}

/** @param hash which the tile must have; null where nothing names it */
async function readTile(
  log: LogStore,
  epoch: number,
  path: string,
  hash: Bytes | null,
  cache: PrefixCache,
): Promise<PrefixTile> {
  const held = cache.get(epoch, path);
  if (held !== null) return held;
  const data = await readPrefixTile(log, epoch, path);
  if (data === null) throw new Error("bug: the store lost a prefix tile");
  const tile = decoded(data);
  if (hash !== null && !equal(tile.hash, hash)) throw damaged();
  cache.put(epoch, path, tile);
  return tile;
}

function decoded(data: Bytes): PrefixTile {
  try {
    return decodePrefixTile(data);
  } catch (error) {
    if (!(error instanceof CryptoError)) throw error;
    throw damaged();
  }
}

function damaged(): Error {
  return new Error("bug: the store has another prefix tile than was written");
}

/**
 * Grows the tree by a BATCH. @param tiles those on the ways of its keys @param epoch the index of its ROOT
 *
 * @throws Error where a leaf is there already
 */
export function growPrefix(
  log: LogStore,
  tiles: PrefixTiles,
  leaves: readonly BatchPair[],
  epoch: number,
): PrefixStep {
  const { root, written } = insertLeaves(tiles, leaves, epoch);
  const mutations = Array.from(
    written,
    ([path, tile]) => writePrefixTile(log, { epoch, path, data: encodePrefixTile(tile) }),
  );
  return { epoch, root, written, mutations };
}

/** Keeps the tiles of an epoch at hand, once it is committed. */
export function keepPrefix(cache: PrefixCache, { epoch, written }: PrefixStep): void {
  for (const [path, tile] of written) cache.put(epoch, path, tile);
}
