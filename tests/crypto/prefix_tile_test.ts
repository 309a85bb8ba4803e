import assert from "node:assert/strict";
import { concat } from "../../crypto/bytes.ts";
import {
  decodePrefixTile,
  encodePrefixTile,
  prefixLeaf,
  type PrefixNode,
} from "../../crypto/prefix_tile.ts";
import { crowdedLeaves, randomLeaves, treeOf } from "../support/prefix_forest.ts";

const ABSENT = Uint8Array.of(0);
const LEAF = concat(Uint8Array.of(1), new Uint8Array(64).fill(7));
const BELOW = concat(Uint8Array.of(3), new Uint8Array(32).fill(9), new Uint8Array(8).fill(0, 7));
const inner = (...children: Uint8Array[]) => concat(Uint8Array.of(2), ...children);

/** How many levels a node spans. */
function height(node: PrefixNode | null): number {
  if (node?.kind !== "inner") return 0;
  return 1 + Math.max(height(node.left), height(node.right));
}

Deno.test("every tile comes back as it was, spans four levels and weighs at most 1,055 bytes", () => {
  let largest = 0;
  for (const leaves of [randomLeaves(1), randomLeaves(16), randomLeaves(600), crowdedLeaves(200)]) {
    for (const tile of treeOf(leaves).values()) {
      const bytes = encodePrefixTile(tile!);
      assert.deepEqual(decodePrefixTile(bytes), tile);
      assert.ok(height(tile) <= 4);
      largest = Math.max(largest, bytes.length);
    }
  }
  assert.ok(largest > 400 && largest <= 1055, `${largest} bytes`);
});

Deno.test("a tile in any other form is refused", () => {
  const full = inner(BELOW, BELOW);
  const good = inner(inner(inner(full, LEAF), ABSENT), LEAF);
  decodePrefixTile(good);
  decodePrefixTile(LEAF);
  const refused = {
    "nothing": new Uint8Array(0),
    "an absent root": ABSENT,
    "a root that is below": BELOW,
    "a byte too many": concat(good, ABSENT),
    "a node of no kind": inner(LEAF, Uint8Array.of(4)),
    "one leaf alone": inner(LEAF, ABSENT),
    "one leaf alone, right": inner(ABSENT, LEAF),
    "nothing at all below": inner(ABSENT, ABSENT),
    "an end above the fourth level": inner(BELOW, LEAF),
    "an epoch of 2^53": inner(inner(inner(inner(BELOW, BELOW.with(33, 1)), LEAF), LEAF), LEAF),
    "a fifth level": inner(inner(inner(inner(inner(LEAF, LEAF), LEAF), LEAF), LEAF), LEAF),
  };
  for (const [what, bytes] of Object.entries(refused)) {
    assert.throws(() => decodePrefixTile(bytes), { code: "malformed" }, what);
  }
  for (let end = 0; end < good.length; end++) {
    assert.throws(() => decodePrefixTile(good.slice(0, end)), { code: "malformed" });
  }
});

Deno.test("a leaf's hash is the draft's, with the domain of a leaf", async () => {
  const [vrfOutput, commitment] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];
  const input = concat(Uint8Array.of(2), vrfOutput, commitment);
  const expected = new Uint8Array(await crypto.subtle.digest("SHA-256", input));
  assert.deepEqual(prefixLeaf({ vrfOutput, commitment }).hash, expected);
});
