/**
 * The Merkle tree of RFC 6962, section 2.1 (the same tree as RFC 9162, section 2.1), over SHA-256.
 *
 *     MTH({})     = SHA-256()                             the empty tree
 *     MTH({d})    = SHA-256(0x00 || d)                    a leaf
 *     MTH(D[0:n]) = SHA-256(0x01 || MTH(D[0:k]) || MTH(D[k:n]))
 *                   k = the largest power of two below n
 *
 * The tree is never held. A function `planX` names the hashes it needs, the caller reads them from
 * wherever they are stored, `buildX` finishes with the hashes in the same order, and `checkX` is
 * the other side, which stores nothing. Only hashes of *complete* subtrees are ever asked for: they
 * are final as soon as their last leaf is there.
 *
 * Everything rests on one fact. Let a range `[lo, hi)` be one that the formula above can reach. Its
 * left part is complete, so its hash is a right fold over complete subtrees of falling size:
 *
 *     MTH(D[lo:hi]) = node(C1, node(C2, ... node(Cm-1, Cm)))
 *
 * An inclusion proof is the siblings of the way from the leaf to the root, and a consistency proof
 * the siblings of the way from the old tree's last complete subtree: both are lists of such ranges.
 *
 * Sizes and indexes are numbers below 2^53. A `checkX` treats all its arguments as the enemy's; a
 * `planX` or `buildX` that is called with an impossible size is a bug of the caller.
 *
 * @module
 */

import { type Bytes, equal } from "./bytes.ts";
import { CryptoError } from "./error.ts";
import { HASH_BYTES, sha256 } from "./primitives.ts";
import {
  completeSubtrees,
  type ConsistencyPath,
  consistencyPath,
  consistencyRanges,
  type HashRef,
  inclusionPath,
  isSize,
  type Range,
  requireGrowth,
  requireIndex,
  requireSize,
  splitPoint,
} from "./tree_range.ts";

export type { HashRef };

/** The right edge of a tree, which is all that appending needs: the hashes of `planRoot(size)`. */
export type Frontier = { readonly size: number; readonly hashes: readonly Bytes[] };

/** A complete subtree that an append completed, with its hash. */
export type CompletedHash = { readonly ref: HashRef; readonly hash: Bytes };

const LEAF = Uint8Array.of(0);
const NODE = Uint8Array.of(1);

/** The hash of a log entry, which is `MTH({entry})`. */
export function leafHash(entry: Uint8Array): Bytes {
  return sha256(LEAF, entry);
}

/** The hash of an inner node. */
export function nodeHash(left: Uint8Array, right: Uint8Array): Bytes {
  return sha256(NODE, left, right);
}

/** The root of the tree without leaves. */
export function emptyRoot(): Bytes {
  return sha256();
}

// --- the root ----------------------------------------------------------------------------------

/** The complete subtrees whose hashes make the root of the first `size` leaves, left to right. */
export function planRoot(size: number): HashRef[] {
  requireSize(size);
  return completeSubtrees({ lo: 0, hi: size });
}

/** The root of the first `size` leaves. @param hashes those of `planRoot(size)`, in its order */
export function buildRoot(size: number, hashes: readonly Bytes[]): Bytes {
  requireCount(hashes, planRoot(size).length);
  return size === 0 ? emptyRoot() : fold(hashes);
}

// --- inclusion ---------------------------------------------------------------------------------

/** The complete subtrees whose hashes make the inclusion proof of leaf `index` in `size` leaves. */
export function planInclusion(index: number, size: number): HashRef[] {
  requireIndex(index, size);
  return inclusionPath(index, size).flatMap(completeSubtrees);
}

/** PATH(index, D[size]) of RFC 6962, section 2.1.1. @param hashes those of `planInclusion` */
export function buildInclusion(index: number, size: number, hashes: readonly Bytes[]): Bytes[] {
  requireIndex(index, size);
  return foldEach(inclusionPath(index, size), hashes);
}

/**
 * Checks that the tree of `size` leaves with this root has `leaf` at `index` (RFC 9162, section
 * 2.1.3.2); accepts exactly what `buildInclusion` makes.
 *
 * @throws CryptoError `bad_proof`
 */
export function checkInclusion(
  index: number,
  size: number,
  leaf: Bytes,
  proof: readonly Bytes[],
  root: Bytes,
): void {
  if (!isSize(size) || !isSize(index) || index >= size) {
    throw badProof("Inclusion proof is for a leaf outside the tree");
  }
  const path = inclusionPath(index, size);
  requireHashes("Inclusion", path.length, proof, leaf, root);
  let hash = leaf;
  path.forEach((sibling, i) => {
    hash = sibling.isLeft ? nodeHash(proof[i]!, hash) : nodeHash(hash, proof[i]!);
  });
  if (!equal(hash, root)) throw badProof("Inclusion proof does not lead to the root");
}

// --- consistency -------------------------------------------------------------------------------

/** The complete subtrees whose hashes make the proof that `to` leaves extend the first `from`. */
export function planConsistency(from: number, to: number): HashRef[] {
  requireGrowth(from, to);
  return consistencyRanges(consistencyPath(from, to)).flatMap(completeSubtrees);
}

/** PROOF(from, D[to]) of RFC 6962, section 2.1.2; empty for `from` 0. @param hashes those planned */
export function buildConsistency(from: number, to: number, hashes: readonly Bytes[]): Bytes[] {
  requireGrowth(from, to);
  return foldEach(consistencyRanges(consistencyPath(from, to)), hashes);
}

/**
 * Checks that the first `from` leaves of the tree (`to`, `toRoot`) are the tree (`from`,
 * `fromRoot`), as RFC 9162, section 2.1.4.2 does; accepts exactly what `buildConsistency` makes.
 *
 * The empty tree is a prefix of every tree, with an empty proof; its root is still checked.
 *
 * @throws CryptoError `bad_proof`
 */
export function checkConsistency(
  from: number,
  fromRoot: Bytes,
  to: number,
  toRoot: Bytes,
  proof: readonly Bytes[],
): void {
  if (!isSize(from) || !isSize(to) || from > to) {
    throw badProof("Consistency proof is for a tree that shrinks");
  }
  const path = consistencyPath(from, to);
  requireHashes("Consistency", consistencyRanges(path).length, proof, fromRoot, toRoot);
  if (from === 0 && !equal(fromRoot, emptyRoot())) {
    throw badProof("Consistency proof starts at a wrong empty root");
  }
  if (to === 0 || from > 0) {
    const { older, newer } = leadUp(path, fromRoot, proof);
    if (!equal(older, fromRoot) || !equal(newer, toRoot)) {
      throw badProof("Consistency proof does not lead to both roots");
    }
  }
}

/**
 * The roots that a consistency proof leads to: the tree of `to` leaves, and its first `from` leaves as
 * that tree has them; null where it is no proof between these sizes. What it says of the older root is
 * as good as its newer one.
 *
 * @param fromRoot where the proof starts when `from` is a power of two, which then proves nothing of it
 */
export function consistencyRoots(
  from: number,
  fromRoot: Bytes,
  to: number,
  proof: readonly Bytes[],
): { readonly older: Bytes; readonly newer: Bytes } | null {
  if (!isSize(from) || !isSize(to) || from < 1 || from > to) return null;
  const path = consistencyPath(from, to);
  const isWhole = proof.length === consistencyRanges(path).length &&
    [...proof, fromRoot].every(({ length }) => length === HASH_BYTES);
  return isWhole ? leadUp(path, fromRoot, proof) : null;
}

/** Siblings on the left are in both trees, siblings on the right in the newer one only. */
function leadUp(
  path: ConsistencyPath,
  fromRoot: Bytes,
  proof: readonly Bytes[],
): { older: Bytes; newer: Bytes } {
  let next = 0;
  let older = path.startsAtRoot ? fromRoot : proof[next++]!;
  let newer = older;
  for (const sibling of path.siblings) {
    const hash = proof[next++]!;
    if (sibling.isLeft) older = nodeHash(hash, older);
    newer = sibling.isLeft ? nodeHash(hash, newer) : nodeHash(newer, hash);
  }
  return { older, newer };
}

// --- appending ---------------------------------------------------------------------------------

/** The frontier of the tree without leaves. */
export function emptyFrontier(): Frontier {
  return { size: 0, hashes: [] };
}

/**
 * Appends one leaf; the argument is left as it was.
 *
 * `completed` lists every complete subtree that now exists and did not before, the leaf itself
 * first and then upwards: all there is to store for this leaf.
 */
export function append(
  frontier: Frontier,
  leaf: Bytes,
): { frontier: Frontier; completed: CompletedHash[] } {
  requireSize(frontier.size + 1);
  const hashes = [...frontier.hashes];
  const completed: CompletedHash[] = [];
  let hash = leaf;
  let index = frontier.size;
  for (let level = 0;; level++) {
    completed.push({ ref: { level, index }, hash });
    // An odd subtree is a right half: with the last hash of the edge it completes its parent.
    if (index % 2 === 0) break;
    const left = hashes.pop();
    if (left === undefined) throw new Error("bug: a frontier with fewer hashes than its size says");
    hash = nodeHash(left, hash);
    index = (index - 1) / 2;
  }
  hashes.push(hash);
  return { frontier: { size: frontier.size + 1, hashes }, completed };
}

/** The root of the tree that ends at this frontier. */
export function frontierRoot(frontier: Frontier): Bytes {
  return buildRoot(frontier.size, frontier.hashes);
}

// --- small trees in memory ---------------------------------------------------------------------

/** The root over a list of leaf hashes that are all at hand. */
export function rootOf(leafHashes: readonly Bytes[]): Bytes {
  return leafHashes.length === 0 ? emptyRoot() : rangeHash(leafHashes, 0, leafHashes.length);
}

/** The inclusion proof of one of a list of leaf hashes that are all at hand. */
export function inclusionOf(leafHashes: readonly Bytes[], index: number): Bytes[] {
  requireIndex(index, leafHashes.length);
  return inclusionPath(index, leafHashes.length)
    .map(({ lo, hi }) => rangeHash(leafHashes, lo, hi));
}

function rangeHash(leafHashes: readonly Bytes[], lo: number, hi: number): Bytes {
  if (hi - lo === 1) return leafHashes[lo]!;
  const mid = lo + splitPoint(hi - lo);
  return nodeHash(rangeHash(leafHashes, lo, mid), rangeHash(leafHashes, mid, hi));
}

// -----------------------------------------------------------------------------------------------

function fold(hashes: readonly Bytes[]): Bytes {
  return hashes.reduceRight((right, left) => nodeHash(left, right));
}

/** One hash for each range, out of the hashes of all their complete subtrees. */
function foldEach(ranges: readonly Range[], hashes: readonly Bytes[]): Bytes[] {
  let at = 0;
  const folded = ranges.map((range) => {
    const count = completeSubtrees(range).length;
    at += count;
    if (at > hashes.length) throw miscounted();
    return fold(hashes.slice(at - count, at));
  });
  requireCount(hashes, at);
  return folded;
}

function requireCount(hashes: readonly Bytes[], count: number): void {
  if (hashes.length !== count) throw miscounted();
}

function miscounted(): Error {
  return new Error("bug: not the hashes that were planned");
}

function requireHashes(
  what: string,
  count: number,
  proof: readonly Bytes[],
  ...ends: readonly Bytes[]
): void {
  if (proof.length !== count) {
    throw badProof(`${what} proof has ${proof.length} hashes, not ${count}`);
  }
  if ([...proof, ...ends].some((hash) => hash.length !== HASH_BYTES)) {
    throw badProof(`${what} proof has a hash that is not ${HASH_BYTES} bytes`);
  }
}

function badProof(message: string): CryptoError {
  return new CryptoError("bad_proof", message);
}
