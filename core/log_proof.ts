/**
 * Merkle proofs out of the stored tiles: plan the hashes, read their tiles at once, compute.
 *
 * Tiles only grow, and a proof asks for nothing beyond its tree size, so it does not matter whether
 * an epoch is committed between two reads.
 *
 * @module
 */

import { type Bytes } from "../crypto/bytes.ts";
import { hashesFromTiles, planTiles } from "../crypto/tile.ts";
import {
  buildConsistency,
  buildInclusion,
  buildRoot,
  type HashRef,
  planConsistency,
  planInclusion,
  planRoot,
} from "../crypto/tree.ts";
import { type LogStore } from "../kv/log_key.ts";
import { readTiles } from "../kv/tiles.ts";

/** Proves that the tree of `size` entries holds the entry `index`. */
export async function proveInclusion(
  log: LogStore,
  index: number,
  size: number,
): Promise<readonly Bytes[]> {
  const hashes = await readHashes(log, planInclusion(index, size), size);
  return buildInclusion(index, size, hashes);
}

/** Proves that the tree of `to` entries extends the tree of `from`. */
export async function proveConsistency(
  log: LogStore,
  from: number,
  to: number,
): Promise<readonly Bytes[]> {
  const hashes = await readHashes(log, planConsistency(from, to), to);
  return buildConsistency(from, to, hashes);
}

/** The root of the tree of the first `size` entries. */
export async function rootAt(log: LogStore, size: number): Promise<Bytes> {
  return buildRoot(size, await readHashes(log, planRoot(size), size));
}

async function readHashes(
  log: LogStore,
  refs: readonly HashRef[],
  size: number,
): Promise<readonly Bytes[]> {
  return hashesFromTiles(refs, await readTiles(log, planTiles(refs, size)));
}
