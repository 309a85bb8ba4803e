/**
 * What shows that one BATCH, and nothing else, turned one prefix tree into the next.
 *
 *     TransitionProof = PrefixProof, in the tree before, that every key of the BATCH is absent
 *
 * Both trees have the same subtrees beside the ways of those keys. So the elements lead to the root
 * before with what stood at the ends of the ways, and to the root after with the new leaves in that
 * place. A leaf that was already there, altered or removed leads to neither. A BATCH has at most 128
 * pairs, so its results fit the draft's count of one byte.
 *
 * This file reads and checks; `prefix_tree.ts` makes transitions.
 *
 * @module
 */

import { type Bytes, compare } from "./bytes.ts";
import { Reader } from "./codec.ts";
import { CryptoError } from "./error.ts";
import { type BatchPair } from "./log_entry.ts";
import { ABSENT, prefixLeafHash, prefixNodeHash, splitAt } from "./prefix_hash.ts";
import {
  encodePrefixProof,
  endsOf,
  foldEnds,
  type PrefixProof,
  readPrefixProof,
} from "./prefix_proof.ts";

/** The absence of every key of a BATCH in the tree before it. */
export type TransitionProof = PrefixProof;

/** The bytes of a transition. */
export function encodeTransition(proof: TransitionProof): Bytes {
  return encodePrefixProof(proof);
}

/** Reads a transition. @throws CryptoError `malformed` */
export function decodeTransition(bytes: Bytes): TransitionProof {
  const reader = new Reader(bytes, "a transition");
  const proof = readPrefixProof(reader);
  reader.end();
  return proof;
}

/**
 * The roots of the trees before and after a BATCH, which the caller compares with the two ROOTs.
 *
 * @throws CryptoError `bad_proof`
 */
export function checkTransition(
  proof: TransitionProof,
  batch: readonly BatchPair[],
): { before: Bytes; after: Bytes } {
  for (let i = 1; i < batch.length; i++) {
    if (compare(batch[i - 1]!.vrfOutput, batch[i]!.vrfOutput) >= 0) {
      throw new CryptoError("bad_proof", "A transition's BATCH is not strictly ascending");
    }
  }
  const ends = endsOf(proof, batch.map(({ vrfOutput }) => ({ vrfOutput, commitment: null })))
    .map((end, i) => ({ ...end, added: batch[i]! }));
  const before = foldEnds(
    ends,
    proof.elements,
    ([{ leaf }]) => leaf ? prefixLeafHash(leaf) : ABSENT,
  );
  const after = foldEnds(ends, proof.elements, (group) => {
    const [{ leaf, depth }] = group;
    const leaves = group.map(({ added }) => added);
    if (leaf !== null) leaves.push(leaf);
    leaves.sort((a, b) => compare(a.vrfOutput, b.vrfOutput));
    return subtreeHash(leaves, depth);
  });
  return { before, after };
}

/** The hash of the subtree that has these leaves, ascending, all different and alike above it. */
function subtreeHash(leaves: readonly BatchPair[], depth: number): Bytes {
  if (leaves.length < 2) return leaves[0] === undefined ? ABSENT : prefixLeafHash(leaves[0]);
  const split = splitAt(leaves, depth);
  return prefixNodeHash(
    subtreeHash(leaves.slice(0, split), depth + 1),
    subtreeHash(leaves.slice(split), depth + 1),
  );
}
