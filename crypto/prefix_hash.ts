/**
 * The hashes of the prefix tree (draft-ietf-keytrans-protocol, "Prefix Tree").
 *
 *     leaf = SHA-256(0x02 || vrf_output[32] || commitment[32])
 *     node = SHA-256(0x03 || left[32] || right[32])
 *     a child that is absent, and the tree without leaves: 32 zero bytes
 *
 * A key's bits are taken most significant first: 0 goes left, 1 goes right. A leaf stands at the
 * shallowest depth where no other shares its bits, so the tree is a function of its set of leaves.
 *
 * @module
 */

import { type Bytes } from "./bytes.ts";
import { type BatchPair } from "./log_entry.ts";
import { HASH_BYTES, sha256 } from "./primitives.ts";

/** The depth below which no key has a bit. */
export const MAX_PREFIX_DEPTH = 256;

/** What stands for a child that is absent; never written to. */
export const ABSENT: Bytes = new Uint8Array(HASH_BYTES);

const LEAF = Uint8Array.of(2);
const NODE = Uint8Array.of(3);

/** The hash of a leaf. */
export function prefixLeafHash({ vrfOutput, commitment }: BatchPair): Bytes {
  return sha256(LEAF, vrfOutput, commitment);
}

/** The hash of a node with two children, one of which may be `ABSENT`. */
export function prefixNodeHash(left: Uint8Array, right: Uint8Array): Bytes {
  return sha256(NODE, left, right);
}

/** The bit that decides which child of a node at this depth is on a key's way. */
export function bitAt(key: Uint8Array, depth: number): number {
  return key[depth >> 3]! >> 7 - (depth & 7) & 1;
}

/** Where the keys that go right at this depth begin, among ascending keys that agree above it. */
export function splitAt(keys: readonly { readonly vrfOutput: Bytes }[], depth: number): number {
  let at = 0;
  while (at < keys.length && bitAt(keys[at]!.vrfOutput, depth) === 0) at++;
  return at;
}
