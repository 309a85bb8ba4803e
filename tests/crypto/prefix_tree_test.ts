import assert from "node:assert/strict";
import { type Bytes } from "../../crypto/bytes.ts";
import { type BatchPair } from "../../crypto/log_entry.ts";
import { checkPrefixProof } from "../../crypto/prefix_proof.ts";
import { decodePrefixTile, encodePrefixTile, type PrefixTile } from "../../crypto/prefix_tile.ts";
import {
  buildPrefixProof,
  buildTransition,
  insertLeaves,
  planPrefix,
  prefixRoot,
  type PrefixTiles,
} from "../../crypto/prefix_tree.ts";
import { randomBytes } from "../../crypto/primitives.ts";
import {
  crowdedLeaves,
  grown,
  keyBeside,
  leafOf,
  naiveRoot,
  randomLeaves,
  treeOf,
} from "../support/prefix_forest.ts";

const KINDS = { random: randomLeaves, crowded: crowdedLeaves };

/** The part of a tree that planning asks for, read from its encoding, tile by tile. */
function readTree(stored: PrefixTiles, keys: readonly Bytes[]): [PrefixTiles, number] {
  const tiles = new Map<string, PrefixTile | null>();
  for (let rounds = 0;; rounds++) {
    const paths = planPrefix(tiles, keys);
    if (paths.length === 0) return [tiles, rounds];
    for (const path of paths) {
      assert.ok(!tiles.has(path), "a tile is asked for once");
      const tile = stored.get(path) ?? null;
      tiles.set(path, tile && decodePrefixTile(encodePrefixTile(tile)));
    }
  }
}

for (const [kind, make] of Object.entries(KINDS)) {
  Deno.test(`a tree of 0 to 130 ${kind} leaves has the root of its definition, grown leaf by leaf`, () => {
    const leaves = make(130).sort(() => Math.random() - 0.5);
    let tiles = treeOf([]);
    for (let size = 0; size <= leaves.length; size++) {
      assert.deepEqual(prefixRoot(tiles), naiveRoot(leaves.slice(0, size)), `${size} leaves`);
      if (size < leaves.length) tiles = grown(tiles, [leaves[size]!]);
    }
  });

  Deno.test(`a tree of ${kind} leaves does not depend on the batches it is grown in`, () => {
    const leaves = make(130);
    const whole = treeOf(leaves);
    assert.deepEqual(prefixRoot(whole), naiveRoot(leaves));
    for (const width of [1, 2, 7, 64, 128]) {
      let tiles = treeOf([]);
      const mixed = leaves.toSorted(() => Math.random() - 0.5);
      for (let i = 0; i < mixed.length; i += width) {
        tiles = grown(tiles, mixed.slice(i, i + width));
      }
      assert.deepEqual(tiles, whole, `batches of ${width}`);
    }
  });

  Deno.test(`every key in and beside 0 to 130 ${kind} leaves is proved`, () => {
    const leaves = make(130);
    for (let size = 0; size <= 130; size++) {
      const within = leaves.slice(0, size);
      const tree = treeOf(within);
      const root = naiveRoot(within);
      const others = [
        ...leaves.slice(size, size + 4).map(({ vrfOutput }) => vrfOutput),
        ...[0, 255].map((byte) => new Uint8Array(32).fill(byte)),
      ].map((vrfOutput) => ({ vrfOutput, commitment: null }));
      for (const search of [...within, ...others]) {
        const proof = buildPrefixProof(tree, [search.vrfOutput]);
        assert.deepEqual(checkPrefixProof(proof, [search]), root);
      }
    }
  });

  Deno.test(`proofs of ${kind} keys need no tile but those on their ways`, () => {
    const leaves = make(130);
    const tree = treeOf(leaves.slice(0, 100));
    for (const { vrfOutput } of leaves) {
      const [tiles, rounds] = readTree(tree, [vrfOutput]);
      assert.ok(tiles.size === rounds && rounds < 66);
      const proof = buildPrefixProof(tiles, [vrfOutput]);
      assert.deepEqual(proof, buildPrefixProof(tree, [vrfOutput]));
    }
  });

  Deno.test(`several ${kind} keys are proved at once, in any order, one of them twice`, () => {
    const leaves = make(130);
    for (let size = 0; size <= 130; size += 5) {
      const within = leaves.slice(0, size);
      const searches = [
        ...within.filter((_, i) => i % 7 === 0),
        ...leaves.slice(size, size + 6).map(({ vrfOutput }) => ({ vrfOutput, commitment: null })),
        ...within.slice(0, 1),
        { vrfOutput: randomBytes(32), commitment: null },
      ].sort(() => Math.random() - 0.5);
      const keys = searches.map(({ vrfOutput }) => vrfOutput);
      const [tiles] = readTree(treeOf(within), keys);
      const proof = buildPrefixProof(tiles, keys);
      assert.deepEqual(checkPrefixProof(proof, searches), naiveRoot(within));
      const single = keys.flatMap((key) => buildPrefixProof(tiles, [key]).elements);
      assert.ok(keys.length < 2 || proof.elements.length <= single.length);
    }
  });
}

Deno.test("growing reads no tile but those on the ways of the new leaves, and writes those alone", () => {
  const [leaves, more] = [randomLeaves(2000), randomLeaves(20)];
  const tree = treeOf(leaves);
  const [tiles] = readTree(tree, more.map(({ vrfOutput }) => vrfOutput));
  const { root, written } = insertLeaves(tiles, more, 2);
  assert.deepEqual(root, naiveRoot([...leaves, ...more]));
  assert.ok(tiles.size < tree.size / 2);
  const onWays = (path: string) =>
    more.some(({ vrfOutput }) => [...vrfOutput].map(hex).join("").startsWith(path));
  for (const path of written.keys()) assert.ok(onWays(path));
  for (const [path, tile] of tiles) {
    if (tile !== null) assert.ok(written.has(path), "every tile on a way changes");
  }
});

function hex(byte: number): string {
  return byte.toString(16).padStart(2, "0");
}

Deno.test("growing leaves the tree it starts from as it was", () => {
  const leaves = crowdedLeaves(100);
  const tree = treeOf(leaves.slice(0, 60));
  const before = new Map([...tree].map(([path, tile]) => [path, tile && encodePrefixTile(tile)]));
  insertLeaves(tree, leaves.slice(60), 2);
  for (const [path, tile] of tree) {
    assert.deepEqual(tile && encodePrefixTile(tile), before.get(path));
  }
  assert.deepEqual(insertLeaves(tree, [], 2), { root: prefixRoot(tree), written: new Map() });
});

Deno.test("a leaf that is there already, or comes twice, is a bug and no proof", () => {
  for (const leaves of [randomLeaves(40), crowdedLeaves(40), randomLeaves(1)]) {
    const tree = treeOf(leaves);
    for (const leaf of leaves) {
      const again = { ...leaf, commitment: randomBytes(32) };
      assert.throws(() => insertLeaves(tree, [again], 2), /^Error: bug: a key that/);
      assert.throws(() => insertLeaves(tree, [leafOf(randomBytes(32)), leaf], 2), /^Error: bug:/);
      assert.throws(() => buildTransition(tree, [again]), /^Error: bug: a key that/);
    }
    const twice = leafOf(randomBytes(32));
    const batch: BatchPair[] = [twice, leafOf(randomBytes(32)), { ...twice }];
    assert.throws(() => insertLeaves(tree, batch, 2), /^Error: bug: a key that/);
  }
});

Deno.test("tiles that were not read, or that the store lost, are a bug", () => {
  const leaf = leafOf(randomBytes(32));
  const tree = treeOf([leaf, ...[1, 5, 6].map((bits) => leafOf(keyBeside(leaf.vrfOutput, bits)))]);
  const keys = [leaf.vrfOutput];
  assert.deepEqual(planPrefix(new Map(), keys), [""]);
  assert.throws(() => prefixRoot(new Map()), /^Error: bug: .* not read/);
  assert.throws(() => buildPrefixProof(new Map(), keys), /^Error: bug: .* not read/);
  assert.throws(() => insertLeaves(new Map(), [leaf], 2), /^Error: bug: .* not read/);
  const below = [...tree.keys()].find((path) => path.length === 1)!;
  const lost = new Map(tree).set(below, null);
  assert.throws(() => buildPrefixProof(lost, keys), /^Error: bug: the store lost/);
  const top = new Map([["", tree.get("")!]]);
  assert.deepEqual(planPrefix(top, keys), [below]);
});
