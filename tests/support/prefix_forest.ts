/**
 * Prefix trees for tests: leaves of chosen keys, the tree grown of them, and the definition to
 * compare with.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { type Bytes, compare, concat } from "../../crypto/bytes.ts";
import { type BatchPair } from "../../crypto/log_entry.ts";
import { randomBytes } from "../../crypto/primitives.ts";
import { type PrefixTile } from "../../crypto/prefix_tile.ts";
import { insertLeaves, type PrefixTiles } from "../../crypto/prefix_tree.ts";

/** A leaf under a key. */
export function leafOf(vrfOutput: Bytes): BatchPair {
  return { vrfOutput, commitment: randomBytes(32) };
}

/** Leaves of random keys, ascending. */
export function randomLeaves(count: number): BatchPair[] {
  return Array.from({ length: count }, () => leafOf(randomBytes(32))).sort(byKey);
}

/** A random key that agrees with another in exactly so many bits. */
export function keyBeside(key: Bytes, bits: number): Bytes {
  const other = randomBytes(32);
  for (let i = 0; i <= bits && i < 256; i++) {
    const wanted = bitOf(key, i) !== (i === bits);
    if (bitOf(other, i) !== wanted) other[i >> 3]! ^= 0x80 >> (i & 7);
  }
  return other;
}

/** Leaves half of whose keys share up to 200 bits with another one's, ascending. */
export function crowdedLeaves(count: number): BatchPair[] {
  const leaves: BatchPair[] = [];
  for (let i = 0; i < count; i++) {
    const beside = leaves[Math.floor(i / 3)];
    const bits = [3, 4, 7, 8, 31, 200][(i >> 1) % 6]!;
    const key = i % 2 === 0 || beside === undefined ? null : keyBeside(beside.vrfOutput, bits);
    const isNew = key !== null && leaves.every(({ vrfOutput }) => compare(vrfOutput, key) !== 0);
    leaves.push(leafOf(isNew ? key : randomBytes(32)));
  }
  return leaves.sort(byKey);
}

/** By their keys, as a BATCH has them. */
export function byKey(a: BatchPair, b: BatchPair): number {
  return compare(a.vrfOutput, b.vrfOutput);
}

/** A tree in memory, whole. */
export function treeOf(leaves: readonly BatchPair[]): PrefixTiles {
  return grown(new Map([["", null]]), leaves);
}

/** The tree with more leaves, whole. */
export function grown(tiles: PrefixTiles, leaves: readonly BatchPair[]): PrefixTiles {
  const all = new Map<string, PrefixTile | null>(tiles);
  for (const [path, tile] of insertLeaves(tiles, leaves, 2).written) all.set(path, tile);
  return all;
}

/** The definition: the root over all leaves, each at the shallowest depth where it is alone. */
export function naiveRoot(leaves: readonly BatchPair[], depth = 0): Bytes {
  if (leaves.length === 0) return new Uint8Array(32);
  if (leaves.length === 1) return hash(2, leaves[0]!.vrfOutput, leaves[0]!.commitment);
  const [left, right] = [false, true].map((bit) =>
    naiveRoot(leaves.filter(({ vrfOutput }) => bitOf(vrfOutput, depth) === bit), depth + 1)
  );
  return hash(3, left!, right!);
}

function bitOf(key: Bytes, i: number): boolean {
  return (key[Math.floor(i / 8)]! & 2 ** (7 - i % 8)) !== 0;
}

/** SHA-256 by another implementation than the one under test. */
function hash(domain: number, ...parts: Bytes[]): Bytes {
  const input = concat(Uint8Array.of(domain), ...parts);
  return new Uint8Array(createHash("sha256").update(input).digest());
}
