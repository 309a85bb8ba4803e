/**
 * The prefix tree as an audit grows it: out of the BATCHes alone, epoch by epoch, with every tile that
 * an epoch should have written compared with the row that it did write.
 *
 * It holds the whole tree of the newest epoch, and no older one.
 *
 * @module
 */

import { type Bytes, equal } from "../crypto/bytes.ts";
import { type BatchPair } from "../crypto/log_entry.ts";
import { encodePrefixTile, type PrefixTile } from "../crypto/prefix_tile.ts";
import { insertLeaves, prefixRoot } from "../crypto/prefix_tree.ts";
import { type LogStore } from "../kv/log_key.ts";
import { countPrefixTiles, readPrefixTiles } from "../kv/prefix_tiles.ts";

/** A prefix tree that grows. */
export interface GrownTree {
  /** Its root. */
  root(): Bytes;
  /** Grows by a BATCH and compares the rows of its epoch. @param epoch the index of its ROOT */
  grow(added: readonly BatchPair[], epoch: number, faults: string[]): Promise<void>;
  /** Finds rows that no epoch should have written. */
  checkNoMore(faults: string[]): Promise<void>;
}

/** The tree without leaves, and the rows of a log to compare it with. */
export function growTree(log: LogStore): GrownTree {
  const tiles = new Map<string, PrefixTile | null>([["", null]]);
  let rows = 0;

  async function grow(
    added: readonly BatchPair[],
    epoch: number,
    faults: string[],
  ): Promise<void> {
    const { written } = insertLeaves(tiles, added, epoch);
    const places = Array.from(written.keys(), (path) => ({ epoch, path }));
    const held = await readPrefixTiles(log, places);
    [...written].forEach(([path, tile], i) => {
      tiles.set(path, tile);
      const data = held[i] ?? null;
      if (data !== null) rows++;
      if (data === null || !equal(data, encodePrefixTile(tile))) {
        const what = data === null ? "is missing" : "is not the tree's";
        faults.push(`Prefix tile "${path}" of entry ${epoch} ${what}`);
      }
    });
  }

  async function checkNoMore(faults: string[]): Promise<void> {
    const more = await countPrefixTiles(log) - rows;
    if (more > 0) faults.push(`There are ${more} prefix tiles that no epoch wrote`);
  }

  return { root: () => prefixRoot(tiles), grow, checkNoMore };
}
