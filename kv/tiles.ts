/**
 * The tree's tiles.
 *
 *     ["log", origin, "tile", level, index] -> 32 to 8,192 bytes
 *
 * A tile only grows at its end, in the commit that moves the head. A partial tile is not a row of
 * its own: it is the beginning of this one.
 *
 * @module
 */

import { type Bytes } from "../crypto/bytes.ts";
import { type Tile, TILE_BYTES, type TileId } from "../crypto/tile.ts";
import { logKey, type LogStore, readRow } from "./log_key.ts";

/** A tile's bytes, or null where it has no hash yet. */
export async function readTile(log: LogStore, id: TileId): Promise<Bytes | null> {
  return (await readRow<Bytes>(log, logKey(log, "tile", id.level, id.index)))?.value ?? null;
}

/** Tiles that were planned, all read at once; one that is absent comes without a hash. */
export function readTiles(log: LogStore, ids: readonly TileId[]): Promise<Tile[]> {
  return Promise.all(ids.map(async ({ level, index }) => {
    const data = await readTile(log, { level, index }) ?? new Uint8Array(0);
    return { level, index, data };
  }));
}

/** Replaces a tile by a longer one. */
export function writeTile(log: LogStore, tile: Tile): Deno.KvMutation {
  const { level, index, data } = tile;
  if (data.length > TILE_BYTES) throw new Error("bug: a tile of more than 256 hashes");
  return { type: "set", key: logKey(log, "tile", level, index), value: data };
}

/** Every stored tile, level by level. */
export async function* listTiles(log: LogStore): AsyncIterable<Tile> {
  for await (const { key, value } of log.kv.list<Bytes>({ prefix: logKey(log, "tile") })) {
    yield { level: key.at(-2) as number, index: key.at(-1) as number, data: value };
  }
}
