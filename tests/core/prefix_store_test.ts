import assert from "node:assert/strict";
import { type BatchStep, batchStep } from "../../core/epoch.ts";
import { type PrefixCache, prefixCache } from "../../core/prefix_cache.ts";
import { keepPrefix, readPrefix } from "../../core/prefix_store.ts";
import { type Bytes } from "../../crypto/bytes.ts";
import { decodeEpochRoot } from "../../crypto/log_entry.ts";
import { checkPrefixProof } from "../../crypto/prefix_proof.ts";
import { buildPrefixProof, prefixRoot } from "../../crypto/prefix_tree.ts";
import { randomBytes } from "../../crypto/primitives.ts";
import { readEntry } from "../../kv/entries.ts";
import { readHead } from "../../kv/head.ts";
import { type LogStore } from "../../kv/log_key.ts";
import { type Pooled } from "../../kv/pool.ts";
import { commit } from "../../kv/transact.ts";
import { naiveRoot } from "../support/prefix_forest.ts";
import { foundedLog, syntheticPool } from "../support/synthetic_pool.ts";

/** Commits one epoch, and keeps its tiles at hand. */
async function takeIn(
  log: LogStore,
  batch: readonly Pooled[],
  cache: PrefixCache,
): Promise<BatchStep> {
  const step = await batchStep(log, (await readHead(log))!, batch, Date.now(), cache);
  assert.equal(await commit(log.kv, [step.check], step.mutations), "committed");
  keepPrefix(cache, step.prefix);
  return step;
}

const keysOf = (pool: readonly Pooled[]) => pool.map(({ entry }) => entry.vrfOutput);
const leavesOf = (pool: readonly Pooled[]) => pool.map(({ entry }) => entry);

/** The root that the log has in an epoch's ROOT. */
async function loggedRoot(log: LogStore, epoch: number): Promise<Bytes> {
  return decodeEpochRoot((await readEntry(log, epoch))!).prefixRoot;
}

Deno.test("each epoch's ROOT has the root of all leaves so far, and every epoch stays readable", async () => {
  using kv = await Deno.openKv(":memory:");
  const log = await foundedLog(kv);
  const cache = prefixCache();
  const pool = syntheticPool(1, 700);
  const widths = [1, 2, 128, 3, 100, 66, 128, 100, 128, 44];
  const ends: number[] = [];
  for (const width of widths) {
    const from = ends.at(-1) ?? 0;
    ends.push(from + width);
    await takeIn(log, pool.slice(from, from + width), cache);
  }
  for (const [i, end] of ends.entries()) {
    const epoch = 2 * i + 2;
    const root = naiveRoot(leavesOf(pool.slice(0, end)));
    assert.deepEqual(await loggedRoot(log, epoch), root);
    const [within, beyond] = [pool.slice(0, end), pool.slice(end)];
    const searches = [
      ...leavesOf(within).filter((_, k) => k % 20 === 0),
      ...keysOf(beyond).slice(0, 5).map((vrfOutput) => ({ vrfOutput, commitment: null })),
    ];
    for (const held of [undefined, cache, prefixCache(40)]) {
      const keys = searches.map(({ vrfOutput }) => vrfOutput);
      const proof = buildPrefixProof(await readPrefix(log, epoch, keys, held), keys);
      assert.deepEqual(checkPrefixProof(proof, searches), root, `epoch ${epoch}`);
    }
  }
  assert.deepEqual((await readHead(log))!.value.prefixRoot, naiveRoot(leavesOf(pool)));
});

Deno.test("before the first epoch the tree is empty", async () => {
  using kv = await Deno.openKv(":memory:");
  const log = await foundedLog(kv);
  const tiles = await readPrefix(log, 0, [randomBytes(32)]);
  assert.deepEqual(prefixRoot(tiles), new Uint8Array(32));
  assert.deepEqual((await readHead(log))!.value.prefixRoot, new Uint8Array(32));
});

Deno.test("instances with caches of their own take turns on one store and agree", async () => {
  using kv = await Deno.openKv(":memory:");
  const log = await foundedLog(kv);
  const caches = [prefixCache(), prefixCache(7), prefixCache(0)];
  const pool = syntheticPool(1, 600);
  for (let i = 0; i < 60; i++) {
    await takeIn(log, pool.slice(i * 10, i * 10 + 10), caches[(i * 7) % 3]!);
    const epoch = 2 * i + 2;
    const root = naiveRoot(leavesOf(pool.slice(0, i * 10 + 10)));
    for (const cache of caches) {
      const tiles = await readPrefix(log, epoch, keysOf(pool.slice(i * 5, i * 5 + 3)), cache);
      assert.deepEqual(prefixRoot(tiles), root);
    }
  }
});

Deno.test("an epoch that lost against another's leaves nothing in the cache that is not in the log", async () => {
  using kv = await Deno.openKv(":memory:");
  const log = await foundedLog(kv);
  const [one, other] = [prefixCache(), prefixCache()];
  const pool = syntheticPool(1, 90);
  await takeIn(log, pool.slice(0, 30), one);
  const read = (await readHead(log))!;
  const lost = await batchStep(log, read, pool.slice(30, 60), Date.now(), one);
  await takeIn(log, pool.slice(60), other);
  assert.equal(await commit(kv, [lost.check], lost.mutations), "conflict");
  await takeIn(log, pool.slice(30, 60), one);
  const searches = leavesOf(pool);
  const tiles = await readPrefix(log, 6, keysOf(pool), one);
  const proof = buildPrefixProof(tiles, keysOf(pool));
  assert.deepEqual(checkPrefixProof(proof, searches), await loggedRoot(log, 6));
});

Deno.test("a record that is in the log already is taken in by no epoch", async () => {
  using kv = await Deno.openKv(":memory:");
  const log = await foundedLog(kv);
  const pool = syntheticPool(1, 20);
  await takeIn(log, pool, prefixCache());
  const again = batchStep(log, (await readHead(log))!, pool.slice(3, 4), Date.now());
  await assert.rejects(again, /^Error: bug: a key that the prefix tree has already/);
});

Deno.test("a tile that was lost or changed is found before anything is proved from it", async () => {
  using kv = await Deno.openKv(":memory:");
  const log = await foundedLog(kv);
  const pool = syntheticPool(1, 200);
  for (let i = 0; i < 4; i++) await takeIn(log, pool.slice(i * 50, i * 50 + 50), prefixCache(0));
  const rows = await Array.fromAsync(kv.list<Bytes>({ prefix: ["log", log.origin, "prefix"] }));
  const read = () => readPrefix(log, 8, keysOf(pool));
  const tiles = await read();
  let used = 0;
  for (const { key, value } of rows) {
    await kv.delete(key);
    const isUsed = await read().then(() => false, (error: Error) => {
      assert.match(error.message, /^bug: the store lost a prefix tile/);
      return true;
    });
    if (isUsed) used++;
    for (const at of [0, 1, value.length - 1]) {
      const other = value.slice();
      other[at]! ^= 1;
      await kv.set(key, other);
      // The topmost tile is what every other is compared with; it is compared with the head.
      if (!isUsed || key.at(-1) === "") continue;
      await assert.rejects(read(), /^Error: bug: the store (has another|lost a) prefix/);
    }
    await kv.set(key, value);
  }
  assert.equal(used, tiles.size, "of each tile one row is the newest tree's");
  const top = rows.findLast(({ key }) => key.at(-1) === "")!;
  const older = rows.find(({ key }) => key.at(-1) === "")!;
  await kv.set(top.key, older.value);
  const step = batchStep(log, (await readHead(log))!, syntheticPool(999, 1), Date.now());
  await assert.rejects(step, /^Error: bug: the head has another prefix tree than its epoch/);
});

Deno.test("a cache keeps what was used last, and no more than it may", () => {
  const cache = prefixCache(3);
  const tile = { kind: "leaf", vrfOutput: randomBytes(32), commitment: randomBytes(32) } as const;
  for (const epoch of [2, 4, 6]) cache.put(epoch, "a", { ...tile, hash: randomBytes(32) });
  const used = cache.get(2, "a");
  assert.ok(used !== null && cache.get(2, "b") === null && cache.get(8, "a") === null);
  cache.put(8, "a", { ...tile, hash: randomBytes(32) });
  assert.equal(cache.get(4, "a"), null);
  assert.equal(cache.get(2, "a"), used);
  assert.ok(cache.get(6, "a") !== null && cache.get(8, "a") !== null);
});
