/**
 * What proves, of several keys at once, what the prefix tree has under each
 * (draft-ietf-keytrans-protocol, "Tree Proofs": the bytes are the draft's).
 *
 *     PrefixProof        = u8 n || n x PrefixSearchResult || u16 m || m x element[32]
 *     PrefixSearchResult = u8 1 || u8 depth                                  inclusion
 *                        | u8 2 || vrf_output[32] || commitment[32] || u8 depth    nonInclusionLeaf
 *                        | u8 3 || u8 depth                                  nonInclusionParent
 *
 * A result tells where the way of one key ends: at its own leaf, at another's, or at a child that is
 * absent. The results stand in the order of the keys, the elements from left to right: the hashes of
 * the subtrees beside all these ways, zeros for one that is absent, and no hash that the ways make.
 *
 * This file reads and checks, and holds no tree; `prefix_tree.ts` makes proofs. Everything in a
 * proof is the enemy's: one tree must explain all the results, and all the elements are used up.
 *
 * @module
 */

import { type Bytes, compare, equal } from "./bytes.ts";
import { type Reader, Writer } from "./codec.ts";
import { CryptoError } from "./error.ts";
import { type BatchPair } from "./log_entry.ts";
import {
  ABSENT,
  bitAt,
  MAX_PREFIX_DEPTH,
  prefixLeafHash,
  prefixNodeHash,
  splitAt,
} from "./prefix_hash.ts";
import { HASH_BYTES } from "./primitives.ts";

/** Where the way of a key ends; the root has depth 0. */
export type PrefixSearchResult =
  /** At the key's own leaf. */
  | { readonly kind: "inclusion"; readonly depth: number }
  /** At the leaf of another key. */
  | { readonly kind: "nonInclusionLeaf"; readonly leaf: BatchPair; readonly depth: number }
  /** At a child that is absent. */
  | { readonly kind: "nonInclusionParent"; readonly depth: number };

/** A proof of one or more searches in one tree. */
export interface PrefixProof {
  /** One for each key, in the order in which they were asked for. */
  readonly results: readonly PrefixSearchResult[];
  /** 32 bytes each, left to right. */
  readonly elements: readonly Bytes[];
}

/** What a search is expected to show. */
export interface PrefixSearch {
  /** The key, 32 bytes. */
  readonly vrfOutput: Bytes;
  /** What stands under it, 32 bytes; null where nothing should. */
  readonly commitment: Bytes | null;
}

/** The end of a key's way: the leaf that stands there, or null. */
export interface PrefixEnd {
  /** The key. */
  readonly vrfOutput: Bytes;
  /** How many of its bits lead there. */
  readonly depth: number;
  /** Its own leaf, another's, or null. */
  readonly leaf: BatchPair | null;
}

const INCLUSION = 1;
const NON_INCLUSION_LEAF = 2;
const NON_INCLUSION_PARENT = 3;

/** The bytes of a proof. */
export function encodePrefixProof({ results, elements }: PrefixProof): Bytes {
  const writer = new Writer().u8(results.length);
  for (const result of results) {
    if (result.kind === "nonInclusionLeaf") {
      const { vrfOutput, commitment } = result.leaf;
      writer.u8(NON_INCLUSION_LEAF).raw(vrfOutput).raw(commitment);
    } else {
      writer.u8(result.kind === "inclusion" ? INCLUSION : NON_INCLUSION_PARENT);
    }
    writer.u8(result.depth);
  }
  writer.u16(elements.length);
  for (const element of elements) writer.raw(element);
  return writer.bytes();
}

/** Reads a proof at the reader's place. @throws CryptoError `malformed` */
export function readPrefixProof(reader: Reader): PrefixProof {
  const results = Array.from({ length: reader.u8() }, () => readResult(reader));
  const elements = Array.from({ length: reader.u16() }, () => reader.raw(HASH_BYTES));
  return { results, elements };
}

function readResult(reader: Reader): PrefixSearchResult {
  const type = reader.u8();
  switch (type) {
    case INCLUSION:
      return { kind: "inclusion", depth: reader.u8() };
    case NON_INCLUSION_LEAF: {
      const leaf = { vrfOutput: reader.raw(32), commitment: reader.raw(32) };
      return { kind: "nonInclusionLeaf", leaf, depth: reader.u8() };
    }
    case NON_INCLUSION_PARENT:
      return { kind: "nonInclusionParent", depth: reader.u8() };
    default:
      throw new CryptoError("malformed", `Cannot read a prefix proof: it has a result ${type}`);
  }
}

/**
 * The root of the one tree in which every search shows what is expected of it. What it proves is
 * proved of that root alone: the caller compares it with the one it trusts.
 *
 * @throws CryptoError `bad_proof`
 */
export function checkPrefixProof(proof: PrefixProof, searches: readonly PrefixSearch[]): Bytes {
  const ends = endsOf(proof, searches);
  return foldEnds(ends, proof.elements, ([{ leaf }]) => leaf ? prefixLeafHash(leaf) : ABSENT);
}

/** Where the searches end, as the proof says and as they expect. @throws CryptoError `bad_proof` */
export function endsOf(proof: PrefixProof, searches: readonly PrefixSearch[]): PrefixEnd[] {
  const { results, elements } = proof;
  if (results.length !== searches.length) {
    throw badProof(`has ${results.length} results, not ${searches.length}`);
  }
  if (elements.some(({ length }) => length !== HASH_BYTES)) {
    throw badProof("has an element that is no hash");
  }
  return searches.map(({ vrfOutput, commitment }, i) => {
    const result = results[i]!;
    const { depth } = result;
    if (!Number.isInteger(depth) || depth < 0 || depth > MAX_PREFIX_DEPTH) {
      throw badProof("goes deeper than a key has bits");
    }
    if ((result.kind === "inclusion") !== (commitment !== null)) {
      throw badProof(`has a result of the kind ${result.kind} where another is expected`);
    }
    if (commitment !== null) return { vrfOutput, depth, leaf: { vrfOutput, commitment } };
    if (result.kind !== "nonInclusionLeaf") return { vrfOutput, depth, leaf: null };
    requireOther(vrfOutput, result.leaf, depth);
    return { vrfOutput, depth, leaf: result.leaf };
  });
}

/** Requires that a leaf stands on the way of a key, and that it isn't the key's own. */
function requireOther(key: Bytes, { vrfOutput, commitment }: BatchPair, depth: number): void {
  if (vrfOutput.length !== HASH_BYTES || commitment.length !== HASH_BYTES) {
    throw badProof("has a leaf that is none");
  }
  if (equal(vrfOutput, key)) throw badProof("shows a key's own leaf for its absence");
  for (let i = 0; i < depth; i++) {
    if (bitAt(vrfOutput, i) !== bitAt(key, i)) throw badProof("has a leaf beside a key's way");
  }
}

/** A subtree as far as a proof shows it. */
interface Shown {
  readonly hash: Bytes;
  /** Whether it surely has no two leaves. */
  readonly isLone: boolean;
}

/**
 * The root over the ends and the elements between them. It hashes no more nodes than there are ends
 * and elements.
 *
 * @param hashEnd the hash at one place, where the way of one or more keys ends
 * @throws CryptoError `bad_proof`
 */
export function foldEnds<E extends PrefixEnd>(
  ends: readonly E[],
  elements: readonly Bytes[],
  hashEnd: (group: readonly [E, ...E[]]) => Bytes,
): Bytes {
  let used = 0;

  function subtree(group: readonly E[], depth: number): Shown {
    if (!isSome(group)) {
      const hash = elements[used++];
      if (hash === undefined) throw badProof("has too few elements");
      return { hash, isLone: isAbsent(hash) };
    }
    if (group.some((end) => end.depth === depth)) {
      if (!group.every((end) => isSameEnd(end, group[0]))) {
        throw badProof("has results that contradict each other");
      }
      return { hash: hashEnd(group), isLone: true };
    }
    const split = splitAt(group, depth);
    const left = subtree(group.slice(0, split), depth + 1);
    const right = subtree(group.slice(split), depth + 1);
    // In an honest tree a leaf stands where it first is alone, and nothing is split into nothings.
    if (left.isLone && right.isLone && (isAbsent(left.hash) || isAbsent(right.hash))) {
      throw badProof("has a node with less than two leaves");
    }
    return { hash: prefixNodeHash(left.hash, right.hash), isLone: false };
  }

  const sorted = [...ends].sort((a, b) => compare(a.vrfOutput, b.vrfOutput));
  const root = subtree(sorted, 0);
  if (used !== elements.length) throw badProof("has too many elements");
  return root.hash;
}

function isSome<E>(group: readonly E[]): group is readonly [E, ...E[]] {
  return group.length > 0;
}

function isAbsent(hash: Bytes): boolean {
  return equal(hash, ABSENT);
}

function isSameEnd(a: PrefixEnd, b: PrefixEnd): boolean {
  if (a.depth !== b.depth) return false;
  if (a.leaf === null || b.leaf === null) return a.leaf === b.leaf;
  return equal(a.leaf.vrfOutput, b.leaf.vrfOutput) && equal(a.leaf.commitment, b.leaf.commitment);
}

function badProof(why: string): CryptoError {
  return new CryptoError("bad_proof", `Prefix proof ${why}`);
}
