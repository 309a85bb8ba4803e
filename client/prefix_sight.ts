/**
 * A prefix proof as the tree that it shows: the ways of all keys from the root, with what stands beside
 * them. It must be a proof that was checked.
 *
 * @module
 */

import { type Bytes, compare, equal } from "../crypto/bytes.ts";
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
  /** Where the way of one key or more ends: at a leaf, or where nothing is. */
  | {
    readonly kind: "end";
    readonly hash: Bytes;
    /** Whether a leaf stands there. */
    readonly leaf: boolean;
    /** Places in the proof's order of the keys whose leaf it is. */
    readonly own: readonly number[];
    /** Those of the keys that are absent: another's leaf stands on their way, or nothing. */
    readonly missed: readonly number[];
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
      return { kind: "beside", hash, empty: equal(hash, ABSENT) };
    }
    if (first.depth === depth) {
      return endOf(first, group);
    }
    const split = splitAt(group, depth);
    const left = subtree(group.slice(0, split), depth + 1);
    const right = subtree(group.slice(split), depth + 1);
    return { kind: "node", hash: prefixNodeHash(left.hash, right.hash), left, right };
  }

  return subtree(ends, 0);
}

type SearchEnd = PrefixEnd & { readonly search: number };

/** One place, where all ways of a group end; a key's own leaf may stand on the way of another. */
function endOf({ leaf }: PrefixEnd, group: readonly SearchEnd[]): PrefixSight {
  const isOwn = ({ vrfOutput }: SearchEnd) => leaf !== null && equal(leaf.vrfOutput, vrfOutput);
  const places = (ends: readonly SearchEnd[]) => {
    return ends.map(({ search }) => search).sort((a, b) => a - b);
  };
  return {
    kind: "end",
    hash: leaf === null ? ABSENT : prefixLeafHash(leaf),
    leaf: leaf !== null,
    own: places(group.filter(isOwn)),
    missed: places(group.filter((end) => !isOwn(end))),
  };
}
