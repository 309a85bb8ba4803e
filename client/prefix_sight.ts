/**
 * A prefix proof as the tree that it shows: the ways of all keys from the root, with what stands beside
 * them. It must be a proof that was checked.
 *
 * @module
 */

import { type Bytes, compare } from "../crypto/bytes.ts";
import { ABSENT, prefixLeafHash, prefixNodeHash, splitAt } from "../crypto/prefix_hash.ts";
import {
  endsOf,
  type PrefixEnd,
  type PrefixProof,
  type PrefixSearch,
} from "../crypto/prefix_proof.ts";

/** A subtree, as far as a proof shows it. */
export type PrefixSight =
  /** On the way of one key or more. */
  | {
    readonly kind: "node";
    readonly hash: Bytes;
    readonly left: PrefixSight;
    readonly right: PrefixSight;
  }
  /** Where the way of one key or more ends. */
  | {
    readonly kind: "end";
    readonly hash: Bytes;
    /** Places of the keys in the proof's order. */
    readonly searches: readonly number[];
    /** Their own leaf, that of another key, or nothing. */
    readonly found: "own" | "other" | "nothing";
  }
  /** Beside the ways: one hash for all that is below. */
  | { readonly kind: "beside"; readonly hash: Bytes; readonly empty: boolean };

/** The tree of a proof. @throws CryptoError `bad_proof` */
export function prefixSightOf(
  proof: PrefixProof,
  searches: readonly PrefixSearch[],
): PrefixSight {
  const ends = endsOf(proof, searches).map((end, search) => ({ ...end, search }));
  ends.sort((a, b) => compare(a.vrfOutput, b.vrfOutput));
  let used = 0;

  // The same walk as that of `foldEnds`, which gives only the root.
  function subtree(group: readonly SearchEnd[], depth: number): PrefixSight {
    const [first] = group;
    if (first === undefined) {
      const hash = proof.elements[used++]!;
      return { kind: "beside", hash, empty: compare(hash, ABSENT) === 0 };
    }
    if (first.depth === depth) {
      const searched = group.map(({ search }) => search).sort((a, b) => a - b);
      const hash = first.leaf === null ? ABSENT : prefixLeafHash(first.leaf);
      return { kind: "end", hash, searches: searched, found: foundAt(first) };
    }
    const split = splitAt(group, depth);
    const left = subtree(group.slice(0, split), depth + 1);
    const right = subtree(group.slice(split), depth + 1);
    return { kind: "node", hash: prefixNodeHash(left.hash, right.hash), left, right };
  }

  return subtree(ends, 0);
}

type SearchEnd = PrefixEnd & { readonly search: number };

function foundAt({ leaf, vrfOutput }: PrefixEnd): "own" | "other" | "nothing" {
  if (leaf === null) return "nothing";
  return compare(leaf.vrfOutput, vrfOutput) === 0 ? "own" : "other";
}
