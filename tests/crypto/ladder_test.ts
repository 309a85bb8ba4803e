import assert from "node:assert/strict";
import { ladderOf } from "../../crypto/ladder.ts";

/** The definition, interactively: ask for 0, 1, 3, 7 ... until one is absent, then halve. */
function ladderByAsking(isThere: (version: number) => boolean): number[] {
  const asked: number[] = [];
  const ask = (version: number) => {
    asked.push(version);
    return isThere(version);
  };
  let power = 0;
  while (ask(2 ** power - 1)) power++;
  let [low, high] = [2 ** (power - 1) - 1, 2 ** power - 1];
  while (low + 1 < high) {
    const middle = Math.trunc(low + (high - low) / 2);
    if (ask(middle)) low = middle;
    else high = middle;
  }
  return asked;
}

Deno.test("the ladder of 6 is the draft's, and that of nothing is 0", () => {
  assert.deepEqual(ladderOf(6), [0, 1, 3, 7, 5, 6]);
  assert.deepEqual(ladderOf(0), [0, 1]);
  assert.deepEqual(ladderOf(null), [0]);
});

Deno.test("every ladder to 5,000 is what asking step by step asks", () => {
  for (let n = 0; n <= 5000; n++) {
    assert.deepEqual(ladderOf(n), ladderByAsking((version) => version <= n));
  }
});

Deno.test("every ladder to 5,000 pins its version: the one above is asked for, and it itself", () => {
  for (let n = 0; n <= 5000; n++) {
    const ladder = ladderOf(n);
    assert.equal(new Set(ladder).size, ladder.length);
    const present = ladder.filter((version) => version <= n);
    const absent = ladder.filter((version) => version > n);
    assert.equal(Math.max(...present), n);
    assert.equal(Math.min(...absent), n + 1);
    assert.ok(ladder.length <= 2 * Math.ceil(Math.log2(n + 2)) + 1);
    // Where another version is the greatest, this ladder's answers are others.
    for (const other of [n - 1, n + 1, 2 * n + 1]) {
      assert.ok(ladder.some((version) => version <= n !== version <= other) || other === n);
    }
  }
});

Deno.test("versions end below 2^32, and so do ladders", () => {
  for (const n of [2 ** 31 - 2, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 2, 2 ** 32 - 1]) {
    const ladder = ladderOf(n);
    assert.ok(ladder.every((version) => version < 2 ** 32));
    assert.ok(ladder.includes(n));
    assert.equal(ladder.includes(n + 1), n + 1 < 2 ** 32);
    assert.deepEqual(
      ladder,
      ladderByAsking((version) => version <= n).filter((version) => version < 2 ** 32),
    );
  }
  for (const n of [-1, 0.5, NaN, 2 ** 32]) assert.throws(() => ladderOf(n), /^Error: bug:/);
});
