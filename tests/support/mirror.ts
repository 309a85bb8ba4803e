/**
 * Stores that are copied as a backup is, and the log of a store as a mirror serves it.
 *
 * @module
 */

import { tileAt } from "../../core/log_read.ts";
import { type LogSource, LogSourceError } from "../../core/log_source.ts";
import { encodeEntryBundle } from "../../crypto/entry_bundle.ts";
import { planTiles, TILE_WIDTH, tileWidth } from "../../crypto/tile.ts";
import { planConsistency, planRoot } from "../../crypto/tree.ts";
import { readEntries } from "../../kv/entries.ts";
import { readHead } from "../../kv/head.ts";
import { type LogStore } from "../../kv/log_key.ts";
import { readPublished } from "../../kv/published.ts";
import { ENTRIES, formatTilePath, TILES } from "../../wire/tile_path.ts";

/** Every row of a store. */
export function rowsOf(kv: Deno.Kv): Promise<Deno.KvEntry<unknown>[]> {
  return Array.fromAsync(kv.list({ prefix: [] }));
}

/** Makes a store hold these rows and no others. */
export async function restore(
  kv: Deno.Kv,
  rows: readonly Deno.KvEntry<unknown>[],
): Promise<void> {
  for await (const { key } of kv.list({ prefix: [] })) await kv.delete(key);
  for (const { key, value } of rows) await kv.set(key, value);
}

/** The log of a store, as a mirror of it serves its files. */
export function mirrorOf(log: LogStore): LogSource {
  return {
    tile: (ref) => tileAt(log, ref).catch(() => Promise.reject(new LogSourceError("no tile"))),
    bundle: (index, width) => readEntries(log, index * TILE_WIDTH, width),
  };
}

/** Writes the files of a store's published head as C2SP tlog-tiles has them. */
export async function writeFiles(log: LogStore, folder: string): Promise<void> {
  const { note } = (await readPublished(log))!.value;
  const { size } = (await readHead(log))!.value;
  const put = async (path: string, bytes: Uint8Array) => {
    const file = `${folder}/tile${path.slice(TILES.length)}`;
    await Deno.mkdir(file.slice(0, file.lastIndexOf("/")), { recursive: true });
    await Deno.writeFile(file, bytes);
  };
  const refs = [...planRoot(size)];
  for (let from = 1; from <= size; from += 2) refs.push(...planConsistency(from, size));
  for (const ref of planTiles(refs, size)) {
    await put(formatTilePath(ref), await tileAt(log, ref));
  }
  for (let index = 0; index * TILE_WIDTH < size; index++) {
    const width = tileWidth({ level: 0, index }, size);
    const entries = await readEntries(log, index * TILE_WIDTH, width);
    await put(formatTilePath({ level: ENTRIES, index, width }), encodeEntryBundle(entries));
  }
  await Deno.writeTextFile(`${folder}/checkpoint`, note);
}
