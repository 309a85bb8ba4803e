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
import { type PrefixPlace, readPrefixTiles, writePrefixTile } from "../kv/prefix_tiles.ts";
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
  const tiles = new Map<string, PrefixTile | null>();
  if (epoch === 0) tiles.set("", null);
  for (;;) {
    const paths = planPrefix(tiles, keys);
    if (paths.length === 0) return tiles;
    const missing: NamedTile[] = [];
    for (const path of paths) {
      // Nothing names the topmost tile's hash: its place is its name.
      const named = path === "" ? { epoch, hash: null } : namedTile(tiles, path);
      const held = cache.get(named.epoch, path);
      if (held !== null) tiles.set(path, held);
      else missing.push({ ...named, path });
    }
    const read = await readPrefixTiles(log, missing);
    missing.forEach(({ epoch, path, hash }, i) => {
      const tile = decoded(read[i] ?? null, hash);
      cache.put(epoch, path, tile);
      tiles.set(path, tile);
    });
  }
}

/** A tile's row, and the hash that it must have. */
interface NamedTile extends PrefixPlace {
  readonly hash: Bytes | null;
}

function decoded(data: Bytes | null, hash: Bytes | null): PrefixTile {
  if (data === null) throw new Error("bug: the store lost a prefix tile");
  try {
    const tile = decodePrefixTile(data);
    if (hash === null || equal(tile.hash, hash)) return tile;
  } catch (error) {
    if (!(error instanceof CryptoError)) throw error;
  }
  throw new Error("bug: the store has another prefix tile than was written");
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
