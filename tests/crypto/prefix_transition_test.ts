import assert from "node:assert/strict";
import { type Bytes } from "../../crypto/bytes.ts";
import { CryptoError } from "../../crypto/error.ts";
import { type BatchPair } from "../../crypto/log_entry.ts";
import {
  checkTransition,
  decodeTransition,
  encodeTransition,
  type TransitionProof,
} from "../../crypto/prefix_transition.ts";
import { buildPrefixProof, buildTransition } from "../../crypto/prefix_tree.ts";
import { randomBytes } from "../../crypto/primitives.ts";
import {
  byKey,
  crowdedLeaves,
  keyBeside,
  leafOf,
  naiveRoot,
  randomLeaves,
  treeOf,
} from "../support/prefix_forest.ts";

/** A tree's leaves, a BATCH for it, and the two roots. */
interface Sample {
  readonly held: readonly BatchPair[];
  readonly batch: readonly BatchPair[];
  readonly truth: { readonly before: Bytes; readonly after: Bytes };
}

function samples(): Sample[] {
  return [randomLeaves, crowdedLeaves].flatMap((make) =>
    [0, 1, 2, 5, 60, 200].flatMap((size) =>
      [1, 2, 9, 128].map((count) => {
        const all = make(size + count).toSorted(() => Math.random() - 0.5);
        const held = all.slice(0, size);
        const truth = { before: naiveRoot(held), after: naiveRoot(all) };
        return { held, batch: all.slice(size).sort(byKey), truth };
      })
    )
  );
}

function isRefused(
  { batch, truth }: Sample,
  proof: TransitionProof,
  changed: readonly BatchPair[] = batch,
): void {
  try {
    assert.notDeepEqual(checkTransition(proof, changed), truth);
  } catch (error) {
    assert.ok(error instanceof CryptoError && error.code === "bad_proof", String(error));
  }
}

Deno.test("a transition leads to the roots before and after its BATCH", () => {
  for (const { held, batch, truth } of samples()) {
    const proof = buildTransition(treeOf(held), batch);
    const read = decodeTransition(encodeTransition(proof));
    assert.deepEqual(read, proof);
    assert.deepEqual(checkTransition(read, batch), truth);
  }
});

Deno.test("a BATCH that was altered, shortened or lengthened is another transition", () => {
  for (const sample of samples()) {
    const { held, batch } = sample;
    const proof = buildTransition(treeOf(held), batch);
    for (let i = 0; i < batch.length; i += 1 + Math.floor(batch.length / 10)) {
      const pair = batch[i]!;
      isRefused(sample, proof, batch.with(i, { ...pair, commitment: randomBytes(32) }));
      isRefused(sample, proof, batch.with(i, leafOf(keyBeside(pair.vrfOutput, 200))));
      isRefused(sample, proof, batch.toSpliced(i, 1));
      isRefused(sample, proof, batch.toSpliced(i, 0, pair));
    }
    const { results, elements } = proof;
    const doubled = { results: [results[0]!, ...results], elements };
    const twice = [batch[0]!, ...batch];
    assert.throws(() => checkTransition(doubled, twice), /not strictly ascending/);
    isRefused(sample, proof, batch.toReversed().concat(leafOf(randomBytes(32))));
    if (batch.length > 1) {
      assert.throws(() => checkTransition(proof, batch.toReversed()), /not strictly ascending/);
    }
  }
});

Deno.test("a leaf that was there before isn't inserted again", () => {
  for (const { held, batch } of samples()) {
    if (held.length === 0) continue;
    const again = [...batch, held[0]!].sort(byKey);
    const keys = again.map(({ vrfOutput }) => vrfOutput);
    const proof = buildPrefixProof(treeOf(held), keys);
    assert.throws(() => checkTransition(proof, again), { code: "bad_proof" });
  }
});

Deno.test("a leaf that was altered or removed between two roots is found", () => {
  for (const sample of samples()) {
    const { held, batch, truth } = sample;
    for (let i = 0; i < held.length; i += 1 + Math.floor(held.length / 5)) {
      const altered = held.with(i, { ...held[i]!, commitment: randomBytes(32) });
      for (const lie of [altered, held.toSpliced(i, 1)]) {
        // Honest about the one tree, so not about the other.
        const { before, after } = checkTransition(buildTransition(treeOf(lie), batch), batch);
        assert.notDeepEqual(before, truth.before);
        assert.notDeepEqual(after, truth.after);
      }
    }
  }
});

Deno.test("a transition with any bit of it changed leads elsewhere", () => {
  for (const sample of samples()) {
    const proof = buildTransition(treeOf(sample.held), sample.batch);
    const bytes = encodeTransition(proof);
    for (let at = 0; at < bytes.length; at += 1 + Math.floor(bytes.length / 40)) {
      const other = bytes.slice();
      other[at]! ^= 1 << Math.floor(Math.random() * 8);
      let read: TransitionProof;
      try {
        read = decodeTransition(other);
      } catch (error) {
        assert.ok(error instanceof CryptoError && error.code === "malformed");
        continue;
      }
      isRefused(sample, read);
    }
    const { results, elements } = proof;
    for (const [i, element] of elements.entries()) {
      if (i > 10) break;
      isRefused(sample, { results, elements: elements.toSpliced(i, 1) });
      isRefused(sample, { results, elements: elements.toSpliced(i, 0, element) });
    }
    assert.throws(() => decodeTransition(Uint8Array.of(...bytes, 0)), { code: "malformed" });
  }
});
