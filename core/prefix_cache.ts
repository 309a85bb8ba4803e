/**
 * Tiles of the prefix tree at hand: the ones used last, up to a number.
 *
 * A tile is kept under its row, which never changes. So what is found is what the store has, however many
 * instances write to it; a tile that was made here is kept once its epoch is committed, not before.
 *
 * @module
 */

import { type PrefixTile } from "../crypto/prefix_tile.ts";

/** Tiles at hand. */
export interface PrefixCache {
  /** The tile that an epoch wrote at a path, or null where it is not at hand. */
  get(epoch: number, path: string): PrefixTile | null;
  /** Keeps a tile that is in the store. */
  put(epoch: number, path: string, tile: PrefixTile): void;
}

/** Enough for the upper levels of a tree of millions: some 50 MB. */
const CAPACITY = 8_192;

/** An empty cache. @param capacity how many tiles it keeps */
export function prefixCache(capacity = CAPACITY): PrefixCache {
  // A map's order is that of insertion: what is used goes to its end, and its beginning goes first.
  const tiles = new Map<string, PrefixTile>();

  function put(epoch: number, path: string, tile: PrefixTile): void {
    const key = keyOf(epoch, path);
    tiles.delete(key);
    tiles.set(key, tile);
    if (tiles.size <= capacity) return;
    for (const oldest of tiles.keys()) {
      tiles.delete(oldest);
      break;
    }
  }

  function get(epoch: number, path: string): PrefixTile | null {
    const tile = tiles.get(keyOf(epoch, path));
    if (tile === undefined) return null;
    put(epoch, path, tile);
    return tile;
  }

  return { get, put };
}

function keyOf(epoch: number, path: string): string {
  return `${epoch}/${path}`;
}
