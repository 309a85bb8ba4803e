import assert from "node:assert/strict";
import { batchStep, fill } from "../../core/epoch.ts";
import { prefixCache } from "../../core/prefix_cache.ts";
import { keepPrefix } from "../../core/prefix_store.ts";
import { decodeBatch } from "../../crypto/log_entry.ts";
import { MAX_RECORD_BYTES } from "../../crypto/record.ts";
import { readEntry } from "../../kv/entries.ts";
import { readHead } from "../../kv/head.ts";
import { costOf, fits } from "../../kv/limits.ts";
import { type LogStore } from "../../kv/log_key.ts";
import { type Pooled, readPool, writePooled } from "../../kv/pool.ts";
import { commit } from "../../kv/transact.ts";
import { keyBeside, naiveRoot } from "../support/prefix_forest.ts";
import { foundedLog, syntheticPool } from "../support/synthetic_pool.ts";

/** Takes the whole pool in, epoch by epoch, as a sequencer does. */
async function drain(log: LogStore): Promise<number[]> {
  const cache = prefixCache();
  const taken: number[] = [];
  for (;;) {
    const batch = fill(log, await readPool(log, 128));
    if (batch.length === 0) return taken;
    const step = await batchStep(log, (await readHead(log))!, batch, Date.now(), cache);
    assert.ok(fits(costOf(step.mutations)));
    assert.deepEqual(step.taken, batch.slice(0, step.taken.length));
    assert.equal(await commit(log.kv, [step.check], step.mutations), "committed");
    keepPrefix(cache, step.prefix);
    taken.push(step.taken.length);
  }
}

async function fillPool(log: LogStore, pool: readonly Pooled[]): Promise<void> {
  for (const pooled of pool) await commit(log.kv, [], [writePooled(log, pooled)]);
}

/** A pool whose indexes share so many bits with each other that each has tiles of its own. */
function crowdedPool(count: number): Pooled[] {
  const pool = syntheticPool(1, count);
  return pool.map((pooled, i): Pooled => {
    if (i % 2 === 0) return pooled;
    const vrfOutput = keyBeside(pool[i - 1]!.entry.vrfOutput, 60);
    return { ...pooled, entry: { ...pooled.entry, vrfOutput } };
  });
}

Deno.test("an epoch takes in all that fits with its tiles, and leaves the rest to the next", async () => {
  using kv = await Deno.openKv(":memory:");
  const log = await foundedLog(kv);
  const pool = crowdedPool(128);
  await fillPool(log, pool);
  assert.equal(fill(log, pool).length, 128, "without tiles they fit one epoch");
  const taken = await drain(log);
  assert.ok(taken.length > 1 && taken[0]! > 20 && taken[0]! < 128, taken.join());
  assert.equal(taken.reduce((a, b) => a + b), 128);
  const { size, prefixRoot } = (await readHead(log))!.value;
  assert.equal(size, 1 + 2 * taken.length);
  assert.deepEqual(prefixRoot, naiveRoot(pool.map(({ entry }) => entry)));
  for (const [i, count] of taken.entries()) {
    assert.equal(decodeBatch((await readEntry(log, 2 * i + 1))!).length, count);
  }
});

Deno.test("a step stays within one commit whatever the origin's length and the records' size", async () => {
  for (const [bytes, origin] of [[1, 240], [400, 240], [MAX_RECORD_BYTES, 20]] as const) {
    using kv = await Deno.openKv(":memory:");
    const log = await foundedLog(kv, `${"x".repeat(origin)}/kt/1`);
    await fillPool(log, syntheticPool(1, 150, bytes));
    const taken = await drain(log);
    assert.equal(taken.reduce((a, b) => a + b), 150);
    assert.ok(Math.max(...taken) < 128, `${taken}`);
  }
});

Deno.test("with 10,000 names, 128 ordinary records still are one epoch", async () => {
  using kv = await Deno.openKv(":memory:");
  const log = await foundedLog(kv);
  const cache = prefixCache();
  for (let names = 0; names < 10_000; names += 100) {
    const read = (await readHead(log))!;
    const step = await batchStep(log, read, syntheticPool(names, 100), Date.now(), cache);
    assert.equal(await commit(kv, [step.check], step.mutations), "committed");
    keepPrefix(cache, step.prefix);
  }
  await fillPool(log, syntheticPool(99_999, 128));
  assert.deepEqual(await drain(log), [128]);
});
