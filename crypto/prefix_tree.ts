/**
 * The prefix tree over its tiles: what to read for some keys, proofs out of what was read, and
 * growing.
 *
 *     searching:  planPrefix -> read -> planPrefix -> ... -> buildPrefixProof, buildTransition
 *     growing:    planPrefix -> read -> planPrefix -> ... -> insertLeaves -> write
 *
 * The tree only ever grows, and nothing here changes a tile: growing gives new ones, of which those
 * that are not on the ways of the new leaves are the old ones. To ask of tiles that were not read is
 * a bug of the caller.
 *
 * This is the half of whoever holds a tree. What strangers check is `prefix_proof.ts` and
 * `prefix_transition.ts`, which need none of it.
 *
 * @module
 */

import { type Bytes, compare, equal } from "./bytes.ts";
import { type BatchPair } from "./log_entry.ts";
import { ABSENT, bitAt, splitAt } from "./prefix_hash.ts";
import { type PrefixProof, type PrefixSearchResult } from "./prefix_proof.ts";
import {
  PREFIX_TILE_LEVELS,
  type PrefixBelow,
  prefixInner,
  type PrefixLeaf,
  prefixLeaf,
  type PrefixNode,
  type PrefixTile,
  tileDepth,
  tilePath,
} from "./prefix_tile.ts";
import { type TransitionProof } from "./prefix_transition.ts";

/** Tiles by path; null: the store has none there; no entry: not read yet. */
export type PrefixTiles = ReadonlyMap<string, PrefixTile | null>;

/** What growing gives. */
export interface PrefixGrowth {
  /** The root after it. */
  readonly root: Bytes;
  /** Every tile that is new or changed, by path. */
  readonly written: ReadonlyMap<string, PrefixTile>;
}

// --- reading -----------------------------------------------------------------------------------

/** The paths to read next; none once all that is on the ways of the keys is there. */
export function planPrefix(tiles: PrefixTiles, keys: readonly Bytes[]): string[] {
  const missing = new Set<string>();
  for (const key of keys) {
    let depth = 0;
    for (;;) {
      const path = tilePath(key, depth);
      const tile = tiles.get(path);
      if (tile === undefined) missing.add(path);
      if (!tile || !goesBelow(tile, key, depth)) break;
      depth += PREFIX_TILE_LEVELS;
    }
  }
  return [...missing];
}

/** Whether a key's way leaves a tile at its bottom. @param depth the tile's */
function goesBelow(tile: PrefixTile, key: Bytes, depth: number): boolean {
  let node: PrefixNode | null = tile;
  for (let at = depth; node?.kind === "inner"; at++) {
    node = bitAt(key, at) === 0 ? node.left : node.right;
  }
  return node?.kind === "below";
}

/** What the tile above says of the tile at a path: its hash, and the epoch that changed it last. */
export function namedTile(tiles: PrefixTiles, path: string): PrefixBelow {
  const digit = parseInt(path.slice(-1), 16);
  let node: PrefixNode | null = tileAt(tiles, path.slice(0, -1));
  for (let bit = PREFIX_TILE_LEVELS - 1; bit >= 0 && node?.kind === "inner"; bit--) {
    node = (digit >> bit & 1) === 0 ? node.left : node.right;
  }
  if (node?.kind !== "below") throw new Error("bug: a prefix tile that this tree does not have");
  return node;
}

/** The leaf under a key, or null where there is none. */
export function leafUnder(tiles: PrefixTiles, key: Bytes): BatchPair | null {
  let node: PrefixNode | null = tileAt(tiles, "");
  for (let depth = 0; node !== null && node.kind !== "leaf";) {
    if (node.kind === "below") {
      node = tileAt(tiles, tilePath(key, depth));
    } else {
      node = bitAt(key, depth++) === 0 ? node.left : node.right;
    }
  }
  return node !== null && equal(node.vrfOutput, key) ? node : null;
}

/** The root of the tree. */
export function prefixRoot(tiles: PrefixTiles): Bytes {
  return tileAt(tiles, "")?.hash ?? ABSENT;
}

/** A tile that was read. @throws Error where it was not */
function tileAt(tiles: PrefixTiles, path: string): PrefixTile | null {
  const tile = tiles.get(path);
  if (tile === undefined) throw new Error("bug: a prefix tile that was not read");
  if (tile === null && path !== "") throw new Error("bug: the store lost a prefix tile");
  return tile;
}

// --- proofs ------------------------------------------------------------------------------------

/** A key with its place among the results. */
interface Asked {
  readonly vrfOutput: Bytes;
  readonly place: number;
}

/** The proof of what the tree has under these keys, in their order; one may come twice. */
export function buildPrefixProof(tiles: PrefixTiles, keys: readonly Bytes[]): PrefixProof {
  const results: PrefixSearchResult[] = new Array(keys.length);
  const elements: Bytes[] = [];

  function visit(node: PrefixNode | null, asked: readonly Asked[], depth: number): void {
    if (asked.length === 0) {
      elements.push(node?.hash ?? ABSENT);
    } else if (node?.kind === "below") {
      visit(tileAt(tiles, tilePath(asked[0]!.vrfOutput, depth)), asked, depth);
    } else if (node?.kind === "inner") {
      const split = splitAt(asked, depth);
      visit(node.left, asked.slice(0, split), depth + 1);
      visit(node.right, asked.slice(split), depth + 1);
    } else {
      for (const { vrfOutput, place } of asked) results[place] = resultAt(node, vrfOutput, depth);
    }
  }

  const asked = keys.map((vrfOutput, place) => ({ vrfOutput, place }));
  visit(tileAt(tiles, ""), asked.sort(byKey), 0);
  return { results, elements };
}

function resultAt(leaf: PrefixLeaf | null, key: Bytes, depth: number): PrefixSearchResult {
  if (leaf === null) return { kind: "nonInclusionParent", depth };
  const { vrfOutput, commitment } = leaf;
  if (equal(vrfOutput, key)) return { kind: "inclusion", depth };
  return { kind: "nonInclusionLeaf", leaf: { vrfOutput, commitment }, depth };
}

/** What shows the step from this tree to the one with a BATCH in it. */
export function buildTransition(tiles: PrefixTiles, batch: readonly BatchPair[]): TransitionProof {
  const proof = buildPrefixProof(tiles, batch.map(({ vrfOutput }) => vrfOutput));
  if (proof.results.some(({ kind }) => kind === "inclusion")) throw insertedTwice();
  return proof;
}

// --- growing -----------------------------------------------------------------------------------

/**
 * The tree with more leaves, in any order.
 *
 * @param epoch when; tiles name it for the tiles below them that change
 * @throws Error where a leaf is there already
 */
export function insertLeaves(
  tiles: PrefixTiles,
  leaves: readonly BatchPair[],
  epoch: number,
): PrefixGrowth {
  const written = new Map<string, PrefixTile>();

  /** A node with more leaves. @param path the tile that the node is in */
  function grow(
    node: PrefixNode | null,
    more: readonly PrefixLeaf[],
    depth: number,
    path: string,
  ): PrefixNode | null {
    if (more.length === 0) return node;
    if (node?.kind === "leaf") {
      for (const leaf of more) requireOther(node, leaf);
      return grow(null, [node, ...more].sort(byKey), depth, path);
    }
    if (node === null && more.length === 1) return more[0]!;
    // Two leaves or more: at the bottom of a tile they are in the tile below.
    if (depth === tileDepth(path) + PREFIX_TILE_LEVELS) {
      const below = tilePath(more[0]!.vrfOutput, depth);
      const held = node === null ? null : tileAt(tiles, below);
      return { kind: "below", hash: growTile(held, more, below).hash, epoch };
    }
    const { left, right } = node?.kind === "inner" ? node : { left: null, right: null };
    const split = splitAt(more, depth);
    return prefixInner(
      grow(left, more.slice(0, split), depth + 1, path),
      grow(right, more.slice(split), depth + 1, path),
    );
  }

  function growTile(
    held: PrefixTile | null,
    more: readonly PrefixLeaf[],
    path: string,
  ): PrefixTile {
    const tile = grow(held, more, tileDepth(path), path);
    if (tile === null || tile.kind === "below") {
      throw new Error("bug: a prefix tile without leaves");
    }
    written.set(path, tile);
    return tile;
  }

  if (leaves.length === 0) return { root: prefixRoot(tiles), written };
  const sorted = leaves.map(prefixLeaf).sort(byKey);
  for (let i = 1; i < sorted.length; i++) requireOther(sorted[i - 1]!, sorted[i]!);
  return { root: growTile(tileAt(tiles, ""), sorted, "").hash, written };
}

function requireOther(a: PrefixLeaf, b: PrefixLeaf): void {
  if (equal(a.vrfOutput, b.vrfOutput)) throw insertedTwice();
}

function insertedTwice(): Error {
  return new Error("bug: a key that the prefix tree has already");
}

function byKey(a: { readonly vrfOutput: Bytes }, b: { readonly vrfOutput: Bytes }): number {
  return compare(a.vrfOutput, b.vrfOutput);
}
