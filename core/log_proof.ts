/**
 * Merkle proofs out of the stored tiles: plan the hashes, read their tiles at once, compute, and
 * check them against a root that is known.
 *
 * Tiles only grow, and a proof asks for nothing beyond its tree size, so it does not matter whether
 * an epoch is committed between two reads. A proof that does not lead to the root is given to nobody: a
 * row that was damaged would otherwise look like a log that forked.
 *
 * @module
 */

import { type Bytes } from "../crypto/bytes.ts";
import { CryptoError } from "../crypto/error.ts";
import { hashesFromTiles, planTiles } from "../crypto/tile.ts";
import { type ProvenEntry } from "../crypto/transition_audit.ts";
import {
  buildConsistency,
  buildInclusion,
  buildRoot,
  checkConsistency,
  checkInclusion,
  type HashRef,
  leafHash,
  planConsistency,
  planInclusion,
  planRoot,
} from "../crypto/tree.ts";
import { readEntry } from "../kv/entries.ts";
import { type Head } from "../kv/head.ts";
import { type LogStore } from "../kv/log_key.ts";
import { readTiles } from "../kv/tiles.ts";

/** A size and its root. */
export type TreeHead = Pick<Head, "size" | "root">;

/** Proves an entry in a tree. @throws Error where the store lost or changed what proves it */
export async function proveEntry(
  log: LogStore,
  index: number,
  { size, root }: TreeHead,
): Promise<ProvenEntry> {
  const entry = await readEntry(log, index);
  if (entry === null) throw new Error("bug: the store lost an entry");
  return await proven(async () => {
    const read = await readHashes(log, planInclusion(index, size), size);
    const hashes = buildInclusion(index, size, read);
    checkInclusion(index, size, leafHash(entry), hashes, root);
    return { entry, hashes };
  });
}

/** Proves that a tree extends the one of `from` entries. @throws Error where the store is damaged */
export async function proveConsistency(
  log: LogStore,
  from: number,
  head: TreeHead,
): Promise<readonly Bytes[]> {
  return (await proveGrowth(log, from, head)).proof;
}

/** The tree of the first `size` entries of another one. @throws Error where the store is damaged */
export async function treeBelow(log: LogStore, size: number, head: TreeHead): Promise<TreeHead> {
  if (size === head.size) return head;
  return { size, root: (await proveGrowth(log, size, head)).older };
}

/** A consistency proof as the tiles give it, for whoever finds out whether they are one history. */
export async function readConsistency(
  log: LogStore,
  from: number,
  to: number,
): Promise<readonly Bytes[]> {
  return buildConsistency(from, to, await readHashes(log, planConsistency(from, to), to));
}

function proveGrowth(
  log: LogStore,
  from: number,
  { size, root }: TreeHead,
): Promise<{ readonly proof: readonly Bytes[]; readonly older: Bytes }> {
  return proven(async () => {
    const [growth, below] = [planConsistency(from, size), planRoot(from)];
    const hashes = await readHashes(log, [...growth, ...below], size);
    const proof = buildConsistency(from, size, hashes.slice(0, growth.length));
    const older = buildRoot(from, hashes.slice(growth.length));
    checkConsistency(from, older, size, root, proof);
    return { proof, older };
  });
}

/** What was made and checked; a tile that is too short, or leads elsewhere, is damage. */
async function proven<T>(make: () => Promise<T>): Promise<T> {
  try {
    return await make();
  } catch (error) {
    if (error instanceof CryptoError) throw changedRow();
    throw error;
  }
}

/** What is thrown where the store holds something else than was written. */
export function changedRow(): Error {
  return new Error("bug: the store has another row than was written");
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
