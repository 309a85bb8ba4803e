import assert from "node:assert/strict";
import { serialize } from "node:v8";
import { costOf, fits, MAX_COMMIT_MUTATIONS } from "../../kv/limits.ts";
import { commit, commitInParts } from "../../kv/transact.ts";

function set(key: Deno.KvKey, value: unknown): Deno.KvMutation {
  return { type: "set", key, value };
}

Deno.test("a value is never weighed lighter than what the store keeps of it", () => {
  const values: unknown[] = [
    null,
    7,
    2 ** 52 + 0.5,
    "text",
    "é".repeat(500),
    "\u{1f512}".repeat(500),
    new Uint8Array(0),
    new Uint8Array(8_192),
    [],
    Array.from({ length: 53 }, () => new Uint8Array(32)),
    { a: 1, b: null, c: [1, 2, 3], d: { e: new Uint8Array(5), f: "x" }, ["ü".repeat(40)]: true },
  ];
  for (const value of values) {
    const { bytes, keyBytes } = costOf([set([], value)]);
    assert.ok(bytes - keyBytes >= serialize(value).length, JSON.stringify(value));
  }
});

Deno.test("what fits, the store takes; and it refuses what is far beyond", async () => {
  using kv = await Deno.openKv(":memory:");
  const long = "k".repeat(1_800);
  const many = Array.from({ length: MAX_COMMIT_MUTATIONS }, (_, i) => set(["n", i], i));
  const heavy = Array.from({ length: 9 }, (_, i) => set(["h", i], new Uint8Array(64_000)));
  const keys = Array.from({ length: 33 }, (_, i) => set([long, i], 0));
  for (const mutations of [many, heavy, keys]) {
    assert.ok(fits(costOf(mutations)));
    assert.equal(await commit(kv, [], mutations), "committed");
  }
  for (
    const mutations of [
      [...many, set(["n"], 0)],
      [...heavy, ...heavy],
      [...keys, ...keys],
    ]
  ) {
    assert.ok(!fits(costOf(mutations)));
    await assert.rejects(commit(kv, [], mutations), /bug: a commit over the limits/);
  }
});

Deno.test("a value that is longer than the store takes is refused, not tried again and again", async () => {
  using kv = await Deno.openKv(":memory:");
  const dash = "\u2014";
  // A text takes two bytes a character once one of them is beyond Latin-1.
  const longest = [new Uint8Array(65_500), dash.repeat(32_700), { note: dash.repeat(32_600) }];
  for (const value of longest) assert.equal(await commit(kv, [], [set(["v"], value)]), "committed");
  const tooLong = [new Uint8Array(65_537), dash.repeat(32_800), { note: dash.repeat(32_800) }];
  for (const value of tooLong) {
    const mutations = [set(["a"], 1), set(["v"], value)];
    assert.ok(fits(costOf(mutations)), "all of it together would do");
    await assert.rejects(commit(kv, [], mutations), /bug: a commit over the limits/);
    await assert.rejects(commitInParts(kv, mutations), /bug: a commit over the limits/);
  }
});
