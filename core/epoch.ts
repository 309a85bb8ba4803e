/**
 * One step of the log: entries that are appended, and everything that changes with them.
 *
 *     first step     CONFIG
 *     every other    BATCH of the records taken in, ascending by index, then ROOT
 *
 * Nothing of a step exists outside its one commit, which checks that the head is the one it was
 * made from. So a step either happened whole, or not at all, whoever else was at work.
 *
 * @module
 */

import { type Bytes, compare, toHex } from "../crypto/bytes.ts";
import {
  encodeBatch,
  encodeConfig,
  encodeEpochRoot,
  type LogConfig,
  MAX_BATCH,
} from "../crypto/log_entry.ts";
import { HASH_BYTES, randomBytes } from "../crypto/primitives.ts";
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

/** A step that is ready to be committed. */
export interface Step {
  /** That the head still stands from which the step was made. */
  readonly check: Deno.AtomicCheck;
  /** All it writes. */
  readonly mutations: readonly Deno.KvMutation[];
  /** The head after it. */
  readonly head: Head;
}

const NO_PREFIX_TREE: Bytes = new Uint8Array(HASH_BYTES);

/** What a step weighs besides its records, generously: BATCH, ROOT, four tiles, head and its key. */
const STEP_COST: Cost = { mutations: 16, bytes: 64 * 1024, keyBytes: 8 * 1024 };

/** The step that founds a log. */
export function foundingStep(log: LogStore, config: LogConfig): Promise<Step> {
  return stepOf(log, null, emptyFrontier(), [encodeConfig(config)], config.createdMs, []);
}

/**
 * The step that takes records in. @param batch 1 to 128 entries of the pool that `fill` chose
 *
 * Its time is now, or the time of the step before where the clock has gone back.
 */
export function batchStep(
  log: LogStore,
  read: Row<Head>,
  batch: readonly Pooled[],
  nowMs: number,
): Promise<Step> {
  const { value: head } = read;
  const batchIndex = head.size;
  const timestampMs = Math.max(nowMs, head.timestampMs);
  const pairs = batch.map(({ entry }) => entry)
    .sort((a, b) => compare(a.vrfOutput, b.vrfOutput));
  const root = encodeEpochRoot({ timestampMs, prefixRoot: NO_PREFIX_TREE });
  const frontier = { size: head.size, hashes: head.frontier };
  const mutations = batch.flatMap((pooled) => recordMutations(log, pooled, batchIndex));
  return stepOf(log, read, frontier, [encodeBatch(pairs), root], timestampMs, mutations);
}

/** The longest beginning of the pool that one step can take in; one entry always fits. */
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

async function stepOf(
  log: LogStore,
  read: Row<Head> | null,
  before: Frontier,
  entries: readonly Bytes[],
  timestampMs: number,
  more: readonly Deno.KvMutation[],
): Promise<Step> {
  let frontier = before;
  const completed: CompletedHash[] = [];
  for (const entry of entries) {
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
    timestampMs,
    size: frontier.size,
    frontier: frontier.hashes,
    root: frontierRoot(frontier),
    batchId: toHex(randomBytes(16)),
  };
  const mutations = [
    ...entries.map((entry, i) => writeEntry(log, before.size + i, entry)),
    ...tiles,
    ...more,
    writeHead(log, head),
  ];
  return { check: checkHead(log, read), mutations, head };
}
