import assert from "node:assert/strict";
import { type Bytes } from "../../crypto/bytes.ts";
import { Reader } from "../../crypto/codec.ts";
import { CryptoError } from "../../crypto/error.ts";
import { type BatchPair } from "../../crypto/log_entry.ts";
import { prefixLeafHash, prefixNodeHash } from "../../crypto/prefix_hash.ts";
import {
  checkPrefixProof,
  encodePrefixProof,
  type PrefixProof,
  type PrefixSearch,
  type PrefixSearchResult,
  readPrefixProof,
} from "../../crypto/prefix_proof.ts";
import { buildPrefixProof } from "../../crypto/prefix_tree.ts";
import { randomBytes } from "../../crypto/primitives.ts";
import {
  crowdedLeaves,
  keyBeside,
  naiveRoot,
  randomLeaves,
  treeOf,
} from "../support/prefix_forest.ts";

const ZEROS = new Uint8Array(32);

/** A key that begins with these bits and goes on with zeros. */
function key(bits: string): Bytes {
  const bytes = new Uint8Array(32);
  [...bits].forEach((bit, i) => bytes[i >> 3]! |= Number(bit) << 7 - (i & 7));
  return bytes;
}

function leaf(bits: string): BatchPair {
  return { vrfOutput: key(bits), commitment: new Uint8Array(32).fill(bits.length) };
}

function absent(bits: string): PrefixSearch {
  return { vrfOutput: key(bits), commitment: null };
}

function decode(bytes: Bytes): PrefixProof {
  const reader = new Reader(bytes, "a proof");
  const proof = readPrefixProof(reader);
  reader.end();
  return proof;
}

function refuses(proof: PrefixProof, searches: readonly PrefixSearch[], why: RegExp): void {
  assert.throws(() => checkPrefixProof(proof, searches), (error) => {
    assert.ok(error instanceof CryptoError && error.code === "bad_proof", String(error));
    assert.match(error.message, why);
    return true;
  });
}

/** A proof with its searches and its root. */
interface Sample {
  readonly proof: PrefixProof;
  readonly searches: readonly PrefixSearch[];
  readonly root: Bytes;
}

function samples(): Sample[] {
  return [0, 1, 2, 3, 9, 64, 129].flatMap((size) =>
    [randomLeaves(size), crowdedLeaves(size)].flatMap((leaves) =>
      [1, 2, 7].map((count) => {
        const others = Array.from({ length: count }, (_, i) => {
          const near = leaves[(i * 3) % Math.max(1, size)];
          const vrfOutput = near ? keyBeside(near.vrfOutput, i * 5) : randomBytes(32);
          return { vrfOutput, commitment: null };
        });
        const searches = [...leaves.filter((_, i) => i % 9 < count).slice(0, count), ...others]
          .filter(({ vrfOutput, commitment }) =>
            commitment !== null ||
            !leaves.some((l) => l.vrfOutput.every((b, i) => b === vrfOutput[i]))
          );
        const proof = buildPrefixProof(treeOf(leaves), searches.map((s) => s.vrfOutput));
        return { proof, searches, root: naiveRoot(leaves) };
      })
    )
  );
}

Deno.test("a proof's bytes are the draft's", () => {
  const leaves = [leaf("000"), leaf("0010"), leaf("111")];
  const keys = [key("111"), key("01"), key("0011"), key("000")];
  const proof = buildPrefixProof(treeOf(leaves), keys);
  assert.deepEqual(
    encodePrefixProof(proof),
    Uint8Array.of(
      4,
      ...[1, 1],
      ...[3, 2],
      ...[2, ...key("0010"), ...leaves[1]!.commitment, 3],
      ...[1, 3],
      ...[0, 0],
    ),
  );
  const one = buildPrefixProof(treeOf(leaves), [key("1")]);
  const left = prefixNodeHash(
    prefixNodeHash(prefixLeafHash(leaves[0]!), prefixLeafHash(leaves[1]!)),
    ZEROS,
  );
  assert.deepEqual(
    encodePrefixProof(one),
    Uint8Array.of(1, 2, ...key("111"), ...leaves[2]!.commitment, 1, 0, 1, ...left),
  );
  const deep = buildPrefixProof(treeOf(leaves), [key("000")]);
  const elements = [prefixLeafHash(leaves[1]!), ZEROS, prefixLeafHash(leaves[2]!)];
  assert.deepEqual(deep, { results: [{ kind: "inclusion", depth: 3 }], elements });
});

Deno.test("a tree of one leaf is that leaf, and one of none is zeros", () => {
  const only = leaf("01");
  const proof = buildPrefixProof(treeOf([only]), [only.vrfOutput, key("1")]);
  assert.deepEqual(proof, {
    results: [{ kind: "inclusion", depth: 0 }, { kind: "nonInclusionLeaf", leaf: only, depth: 0 }],
    elements: [],
  });
  assert.deepEqual(checkPrefixProof(proof, [only, absent("1")]), prefixLeafHash(only));
  const nothing = buildPrefixProof(treeOf([]), [key("1")]);
  assert.deepEqual(nothing, { results: [{ kind: "nonInclusionParent", depth: 0 }], elements: [] });
  assert.deepEqual(checkPrefixProof(nothing, [absent("1")]), ZEROS);
});

Deno.test("a proof comes back as it was, and with no byte more or less", () => {
  for (const { proof, searches, root } of samples()) {
    const bytes = encodePrefixProof(proof);
    assert.deepEqual(decode(bytes), proof);
    assert.deepEqual(checkPrefixProof(decode(bytes), searches), root);
    const more = Uint8Array.of(...bytes, 0);
    assert.throws(() => decode(more), { code: "malformed" });
    for (let end = 0; end < bytes.length; end += 1 + Math.floor(bytes.length / 50)) {
      assert.throws(() => decode(bytes.slice(0, end)), { code: "malformed" });
    }
  }
  assert.throws(() => decode(Uint8Array.of(1, 4, 0, 0, 0)), { code: "malformed" });
  assert.throws(() => decode(Uint8Array.of(1, 0, 0, 0, 0)), { code: "malformed" });
});

Deno.test("a proof with any bit of it changed proves nothing of that tree", () => {
  let refused = 0;
  for (const { proof, searches, root } of samples()) {
    const bytes = encodePrefixProof(proof);
    const step = 1 + Math.floor(bytes.length / 150);
    for (let at = 0; at < bytes.length; at += step) {
      const other = bytes.slice();
      other[at]! ^= 1 << Math.floor(Math.random() * 8);
      try {
        assert.notDeepEqual(checkPrefixProof(decode(other), searches), root, `byte ${at}`);
      } catch (error) {
        if (!(error instanceof CryptoError)) throw error;
        assert.ok(error.code === "malformed" || error.code === "bad_proof", error.code);
        refused++;
      }
    }
  }
  assert.ok(refused > 1000);
});

Deno.test("an element or a result that is dropped, added, doubled or swapped is refused", () => {
  let swaps = 0;
  for (const { proof, searches, root } of samples()) {
    const { results, elements } = proof;
    const isRefused = (changed: Partial<PrefixProof>, asked = searches) => {
      let proved: Bytes;
      try {
        proved = checkPrefixProof({ ...proof, ...changed }, asked);
      } catch (error) {
        assert.ok(error instanceof CryptoError && error.code === "bad_proof", String(error));
        return;
      }
      assert.notDeepEqual(proved, root);
    };
    for (let i = 0; i <= elements.length; i++) {
      refuses({ results, elements: elements.toSpliced(i, 0, randomBytes(32)) }, searches, /./);
      refuses({ results, elements: elements.toSpliced(i, 0, ZEROS) }, searches, /./);
      if (i === elements.length) break;
      refuses({ results, elements: elements.toSpliced(i, 1) }, searches, /too few|less than two/);
      refuses({ results, elements: elements.with(i, randomBytes(31)) }, searches, /no hash/);
      isRefused({ elements: elements.with(i, randomBytes(32)) });
      const next = elements[i + 1];
      if (next !== undefined && next.some((byte, k) => byte !== elements[i]![k])) {
        isRefused({ elements: elements.with(i, next).with(i + 1, elements[i]!) });
        swaps++;
      }
    }
    for (const [i, result] of results.entries()) {
      refuses({ elements, results: results.toSpliced(i, 1) }, searches, /results, not/);
      refuses({ elements, results: results.toSpliced(i, 0, result) }, searches, /results, not/);
      for (const depth of [result.depth - 1, result.depth + 1, 0, 255, 256, 257, NaN, 0.5]) {
        if (depth !== result.depth) isRefused({ results: results.with(i, { ...result, depth }) });
      }
      for (const other of results) {
        const isSame = JSON.stringify(other) === JSON.stringify(result);
        if (!isSame) isRefused({ results: results.with(i, other) });
      }
    }
  }
  assert.ok(swaps > 100);
});

Deno.test("a result of another kind than expected is refused", () => {
  for (const { proof, searches } of samples()) {
    for (const [i, { vrfOutput, commitment }] of searches.entries()) {
      const other = commitment === null ? randomBytes(32) : null;
      const asked = searches.with(i, { vrfOutput, commitment: other });
      refuses(proof, asked, /where another is expected/);
    }
  }
});

Deno.test("what stands under a key can't be called something else", () => {
  for (const { proof, searches, root } of samples()) {
    for (const [i, search] of searches.entries()) {
      if (search.commitment === null) continue;
      const other = { ...search, commitment: randomBytes(32) };
      const asked = searches.with(i, other);
      try {
        assert.notDeepEqual(checkPrefixProof(proof, asked), root);
      } catch (error) {
        // Another result shows the true leaf.
        assert.ok(error instanceof CryptoError && error.code === "bad_proof");
      }
    }
  }
});

Deno.test("absence isn't shown by the key's own leaf, nor by one beside its way", () => {
  const [own, near] = [leaf("0101"), leaf("0110")];
  const at = (l: BatchPair, depth: number): PrefixProof => ({
    results: [{ kind: "nonInclusionLeaf", leaf: l, depth }],
    elements: Array.from({ length: depth }, () => randomBytes(32)),
  });
  refuses(at(own, 2), [absent("0101")], /own leaf/);
  refuses(at(near, 3), [absent("0101")], /beside/);
  refuses(at(near, 256), [absent("0101")], /beside/);
  refuses(at(near, 257), [absent("0101")], /deeper/);
  refuses(at({ ...near, commitment: randomBytes(31) }, 2), [absent("0101")], /none/);
  refuses(at({ ...near, vrfOutput: randomBytes(33) }, 0), [absent("0101")], /none/);
  checkPrefixProof(at(near, 2), [absent("0101")]);
});

Deno.test("results that no one tree explains are refused", () => {
  const [one, two] = [leaf("00"), leaf("01")];
  const elements = [randomBytes(32)];
  const inclusion = (depth: number): PrefixSearchResult => ({ kind: "inclusion", depth });
  const contradict = /contradict/;
  // Two keys at one leaf, a leaf within another's way, presence where an absence overlaps it.
  refuses({ results: [inclusion(1), inclusion(1)], elements }, [one, two], contradict);
  refuses({ results: [inclusion(1), inclusion(2)], elements }, [one, two], contradict);
  const parent: PrefixSearchResult = { kind: "nonInclusionParent", depth: 1 };
  refuses({ results: [inclusion(2), parent], elements }, [one, absent("01")], contradict);
  refuses({ results: [inclusion(1), parent], elements }, [one, absent("01")], contradict);
  const beside = (l: BatchPair): PrefixSearchResult => ({
    kind: "nonInclusionLeaf",
    leaf: l,
    depth: 1,
  });
  refuses(
    { results: [inclusion(1), beside(leaf("001"))], elements },
    [one, absent("01")],
    contradict,
  );
  const other = { ...one, commitment: randomBytes(32) };
  refuses({ results: [inclusion(1), beside(other)], elements }, [one, absent("01")], contradict);
  refuses(
    { results: [beside(leaf("001")), beside(leaf("000"))], elements },
    [absent("0101"), absent("0111")],
    contradict,
  );
  checkPrefixProof({ results: [inclusion(1), beside(one)], elements }, [one, absent("01")]);
});

Deno.test("a leaf below the place where it is alone is refused, and so is a node over nothing", () => {
  const two = /less than two leaves/;
  const deep: PrefixProof = { results: [{ kind: "inclusion", depth: 1 }], elements: [ZEROS] };
  refuses(deep, [leaf("00")], two);
  const empty: PrefixProof = {
    results: [{ kind: "nonInclusionParent", depth: 1 }],
    elements: [ZEROS],
  };
  refuses(empty, [absent("00")], two);
  const both: PrefixSearchResult[] = [{ kind: "inclusion", depth: 1 }, {
    kind: "nonInclusionParent",
    depth: 1,
  }];
  refuses({ results: both, elements: [] }, [leaf("00"), absent("1")], two);
});

Deno.test("a long claim without the elements for it costs next to nothing", () => {
  const searches = Array.from(
    { length: 255 },
    () => ({ ...absent(""), vrfOutput: randomBytes(32) }),
  );
  const results = searches.map((): PrefixSearchResult => ({
    kind: "nonInclusionParent",
    depth: 255,
  }));
  const started = performance.now();
  refuses({ results, elements: [] }, searches, /too few/);
  assert.ok(performance.now() - started < 500);
});

Deno.test("keys that differ in their last bit alone are told apart", () => {
  const [one, two] = [key("0".repeat(256)), key("0".repeat(255) + "1")]
    .map((vrfOutput) => ({ vrfOutput, commitment: randomBytes(32) })) as [BatchPair, BatchPair];
  const proof = buildPrefixProof(treeOf([one, two]), [two.vrfOutput, one.vrfOutput]);
  assert.deepEqual(proof.results.map(({ depth }) => depth), [256, 256]);
  assert.deepEqual(checkPrefixProof(proof, [two, one]), naiveRoot([one, two]));
  // The draft has one byte for the depth; no VRF output will ever come so near to another.
  assert.throws(() => encodePrefixProof(proof), /^Error: bug:/);
});
