/**
 * The tree cut into tiles (C2SP tlog-tiles): 256 neighbouring hashes of every eighth level.
 *
 *     tile(L, N)[i] = hash of the complete subtree { level: 8 L, index: 256 N + i }
 *     width of tile(L, N) in a tree of s leaves = clamp(floor(s / 256^L) - 256 N, 0, 256)
 *
 * A hash of any other level is computed from a power of two of neighbours in *one* tile, so a tree
 * is stored whole by storing each level that is a multiple of eight. A tile only ever grows at its
 * end: the partial tile of an older tree is a prefix of today's, and is served by slicing it.
 *
 *     reading:  planInclusion -> planTiles -> read -> hashesFromTiles -> buildInclusion
 *     writing:  append -> planTileWrites -> read what is there -> extendTile -> write
 *
 * Nothing here authenticates a tile that a stranger served. What does is the proof that is made
 * from it: `checkInclusion` and `checkConsistency`, or the root that `buildRoot` gives.
 *
 * @module
 */

import { type Bytes, concat } from "./bytes.ts";
import { CryptoError } from "./error.ts";
import { HASH_BYTES } from "./primitives.ts";
import { type CompletedHash, type HashRef, nodeHash } from "./tree.ts";

/** Tree levels from one tile level to the next. */
const TILE_HEIGHT = 8;
/** Hashes of a full tile. */
export const TILE_WIDTH = 256;
/** Length of a full tile in bytes. */
export const TILE_BYTES = TILE_WIDTH * HASH_BYTES;

/** A tile's place: tile `index` of tile level `level`. */
export type TileId = { readonly level: number; readonly index: number };

/** A tile as a tree of some size has it: its first `width` hashes, 1 to 256. */
export type TileRef = TileId & { readonly width: number };

/** A tile with what was read for it: at least as many hashes as are needed, 32 bytes each. */
export type Tile = TileId & { readonly data: Bytes };

/** Where a tile holds a subtree: `count` (a power of two) hashes from the hash `first` on. */
export type TileRange = TileId & { readonly first: number; readonly count: number };

/** Hashes to put into a tile, from the place `first` on. */
export type TileWrite = TileId & { readonly first: number; readonly hashes: Bytes };

// --- reading -----------------------------------------------------------------------------------

/** The one tile, and the hashes in it, from which the hash of a complete subtree is computed. */
export function tileOf(ref: HashRef): TileRange {
  const above = ref.level % TILE_HEIGHT;
  const count = 2 ** above;
  const perTile = TILE_WIDTH / count;
  return {
    level: (ref.level - above) / TILE_HEIGHT,
    index: Math.floor(ref.index / perTile),
    first: (ref.index % perTile) * count,
    count,
  };
}

/** How many hashes a tile has in a tree of `size` leaves: 0 where it does not exist yet. */
export function tileWidth({ level, index }: TileId, size: number): number {
  const hashes = Math.floor(size / TILE_WIDTH ** level) - index * TILE_WIDTH;
  return Math.max(0, Math.min(TILE_WIDTH, hashes));
}

/**
 * The distinct tiles to read for these subtrees, in the order of first need, each as wide as the
 * tree of `size` leaves has it: the widths that a log serves for a checkpoint of that size.
 */
export function planTiles(refs: readonly HashRef[], size: number): TileRef[] {
  const tiles = new Map<string, TileRef>();
  for (const ref of refs) {
    const { level, index, first, count } = tileOf(ref);
    const width = tileWidth({ level, index }, size);
    if (first + count > width) throw new Error("bug: a subtree that this tree does not have");
    const key = tileKey({ level, index });
    if (!tiles.has(key)) tiles.set(key, { level, index, width });
  }
  return [...tiles.values()];
}

/**
 * The hash of a complete subtree out of the tile that `tileOf` names; the tile may be wider.
 *
 * @throws CryptoError `malformed` where the tile is too short
 */
export function hashFromTile(tile: Tile, ref: HashRef): Bytes {
  const { level, index, first, count } = tileOf(ref);
  if (tile.level !== level || tile.index !== index) throw new Error("bug: the wrong tile");
  let row: Bytes[] = [];
  const { data } = sliceTile(tile, first + count);
  for (let i = first; i < first + count; i++) {
    row.push(data.slice(i * HASH_BYTES, (i + 1) * HASH_BYTES));
  }
  while (row.length > 1) {
    const parents: Bytes[] = [];
    for (let i = 0; i < row.length; i += 2) parents.push(nodeHash(row[i]!, row[i + 1]!));
    row = parents;
  }
  return row[0]!;
}

/**
 * The hashes of complete subtrees, in the order asked for, out of the tiles that `planTiles` named.
 *
 * @throws CryptoError `malformed` where a tile is too short
 */
export function hashesFromTiles(refs: readonly HashRef[], tiles: readonly Tile[]): Bytes[] {
  const byKey = new Map(tiles.map((tile) => [tileKey(tile), tile]));
  return refs.map((ref) => {
    const tile = byKey.get(tileKey(tileOf(ref)));
    if (tile === undefined) throw new Error("bug: a tile that was planned but not read");
    return hashFromTile(tile, ref);
  });
}

/** A tile cut to its first `width` hashes. @throws CryptoError `malformed` where it has fewer */
export function sliceTile(tile: Tile, width: number): Tile {
  const { level, index, data } = tile;
  if (data.length % HASH_BYTES !== 0 || data.length > TILE_BYTES) {
    throw new CryptoError("malformed", `Cannot read a tile: it has ${data.length} bytes`);
  }
  if (data.length < width * HASH_BYTES) {
    const held = data.length / HASH_BYTES;
    throw new CryptoError("malformed", `Cannot read a tile: it has ${held} hashes, not ${width}`);
  }
  return { level, index, data: data.subarray(0, width * HASH_BYTES) };
}

// --- writing -----------------------------------------------------------------------------------

/**
 * What a run of appends adds to which tiles, from the `completed` lists of `append` one after the
 * other. Levels between tile levels are left out: they are computed when they are read.
 */
export function planTileWrites(completed: readonly CompletedHash[]): TileWrite[] {
  const runs = new Map<string, TileId & { first: number; hashes: Bytes[] }>();
  for (const { ref, hash } of completed) {
    if (ref.level % TILE_HEIGHT !== 0) continue;
    const { level, index, first } = tileOf(ref);
    const key = tileKey({ level, index });
    const run = runs.get(key);
    if (run === undefined) runs.set(key, { level, index, first, hashes: [hash] });
    else if (run.first + run.hashes.length === first) run.hashes.push(hash);
    else throw new Error("bug: appended hashes that do not follow each other");
  }
  return [...runs.values()].map((run) => ({ ...run, hashes: concat(...run.hashes) }));
}

/**
 * The bytes of a tile after a write. @param held what is stored now, null where nothing is
 *
 * Hashes that are held beyond the write's place are leftovers of a tree that was never committed,
 * and are overwritten; a gap before it is a lost write.
 *
 * @throws CryptoError `malformed` where the tile has a gap
 */
export function extendTile(held: Bytes | null, write: TileWrite): Bytes {
  const { level, index, first, hashes } = write;
  const before = sliceTile({ level, index, data: held ?? new Uint8Array(0) }, first);
  return concat(before.data, hashes);
}

function tileKey({ level, index }: TileId): string {
  return `${level}/${index}`;
}
