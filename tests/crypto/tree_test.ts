import assert from "node:assert/strict";
import { fromBase64 } from "../../crypto/base64.ts";
import { type Bytes, concat, toHex, utf8 } from "../../crypto/bytes.ts";
import { sha256 } from "../../crypto/primitives.ts";
import {
  append,
  buildConsistency,
  buildInclusion,
  buildRoot,
  checkConsistency,
  checkInclusion,
  emptyFrontier,
  emptyRoot,
  type Frontier,
  frontierRoot,
  type HashRef,
  inclusionOf,
  leafHash,
  nodeHash,
  planConsistency,
  planInclusion,
  planRoot,
  rootOf,
} from "../../crypto/tree.ts";
import { vectors } from "../support/vectors.ts";

const SIZES = 130;
const BAD_PROOF = { code: "bad_proof" };
const LEAVES = Array.from({ length: SIZES }, (_, i) => leafHash(utf8(`leaf ${i}`)));

/** MTH as RFC 6962 writes it, and nothing of the code under test. */
function mth(leaves: readonly Bytes[]): Bytes {
  if (leaves.length === 0) return sha256();
  if (leaves.length === 1) return leaves[0]!;
  const k = 2 ** Math.floor(Math.log2(leaves.length - 1));
  return sha256(concat(Uint8Array.of(1), mth(leaves.slice(0, k)), mth(leaves.slice(k))));
}

/** PATH of RFC 6962, section 2.1.1. */
function path(m: number, leaves: readonly Bytes[]): Bytes[] {
  if (leaves.length === 1) return [];
  const k = 2 ** Math.floor(Math.log2(leaves.length - 1));
  return m < k
    ? [...path(m, leaves.slice(0, k)), mth(leaves.slice(k))]
    : [...path(m - k, leaves.slice(k)), mth(leaves.slice(0, k))];
}

/** SUBPROOF of RFC 6962, section 2.1.2. */
function subproof(m: number, leaves: readonly Bytes[], whole: boolean): Bytes[] {
  if (m === leaves.length) return whole ? [] : [mth(leaves)];
  const k = 2 ** Math.floor(Math.log2(leaves.length - 1));
  return m <= k
    ? [...subproof(m, leaves.slice(0, k), whole), mth(leaves.slice(k))]
    : [...subproof(m - k, leaves.slice(k), false), mth(leaves.slice(0, k))];
}

interface Grown {
  readonly frontiers: readonly Frontier[];
  readonly stored: ReadonlyMap<string, Bytes>;
}

function grow(leaves: readonly Bytes[]): Grown {
  const stored = new Map<string, Bytes>();
  const frontiers = [emptyFrontier()];
  for (const leaf of leaves) {
    const { frontier, completed } = append(frontiers.at(-1)!, leaf);
    for (const { ref, hash } of completed) {
      assert.ok(!stored.has(keyOf(ref)), "a subtree is completed once");
      stored.set(keyOf(ref), hash);
    }
    frontiers.push(frontier);
  }
  return { frontiers, stored };
}

const GROWN = grow(LEAVES);
const ROOTS = GROWN.frontiers.map(frontierRoot);

function keyOf({ level, index }: HashRef): string {
  return `${level}/${index}`;
}

/** Reads planned hashes; only those that a tree of `size` leaves has. */
function read(refs: readonly HashRef[], size: number): Bytes[] {
  return refs.map((ref) => {
    assert.ok((ref.index + 1) * 2 ** ref.level <= size, "a plan asks for what is complete");
    return GROWN.stored.get(keyOf(ref))!;
  });
}

function corrupted(proof: readonly Bytes[], at: number): Bytes[] {
  return proof.map((hash, i) => {
    const copy = Uint8Array.from(hash);
    if (i === at) copy[at % 32]! ^= 1 << at % 8;
    return copy;
  });
}

Deno.test("the empty tree, a leaf and a node hash as RFC 6962 says", () => {
  assert.equal(
    toHex(emptyRoot()),
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
  );
  assert.equal(
    toHex(leafHash(new Uint8Array(0))),
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
  );
  const [a, b] = [LEAVES[0]!, LEAVES[1]!];
  assert.deepEqual(nodeHash(a, b), sha256(concat(Uint8Array.of(1), a, b)));
});

Deno.test("the frontier, the plan and the list agree with RFC 6962 on every root", () => {
  for (let size = 0; size <= SIZES; size++) {
    const expected = mth(LEAVES.slice(0, size));
    const frontier = GROWN.frontiers[size]!;
    assert.equal(frontier.size, size);
    assert.deepEqual(frontier.hashes, read(planRoot(size), size), "a frontier is the planned root");
    assert.deepEqual(ROOTS[size], expected);
    assert.deepEqual(buildRoot(size, read(planRoot(size), size)), expected);
    assert.deepEqual(rootOf(LEAVES.slice(0, size)), expected);
  }
});

Deno.test("every subtree below size 130 is completed by exactly one append", () => {
  let complete = 0;
  for (let width = 1; width <= SIZES; width *= 2) complete += Math.floor(SIZES / width);
  assert.equal(GROWN.stored.size, complete);
  for (const [key, hash] of GROWN.stored) {
    const [level, index] = key.split("/").map(Number) as [number, number];
    const width = 2 ** level;
    assert.deepEqual(hash, mth(LEAVES.slice(index * width, (index + 1) * width)));
  }
});

Deno.test("every leaf of every tree has the inclusion proof of RFC 6962, and no other", () => {
  for (let size = 1; size <= SIZES; size++) {
    const leaves = LEAVES.slice(0, size);
    for (let index = 0; index < size; index++) {
      const proof = buildInclusion(index, size, read(planInclusion(index, size), size));
      const check = (proof: readonly Bytes[]) =>
        checkInclusion(index, size, LEAVES[index]!, proof, ROOTS[size]!);
      check(proof);
      if (size < 40 || size > 120) {
        assert.deepEqual(proof, path(index, leaves));
        assert.deepEqual(inclusionOf(leaves, index), proof);
      }
      proof.forEach((_, i) => assert.throws(() => check(corrupted(proof, i)), BAD_PROOF));
      assert.throws(() => check([...proof, LEAVES[0]!]), BAD_PROOF);
      assert.throws(() => check([LEAVES[0]!, ...proof]), BAD_PROOF);
      if (size > 1) assert.throws(() => check(proof.slice(1)), BAD_PROOF);
      if (size > 1) assert.throws(() => check(proof.slice(0, -1)), BAD_PROOF);
    }
  }
});

Deno.test("an inclusion proof is for one leaf at one index under one root", () => {
  const [index, size] = [77, 101];
  const proof = buildInclusion(index, size, read(planInclusion(index, size), size));
  const [leaf, root] = [LEAVES[index]!, ROOTS[size]!];
  checkInclusion(index, size, leaf, proof, root);
  for (let other = 0; other < SIZES; other++) {
    if (other === index) continue;
    assert.throws(() => checkInclusion(other, size, leaf, proof, root), BAD_PROOF);
    assert.throws(() => checkInclusion(index, size, LEAVES[other]!, proof, root), BAD_PROOF);
    if (other !== size) {
      assert.throws(() => checkInclusion(index, size, leaf, proof, ROOTS[other]!), BAD_PROOF);
    }
  }
  for (const [i, n] of [[-1, size], [0.5, size], [NaN, size], [0, 0], [0, -1], [0, 2 ** 53]]) {
    assert.throws(() => checkInclusion(i!, n!, leaf, proof, root), BAD_PROOF);
  }
  const short = leaf.slice(1);
  assert.throws(() => checkInclusion(0, 1, short, [], short), BAD_PROOF);
});

Deno.test("every tree is proved to extend every older one as RFC 6962 says, and not otherwise", () => {
  for (let to = 0; to <= SIZES; to++) {
    for (let from = 0; from <= to; from++) {
      const proof = buildConsistency(from, to, read(planConsistency(from, to), to));
      const check = (proof: readonly Bytes[]) =>
        checkConsistency(from, ROOTS[from]!, to, ROOTS[to]!, proof);
      check(proof);
      if (from > 0 && (to < 40 || to > 120)) {
        assert.deepEqual(proof, subproof(from, LEAVES.slice(0, to), true));
      }
      proof.forEach((_, i) => assert.throws(() => check(corrupted(proof, i)), BAD_PROOF));
      assert.throws(() => check([...proof, LEAVES[0]!]), BAD_PROOF);
      if (proof.length > 0) assert.throws(() => check(proof.slice(0, -1)), BAD_PROOF);
    }
  }
});

Deno.test("a consistency proof is between two sizes and two roots only", () => {
  const [from, to] = [41, 101];
  const proof = buildConsistency(from, to, read(planConsistency(from, to), to));
  for (let other = 0; other <= SIZES; other++) {
    const root = ROOTS[other]!;
    if (other !== from) {
      assert.throws(() => checkConsistency(from, root, to, ROOTS[to]!, proof), BAD_PROOF);
    }
    if (other !== to) {
      assert.throws(() => checkConsistency(from, ROOTS[from]!, to, root, proof), BAD_PROOF);
    }
  }
  const [a, b] = [ROOTS[from]!, ROOTS[to]!];
  assert.throws(() => checkConsistency(to, b, from, a, proof), BAD_PROOF);
  for (const n of [-1, 0.5, NaN, Infinity, 2 ** 53]) {
    assert.throws(() => checkConsistency(n, a, to, b, proof), BAD_PROOF);
    assert.throws(() => checkConsistency(from, a, n, b, proof), BAD_PROOF);
  }
});

Deno.test("the empty tree is a prefix of every tree, but under its own root only", () => {
  const [empty, root] = [emptyRoot(), ROOTS[9]!];
  checkConsistency(0, empty, 0, empty, []);
  checkConsistency(0, empty, 9, root, []);
  assert.throws(() => checkConsistency(0, root, 9, root, []), BAD_PROOF);
  assert.throws(() => checkConsistency(0, empty, 0, root, []), BAD_PROOF);
  assert.throws(() => checkConsistency(0, root, 0, root, []), BAD_PROOF);
  assert.throws(() => checkConsistency(0, empty, 9, root, [empty]), BAD_PROOF);
  assert.throws(() => checkConsistency(9, root, 9, ROOTS[8]!, []), BAD_PROOF);
});

Deno.test("appending leaves the older frontier as it was", () => {
  const frontier = GROWN.frontiers[7]!;
  const before = [...frontier.hashes];
  const one = append(frontier, LEAVES[7]!);
  const two = append(frontier, LEAVES[7]!);
  assert.deepEqual(frontier.hashes, before);
  assert.deepEqual(one, two);
  assert.equal(one.completed.length, 4);
});

Deno.test("an impossible size of one's own making is a bug, not a proof", () => {
  const bug = /^Error: bug:/;
  assert.throws(() => planRoot(2 ** 53), bug);
  assert.throws(() => planInclusion(5, 5), bug);
  assert.throws(() => planConsistency(6, 5), bug);
  assert.throws(() => buildRoot(3, [LEAVES[0]!]), bug);
  assert.throws(() => buildInclusion(0, 8, []), bug);
  assert.throws(() => buildInclusion(0, 2, [LEAVES[1]!, LEAVES[1]!]), bug);
  assert.throws(() => append({ size: 3, hashes: [] }, LEAVES[0]!), bug);
  assert.throws(() => append({ size: Number.MAX_SAFE_INTEGER, hashes: [] }, LEAVES[0]!), bug);
});

// --- trees that no machine holds ---------------------------------------------------------------

const LARGE = [
  2 ** 31 - 1,
  2 ** 31,
  2 ** 31 + 1,
  2 ** 32 - 1,
  2 ** 32,
  2 ** 32 + 1,
  2 ** 40 + 12345,
  2 ** 52,
  2 ** 53 - 2,
  2 ** 53 - 1,
];

/** All leaves are equal but one, so that the hash of any subtree is a short computation. */
function sparse(special: number): { hashOf: (ref: HashRef) => Bytes; leaf: Bytes } {
  const plain = [leafHash(utf8("plain"))];
  for (let level = 1; level <= 53; level++) {
    plain.push(nodeHash(plain[level - 1]!, plain[level - 1]!));
  }
  const leaf = leafHash(utf8("special"));
  const hashOf = ({ level, index }: HashRef): Bytes => {
    if (Math.floor(special / 2 ** level) !== index) return plain[level]!;
    if (level === 0) return leaf;
    const [left, right] = [index * 2, index * 2 + 1];
    return nodeHash(
      hashOf({ level: level - 1, index: left }),
      hashOf({ level: level - 1, index: right }),
    );
  };
  return { hashOf, leaf };
}

/** The complete subtrees of `[lo, hi)` in exact arithmetic. */
function exactCover(lo: bigint, hi: bigint): string[] {
  if (lo === hi) return [];
  let level = 0n;
  while (1n << (level + 1n) <= hi - lo) level++;
  return [`${level}/${lo >> level}`, ...exactCover(lo + (1n << level), hi)];
}

function exactSplit(n: bigint): bigint {
  return 1n << BigInt((n - 1n).toString(2).length - 1);
}

function exactInclusion(m: bigint, lo: bigint, hi: bigint): string[] {
  if (hi - lo === 1n) return [];
  const mid = lo + exactSplit(hi - lo);
  return m < mid
    ? [...exactInclusion(m, lo, mid), ...exactCover(mid, hi)]
    : [...exactInclusion(m, mid, hi), ...exactCover(lo, mid)];
}

function exactConsistency(m: bigint, lo: bigint, hi: bigint): string[] {
  if (m === hi) return lo === 0n ? [] : exactCover(lo, hi);
  const mid = lo + exactSplit(hi - lo);
  return m <= mid
    ? [...exactConsistency(m, lo, mid), ...exactCover(mid, hi)]
    : [...exactConsistency(m, mid, hi), ...exactCover(lo, mid)];
}

function places(size: number): number[] {
  const half = Math.floor(size / 2);
  return [0, 1, half - 1, half, 2 ** 31 - 1, size - 2, size - 1].filter((n) => n >= 0 && n < size);
}

Deno.test("plans above 2^31 name the subtrees that exact arithmetic names", () => {
  for (const size of LARGE) {
    const n = BigInt(size);
    assert.deepEqual(planRoot(size).map(keyOf), exactCover(0n, n));
    for (const at of places(size)) {
      assert.deepEqual(planInclusion(at, size).map(keyOf), exactInclusion(BigInt(at), 0n, n));
      const from = at + 1;
      assert.deepEqual(
        planConsistency(from, size).map(keyOf),
        exactConsistency(BigInt(from), 0n, n),
      );
    }
  }
});

Deno.test("proofs above 2^31 verify, and a leaf's neighbour does not", () => {
  for (const size of LARGE) {
    for (const index of places(size)) {
      const { hashOf, leaf } = sparse(index);
      const rootAt = (size: number) => buildRoot(size, planRoot(size).map(hashOf));
      const root = rootAt(size);
      const proof = buildInclusion(index, size, planInclusion(index, size).map(hashOf));
      checkInclusion(index, size, leaf, proof, root);
      for (const other of [index - 1, index + 1, index - 2 ** 32, index + 2 ** 32]) {
        assert.throws(() => checkInclusion(other, size, leaf, proof, root), BAD_PROOF);
      }
      const from = index + 1;
      const growth = buildConsistency(from, size, planConsistency(from, size).map(hashOf));
      checkConsistency(from, rootAt(from), size, root, growth);
      if (from < size) {
        assert.throws(
          () => checkConsistency(from + 1, rootAt(from), size, root, growth),
          BAD_PROOF,
        );
        assert.throws(() => checkConsistency(from, root, size, root, growth), BAD_PROOF);
      }
    }
  }
});

Deno.test("a frontier above 2^32 grows", () => {
  const size = 2 ** 33 + 2 ** 32 - 1;
  const { hashOf, leaf } = sparse(size);
  const before: Frontier = { size, hashes: planRoot(size).map(hashOf) };
  const { frontier, completed } = append(before, leaf);
  assert.deepEqual(completed.map(({ ref }) => ref.level), Array.from({ length: 33 }, (_, i) => i));
  for (const { ref, hash } of completed) assert.deepEqual(hash, hashOf(ref));
  assert.deepEqual(frontier.hashes, planRoot(size + 1).map(hashOf));
});

// --- vectors -----------------------------------------------------------------------------------

interface InclusionVector {
  readonly leafIdx: number | bigint;
  readonly treeSize: number;
  readonly root: string;
  readonly leafHash: string;
  readonly proof: readonly string[] | null;
  readonly wantErr: boolean;
}

interface ConsistencyVector {
  readonly size1: number;
  readonly size2: number;
  readonly root1: string;
  readonly root2: string;
  readonly proof: readonly string[] | null;
  readonly wantErr: boolean;
}

/** Every vector of a folder; where the folder is absent, none, after a line that says so. */
async function eachVector(folder: string, visit: (vector: unknown) => void): Promise<void> {
  const root = Deno.env.get("COUNTERSIGN_VECTORS") ??
    new URL("../../../shared/vectors", import.meta.url).pathname;
  const names: string[] = [];
  try {
    for (const { name } of Deno.readDirSync(`${root}/merkle/${folder}`)) names.push(name);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    names.push("happy-path.json"); // absent as well: the helper says that the test skips
  }
  for (const name of names) {
    const vector = await vectors(`merkle/${folder}/${name}`);
    if (vector !== null) visit(vector);
  }
}

function verdict(check: () => void): boolean {
  try {
    check();
    return true;
  } catch (error) {
    assert.equal((error as { code?: string }).code, "bad_proof");
    return false;
  }
}

Deno.test("inclusion proofs of transparency-dev/merkle, good and bad, are judged as there", async () => {
  for (const folder of ["0", "1", "2", "single-entry"]) {
    await eachVector(`inclusion/${folder}`, (vector) => {
      const { leafIdx, treeSize, leafHash, proof, root, wantErr } = vector as InclusionVector;
      const hashes = (proof ?? []).map((hash) => fromBase64(hash)!);
      const [leaf, top] = [fromBase64(leafHash)!, fromBase64(root)!];
      const accepted = verdict(() => checkInclusion(Number(leafIdx), treeSize, leaf, hashes, top));
      assert.equal(accepted, !wantErr);
    });
  }
});

Deno.test("consistency proofs of transparency-dev/merkle, good and bad, are judged as there", async () => {
  for (const folder of ["0", "1", "2"]) {
    await eachVector(`consistency/${folder}`, (vector) => {
      const { size1, size2, root1, root2, proof, wantErr } = vector as ConsistencyVector;
      const hashes = (proof ?? []).map((hash) => fromBase64(hash)!);
      const [older, newer] = [fromBase64(root1)!, fromBase64(root2)!];
      const accepted = verdict(() => checkConsistency(size1, older, size2, newer, hashes));
      assert.equal(accepted, !wantErr);
    });
  }
});
