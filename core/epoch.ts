/**
 * One step of the log: entries that are appended, and everything that changes with them.
 *
 *     first step     CONFIG
 *     every other    BATCH of the records taken in, ascending by index, then ROOT: the time, and the
 *                    root of the prefix tree that the BATCH grew
 *
 * Nothing of a step exists outside its one commit, which checks that the head is the one it was
 * made from. So a step either happened whole, or not at all, whoever else was at work.
 *
 * @module
 */

import { type Bytes, compare, equal, toHex } from "../crypto/bytes.ts";
import {
  encodeBatch,
  encodeConfig,
  encodeEpochRoot,
  type LogConfig,
  MAX_BATCH,
} from "../crypto/log_entry.ts";
import { ABSENT } from "../crypto/prefix_hash.ts";
import { prefixRoot } from "../crypto/prefix_tree.ts";
import { randomBytes } from "../crypto/primitives.ts";
import { extendTile, planTileWrites } from "../crypto/tile.ts";
import {
  append,
  type CompletedHash,
  emptyFrontier,
  type Frontier,
  frontierRoot,
  leafHash,
} from "../crypto/tree.ts";
import { writeEntry } from "../kv/entries.ts";
import { checkHead, type Head, writeHead } from "../kv/head.ts";
import { addCost, type Cost, costOf, fits } from "../kv/limits.ts";
import { type LogStore, type Row } from "../kv/log_key.ts";
import { deletePooled, type Pooled } from "../kv/pool.ts";
import { writeLabel, writeValue } from "../kv/records.ts";
import { readTile, writeTile } from "../kv/tiles.ts";
import { type PrefixCache, prefixCache } from "./prefix_cache.ts";
import { growPrefix, type PrefixStep, readPrefix } from "./prefix_store.ts";

/** A step that is ready to be committed. */
export interface Step {
  /** That the head still stands from which the step was made. */
  readonly check: Deno.AtomicCheck;
  /** All it writes. */
  readonly mutations: readonly Deno.KvMutation[];
  /** The head after it. */
  readonly head: Head;
}

/** A step that takes records in. */
export interface BatchStep extends Step {
  /** The records: the beginning of those that were offered, all of them where one commit allows it. */
  readonly taken: readonly Pooled[];
  /** What it does to the prefix tree, which `keepPrefix` wants once it is committed. */
  readonly prefix: PrefixStep;
}

/** How much of a batch is left when it does not fit. */
const SHRINK = 7 / 8;

/** What a step weighs besides records, generously: BATCH, ROOT, four tiles, head and its key. */
const STEP_COST: Cost = { mutations: 16, bytes: 64 * 1024, keyBytes: 8 * 1024 };

/** The step that founds a log. */
export function foundingStep(log: LogStore, config: LogConfig): Promise<Step> {
  const { createdMs: timestampMs } = config;
  const entries = [encodeConfig(config)];
  return stepOf(log, null, { entries, timestampMs, prefixRoot: ABSENT, mutations: [] });
}

/**
 * The step that takes records in, or as many of them as fit one commit with the tiles of the prefix
 * tree that they change. Its time is now, or the time of the step before where the clock has gone back.
 *
 * @param batch 1 to 128 entries of the pool that `fill` chose
 * @throws Error where a record is in the log already, or the store lost tiles
 */
export async function batchStep(
  log: LogStore,
  read: Row<Head>,
  batch: readonly Pooled[],
  nowMs: number,
  cache: PrefixCache = prefixCache(0),
): Promise<BatchStep> {
  const { value: head } = read;
  const timestampMs = Math.max(nowMs, head.timestampMs);
  const keys = batch.map(({ entry }) => entry.vrfOutput);
  const tiles = await readPrefix(log, head.size - 1, keys, cache);
  if (!equal(prefixRoot(tiles), head.prefixRoot)) {
    throw new Error("bug: the head has another prefix tree than its epoch");
  }
  for (let taken = batch;; taken = taken.slice(0, Math.floor(taken.length * SHRINK))) {
    const pairs = taken.map(({ entry }) => entry)
      .sort((a, b) => compare(a.vrfOutput, b.vrfOutput));
    const prefix = growPrefix(log, tiles, pairs, head.size + 1);
    const entries = [
      encodeBatch(pairs),
      encodeEpochRoot({ timestampMs, prefixRoot: prefix.root }),
    ];
    const mutations = [
      ...taken.flatMap((pooled) => recordMutations(log, pooled, head.size)),
      ...prefix.mutations,
    ];
    const step = await stepOf(log, read, {
      entries,
      timestampMs,
      prefixRoot: prefix.root,
      mutations,
    });
    if (taken.length === 1 || fits(costOf(step.mutations))) return { ...step, taken, prefix };
  }
}

/**
 * The longest beginning of the pool whose records fit one commit; one always does. How many tiles of
 * the prefix tree they change is for `batchStep` to see.
 */
export function fill(log: LogStore, pool: readonly Pooled[]): readonly Pooled[] {
  let cost = STEP_COST;
  let count = 0;
  for (const pooled of pool.slice(0, MAX_BATCH)) {
    cost = addCost(cost, costOf(recordMutations(log, pooled, 0)));
    if (!fits(cost)) break;
    count++;
  }
  return pool.slice(0, count);
}

function recordMutations(log: LogStore, pooled: Pooled, batchIndex: number): Deno.KvMutation[] {
  const { label, version, record, recordHash, opening, vrfProof } = pooled.entry;
  return [
    writeValue(log, label, version, { record, opening, vrfProof, batchIndex }),
    writeLabel(log, label, { version, recordHash, poolId: null }),
    deletePooled(log, pooled.id),
  ];
}

/** What a step adds to the log. */
export interface Addition {
  readonly entries: readonly Bytes[];
  readonly timestampMs: number;
  /** The root of the prefix tree after it. */
  readonly prefixRoot: Bytes;
  /** What it writes besides entries, tiles and head. */
  readonly mutations: readonly Deno.KvMutation[];
}

/** The step that appends entries, with everything that changes with them. */
export async function stepOf(
  log: LogStore,
  read: Row<Head> | null,
  added: Addition,
): Promise<Step> {
  const before = read === null
    ? emptyFrontier()
    : { size: read.value.size, hashes: read.value.frontier };
  let frontier: Frontier = before;
  const completed: CompletedHash[] = [];
  for (const entry of added.entries) {
    const appended = append(frontier, leafHash(entry));
    frontier = appended.frontier;
    completed.push(...appended.completed);
  }
  const tiles = await Promise.all(
    planTileWrites(completed).map(async (write) => {
      const { level, index, first } = write;
      const held = first === 0 ? null : await readTile(log, { level, index });
      return writeTile(log, { level, index, data: extendTile(held, write) });
    }),
  );
  const head: Head = {
    timestampMs: added.timestampMs,
    size: frontier.size,
    frontier: frontier.hashes,
    root: frontierRoot(frontier),
    prefixRoot: added.prefixRoot,
    batchId: toHex(randomBytes(16)),
  };
  const mutations = [
    ...added.entries.map((entry, i) => writeEntry(log, before.size + i, entry)),
    ...tiles,
    ...added.mutations,
    writeHead(log, head),
  ];
  return { check: checkHead(log, read), mutations, head };
}
