/**
 * How fast epochs are made and committed, by the size of the log: into an SQLite file, in batches of
 * 100, out of a pool that is already there. Making a record, its VRF proof included, is not part of
 * it.
 *
 *     deno task bench:log [names ...]          1000 100000 1000000 by default; the last takes minutes
 *
 * At each size it times epochs of the log, and in between, as a yardstick, bare commits of the same
 * bytes under other keys in the same file.
 *
 * @module
 */

import { batchStep, fill } from "../core/epoch.ts";
import { type PrefixCache, prefixCache } from "../core/prefix_cache.ts";
import { keepPrefix } from "../core/prefix_store.ts";
import { readHead } from "../kv/head.ts";
import { type LogStore } from "../kv/log_key.ts";
import { type Pooled, readPool, writePooled } from "../kv/pool.ts";
import { commit } from "../kv/transact.ts";
import { foundedLog, syntheticPool } from "../tests/support/synthetic_pool.ts";

const BATCH = 100;
const TIMED_BATCHES = 40;
const ORIGIN = "bench.invalid/kt/1";
const BARE_ORIGIN = "blank.invalid/kt/1";

/** What was timed at one size. */
interface Measured {
  readonly names: number;
  readonly updatesPerSecond: number;
  readonly barePerSecond: number;
  /** Of one epoch: half of them took less, whatever else the machine had to do. */
  readonly medianMs: number;
  readonly bareMedianMs: number;
  readonly bytesPerName: number;
  readonly tilesPerUpdate: number;
}

const sizes = Deno.args.length > 0 ? Deno.args.map(Number) : [1_000, 100_000, 1_000_000];
const folder = await Deno.makeTempDir();
const path = `${folder}/bench.sqlite`;
try {
  using kv = await Deno.openKv(path);
  const log = await foundedLog(kv, ORIGIN);
  const cache = prefixCache();
  const results: Measured[] = [];
  let names = 0;
  for (const size of sizes) {
    for (; names < size; names += BATCH) {
      await takeIn(log, cache, syntheticPool(names, BATCH));
    }
    const measured = await measure(log, cache, size, path);
    names += TIMED_BATCHES * BATCH;
    results.push(measured);
    print(measured);
  }
  const [before, last] = results.slice(-2);
  if (before !== undefined && last !== undefined) {
    const ratio = before.updatesPerSecond / last.updatesPerSecond;
    const medians = last.medianMs / before.medianMs;
    say(
      `cost per update at ${last.names} names / at ${before.names}: ${ratio.toFixed(2)}, ` +
        `of medians ${medians.toFixed(2)}`,
    );
  }
} finally {
  await Deno.remove(folder, { recursive: true });
}

/** Makes and commits one epoch. */
async function takeIn(
  log: LogStore,
  cache: PrefixCache,
  batch: readonly Pooled[],
): Promise<readonly Deno.KvMutation[]> {
  const read = await readHead(log);
  const step = await batchStep(log, read!, batch, Date.now(), cache);
  const outcome = await commit(log.kv, [step.check], step.mutations);
  if (outcome !== "committed" || step.taken.length !== batch.length) throw new Error(outcome);
  keepPrefix(cache, step.prefix);
  return step.mutations;
}

/** Times epochs, each with a bare commit of the same bytes behind it. */
async function measure(
  log: LogStore,
  cache: PrefixCache,
  first: number,
  file: string,
): Promise<Measured> {
  const bytes = await sizeOf(file);
  const [oursMs, bareMs]: [number[], number[]] = [[], []];
  const tiles: number[] = [];
  for (let i = 0; i < TIMED_BATCHES; i++) {
    const pool = syntheticPool(first + i * BATCH, BATCH);
    const waiting = pool.map((pooled) => writePooled(log, pooled));
    await commit(log.kv, [], [...waiting, ...waiting.map(bare)]);

    let started = performance.now();
    const mutations = await takeIn(log, cache, fill(log, await readPool(log, BATCH)));
    oursMs.push(performance.now() - started);

    const same = mutations.map(bare);
    started = performance.now();
    await log.kv.atomic().mutate(...same).commit();
    bareMs.push(performance.now() - started);
    tiles.push(mutations.filter(({ key }) => key[2] === "prefix").length / BATCH);
  }
  const updates = BATCH * TIMED_BATCHES;
  return {
    names: first,
    updatesPerSecond: updates / sum(oursMs) * 1000,
    barePerSecond: updates / sum(bareMs) * 1000,
    medianMs: median(oursMs),
    bareMedianMs: median(bareMs),
    bytesPerName: bytes / first,
    tilesPerUpdate: median(tiles),
  };
}

/**
 * The same bytes under another key: rows of names at as random a place among the others, and the rest,
 * which is written one behind the other, under another origin.
 */
function bare(mutation: Deno.KvMutation): Deno.KvMutation {
  const [root, origin, table, name, ...rest] = mutation.key;
  if (table === "label" || table === "value") {
    const other = [...String(name)].reverse().join("");
    return { ...mutation, key: [root!, origin!, table, other, ...rest] };
  }
  return { ...mutation, key: [root!, BARE_ORIGIN, ...mutation.key.slice(2)] };
}

async function sizeOf(file: string): Promise<number> {
  let bytes = 0;
  for (const suffix of ["", "-wal"]) {
    bytes += (await Deno.stat(file + suffix).catch(() => ({ size: 0 }))).size;
  }
  return bytes;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((a, b) => a + b, 0);
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[numbers.length >> 1]!;
}

function print(measured: Measured): void {
  const { names, updatesPerSecond, barePerSecond, bytesPerName, tilesPerUpdate } = measured;
  say(`${names} names:`);
  say(
    `  epochs of ${BATCH}: ${updatesPerSecond.toFixed(0)} updates/s, ` +
      `median ${measured.medianMs.toFixed(1)} ms`,
  );
  say(
    `  bare commits: ${barePerSecond.toFixed(0)} updates/s, ` +
      `${(barePerSecond / updatesPerSecond).toFixed(2)} times as fast, ` +
      `median ${measured.bareMedianMs.toFixed(1)} ms`,
  );
  say(`  ${bytesPerName.toFixed(0)} bytes a name; ${tilesPerUpdate} prefix tiles an update`);
}

function say(line: string): void {
  // deno-lint-ignore no-console
  console.log(line);
}
