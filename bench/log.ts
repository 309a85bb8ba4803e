/**
 * How fast epochs are made and committed, by the size of the log: into an SQLite file, in batches of
 * 100, out of a pool that is already there. Making a record, its VRF proof included, is not part of
 * it.
 *
 *     deno task bench:log [names ...]          1000 100000 1000000 by default, which take half an hour
 *
 * There is a log in a file of its own for each size. All are built first; then an epoch of each is timed
 * in turn, so that whatever else the machine does is shared by all sizes, and as a yardstick, behind each,
 * a bare commit of the same bytes under other keys in the same file. A log grows by 10,000 names while it
 * is timed.
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
const TIMED_BATCHES = 100;
const ORIGIN = "bench.invalid/kt/1";
const BARE_ORIGIN = "blank.invalid/kt/1";

/** A log of one size. */
interface Subject {
  readonly log: LogStore;
  readonly cache: PrefixCache;
  readonly names: number;
  /** Size of its file when it was built. */
  readonly bytes: number;
  /** How long each epoch took. */
  readonly oursMs: number[];
  /** How long each bare commit took. */
  readonly bareMs: number[];
  /** Prefix tiles of each epoch. */
  readonly tiles: number[];
}

const sizes = Deno.args.length > 0 ? Deno.args.map(Number) : [1_000, 100_000, 1_000_000];
const folder = await Deno.makeTempDir();
try {
  const subjects: Subject[] = [];
  for (const names of sizes) subjects.push(await build(names, `${folder}/${names}.sqlite`));
  for (let i = 0; i < TIMED_BATCHES; i++) {
    for (const subject of subjects) await time(subject, i);
  }
  for (const subject of subjects) print(subject);
  const [before, last] = subjects.slice(-2);
  if (before !== undefined && last !== undefined) {
    const means = sum(last.oursMs) / sum(before.oursMs);
    const medians = median(last.oursMs) / median(before.oursMs);
    say(
      `cost per update at ${last.names} names / at ${before.names}: ${means.toFixed(2)}, ` +
        `of medians ${medians.toFixed(2)}`,
    );
  }
  for (const { log } of subjects) log.kv.close();
} finally {
  await Deno.remove(folder, { recursive: true });
}

/** Fills a log in a file. */
async function build(names: number, path: string): Promise<Subject> {
  const log = await foundedLog(await Deno.openKv(path), ORIGIN);
  const cache = prefixCache();
  for (let first = 0; first < names; first += BATCH) {
    await takeIn(log, cache, syntheticPool(first, BATCH));
  }
  const bytes = await sizeOf(path);
  return { log, cache, names, bytes, oursMs: [], bareMs: [], tiles: [] };
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

/** Times one epoch of a log, and a bare commit of the same bytes behind it. */
async function time(
  { log, cache, names, oursMs, bareMs, tiles }: Subject,
  i: number,
): Promise<void> {
  const waiting = syntheticPool(names + i * BATCH, BATCH).map((one) => writePooled(log, one));
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

function print({ names, bytes, oursMs, bareMs, tiles }: Subject): void {
  const perSecond = (ms: readonly number[]) => BATCH * ms.length / sum(ms) * 1000;
  const [ours, bare] = [perSecond(oursMs), perSecond(bareMs)];
  say(`${names} names:`);
  say(`  epochs of ${BATCH}: ${ours.toFixed(0)} updates/s, median ${median(oursMs).toFixed(1)} ms`);
  say(
    `  bare commits: ${bare.toFixed(0)} updates/s, ${(bare / ours).toFixed(2)} times as fast, ` +
      `median ${median(bareMs).toFixed(1)} ms`,
  );
  say(`  ${(bytes / names).toFixed(0)} bytes a name; ${median(tiles)} prefix tiles an update`);
}

function say(line: string): void {
  // deno-lint-ignore no-console
  console.log(line);
}
