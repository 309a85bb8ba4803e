/**
 * The prefix tree cut into tiles of four levels, and the bytes of one.
 *
 *     tile(path) = the subtree under the key bits `path`, hexadecimal: "" is the root's tile
 *     node       = u8 0                                            absent
 *                | u8 1 || vrf_output[32] || commitment[32]        leaf, in place at its depth
 *                | u8 2 || node || node                            inner, left then right
 *                | u8 3 || hash[32] || u64 epoch                   below: two leaves or more
 *
 * Four levels below its root a tile ends: a node there is absent, a leaf, or stands for the root of
 * the tile below, with the epoch that changed that tile last. So every tile but the topmost holds an
 * inner node, and the tree without leaves has no tile at all. A tile's bytes hold no hash that its
 * other bytes give.
 *
 * Tiles are made by us alone and are no part of the protocol. What was read from a store is a tree's
 * only where its root hash is the one that the tile above names.
 *
 * @module
 */

import { type Bytes, toHex } from "./bytes.ts";
import { Reader } from "./codec.ts";
import { CryptoError } from "./error.ts";
import { type BatchPair } from "./log_entry.ts";
import { ABSENT, prefixLeafHash, prefixNodeHash } from "./prefix_hash.ts";
import { HASH_BYTES } from "./primitives.ts";

/** Levels of a tile: bits of one hexadecimal digit. */
export const PREFIX_TILE_LEVELS = 4;

/** A leaf of the tree. */
export interface PrefixLeaf extends BatchPair {
  /** Tells the nodes apart. */
  readonly kind: "leaf";
  /** `prefixLeafHash` of it. */
  readonly hash: Bytes;
}

/** A node over two leaves or more. */
export interface PrefixInner {
  /** Tells the nodes apart. */
  readonly kind: "inner";
  /** Keys that go on with 0. */
  readonly left: PrefixNode | null;
  /** Keys that go on with 1. */
  readonly right: PrefixNode | null;
  /** `prefixNodeHash` of both. */
  readonly hash: Bytes;
}

/** The root of the tile below. */
export interface PrefixBelow {
  /** Tells the nodes apart. */
  readonly kind: "below";
  /** That root's hash. */
  readonly hash: Bytes;
  /** The epoch that changed that tile last. */
  readonly epoch: number;
}

/** A node that is there; null stands for one that is absent. */
export type PrefixNode = PrefixLeaf | PrefixInner | PrefixBelow;

/** A tile, which is its root; it is never changed. */
export type PrefixTile = PrefixLeaf | PrefixInner;

/** Fifteen inner nodes over sixteen leaves. */
const MAX_TILE_BYTES = 15 + 16 * (1 + 2 * HASH_BYTES);

const IS_ABSENT = 0;
const IS_LEAF = 1;
const IS_INNER = 2;
const IS_BELOW = 3;

/** The path of the tile in which a key's way goes on at this depth, a multiple of four. */
export function tilePath(key: Uint8Array, depth: number): string {
  const digits = depth / PREFIX_TILE_LEVELS;
  return toHex(key.subarray(0, Math.ceil(digits / 2))).slice(0, digits);
}

/** The depth of a tile's root. */
export function tileDepth(path: string): number {
  return path.length * PREFIX_TILE_LEVELS;
}

/** A leaf as a node. */
export function prefixLeaf({ vrfOutput, commitment }: BatchPair): PrefixLeaf {
  const hash = prefixLeafHash({ vrfOutput, commitment });
  return { kind: "leaf", vrfOutput, commitment, hash };
}

/** A node over two children, which have two leaves or more. */
export function prefixInner(left: PrefixNode | null, right: PrefixNode | null): PrefixInner {
  const hash = prefixNodeHash(left?.hash ?? ABSENT, right?.hash ?? ABSENT);
  return { kind: "inner", left, right, hash };
}

/** The bytes of a tile, at most 1,055. */
export function encodePrefixTile(tile: PrefixTile): Bytes {
  const bytes = new Uint8Array(MAX_TILE_BYTES);
  return bytes.slice(0, writeNode(bytes, 0, tile));
}

/** Written by hand, since an epoch has hundreds of tiles. @returns where the node ends */
function writeNode(bytes: Bytes, at: number, node: PrefixNode | null): number {
  switch (node?.kind) {
    case undefined:
      bytes[at] = IS_ABSENT;
      return at + 1;
    case "leaf":
      bytes[at] = IS_LEAF;
      bytes.set(node.vrfOutput, at + 1);
      bytes.set(node.commitment, at + 1 + HASH_BYTES);
      return at + 1 + 2 * HASH_BYTES;
    case "inner":
      bytes[at] = IS_INNER;
      return writeNode(bytes, writeNode(bytes, at + 1, node.left), node.right);
    case "below":
      bytes[at] = IS_BELOW;
      bytes.set(node.hash, at + 1);
      return writeU64(bytes, at + 1 + HASH_BYTES, node.epoch);
  }
}

function writeU64(bytes: Bytes, at: number, value: number): number {
  for (let i = at + 7, rest = value; i >= at; i--) {
    bytes[i] = rest % 256;
    rest = Math.floor(rest / 256);
  }
  return at + 8;
}

/** Reads a tile and computes its hashes. @throws CryptoError `malformed` */
export function decodePrefixTile(bytes: Bytes): PrefixTile {
  const reader = new Reader(bytes, "a prefix tile");
  const tile = readNode(reader, PREFIX_TILE_LEVELS);
  reader.end();
  if (tile === null || tile.kind === "below") throw malformed("begins with no leaf or inner node");
  return tile;
}

/** @param levels how many may still be below */
function readNode(reader: Reader, levels: number): PrefixNode | null {
  switch (reader.u8()) {
    case IS_ABSENT:
      return null;
    case IS_LEAF:
      return prefixLeaf({ vrfOutput: reader.raw(HASH_BYTES), commitment: reader.raw(HASH_BYTES) });
    case IS_INNER: {
      if (levels === 0) throw malformed("is deeper than four levels");
      const left = readNode(reader, levels - 1);
      const right = readNode(reader, levels - 1);
      if (!hasTwoLeaves(left, right)) throw malformed("has a node with less than two leaves");
      return prefixInner(left, right);
    }
    case IS_BELOW:
      if (levels > 0) throw malformed("ends before its fourth level");
      return { kind: "below", hash: reader.raw(HASH_BYTES), epoch: reader.u64() };
    default:
      throw malformed("has a node of no kind");
  }
}

function hasTwoLeaves(left: PrefixNode | null, right: PrefixNode | null): boolean {
  if (left !== null && right !== null) return true;
  const only = left ?? right;
  return only !== null && only.kind !== "leaf";
}

function malformed(why: string): CryptoError {
  return new CryptoError("malformed", `Cannot read a prefix tile: it ${why}`);
}
