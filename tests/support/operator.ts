/**
 * What only the operator of a log can do, and should not: put records into it that nobody may issue, and
 * epochs that break its rules.
 *
 * @module
 */

import { poolEntry } from "../../core/claim.ts";
import { type Context } from "../../core/context.ts";
import { stepOf } from "../../core/epoch.ts";
import { type AccountLabel } from "../../crypto/account_label.ts";
import { type Bytes } from "../../crypto/bytes.ts";
import {
  type BatchPair,
  decodeBatch,
  encodeBatch,
  encodeEpochRoot,
} from "../../crypto/log_entry.ts";
import { encodePrefixTile } from "../../crypto/prefix_tile.ts";
import { insertLeaves, planPrefix } from "../../crypto/prefix_tree.ts";
import { decodeRecord, recordHash, type VerifiedRecord } from "../../crypto/record.ts";
import { listEntries } from "../../kv/entries.ts";
import { readHead } from "../../kv/head.ts";
import { newPoolId, type PoolEntry, writePooled } from "../../kv/pool.ts";
import { writePrefixTile } from "../../kv/prefix_tiles.ts";
import { writeLabel, writeValue } from "../../kv/records.ts";
import { commit } from "../../kv/transact.ts";

/** Puts a record under a name into the log as this version, whoever signed it. */
export async function logAnyway(
  ctx: Context,
  label: AccountLabel,
  version: number,
  bytes: Bytes,
): Promise<void> {
  const entry = entryFor(ctx, label, version, bytes);
  const id = newPoolId(ctx.now());
  await commit(ctx.kv, [], [
    writeLabel(ctx, label, { version, recordHash: entry.recordHash, poolId: id }),
    writePooled(ctx, { id, entry }),
  ]);
  await ctx.sequencer.sequenced(id);
}

/** What the log would hold of a record that nobody checked. */
function entryFor(ctx: Context, label: AccountLabel, version: number, bytes: Bytes): PoolEntry {
  const hash = recordHash(bytes);
  const account = { origin: ctx.origin, label };
  const record: VerifiedRecord = {
    ...decodeRecord(bytes),
    version,
    account,
    hash,
    bytes,
    contesting: [],
  };
  return poolEntry(ctx, record);
}

/** How an epoch is false. */
export interface Falsehood {
  /** Another root than the BATCH leads to. */
  readonly prefixRoot?: Bytes;
  /** Another time than now, Unix milliseconds. */
  readonly timestampMs?: number;
}

/**
 * Commits an epoch in which a version's record takes the place of another one that the log committed to
 * under the same index, or simply a new one; false in whatever else it is told to be.
 */
export async function falseEpoch(
  ctx: Context,
  label: AccountLabel,
  bytes: Bytes,
  falsehood: Falsehood = {},
): Promise<void> {
  const entry = entryFor(ctx, label, 0, bytes);
  const pair: BatchPair = { vrfOutput: entry.vrfOutput, commitment: entry.commitment };
  const leaves = new Map<string, BatchPair>();
  for await (const { index, entry: bytes } of listEntries(ctx)) {
    if (index % 2 === 0) continue;
    for (const leaf of decodeBatch(bytes)) leaves.set(String(leaf.vrfOutput), leaf);
  }
  // The tree is built anew, so that nothing keeps it from forgetting what was there.
  const all = [...leaves.set(String(pair.vrfOutput), pair).values()];
  const tiles = new Map<string, null>();
  for (const path of planPrefix(tiles, all.map(({ vrfOutput }) => vrfOutput))) {
    tiles.set(path, null);
  }
  const read = (await readHead(ctx))!;
  const { root, written } = insertLeaves(tiles, all, read.value.size + 1);
  const { prefixRoot = root, timestampMs = ctx.now() } = falsehood;
  const batchIndex = read.value.size;
  const { check, mutations } = await stepOf(ctx, read, {
    entries: [encodeBatch([pair]), encodeEpochRoot({ timestampMs, prefixRoot })],
    timestampMs,
    prefixRoot,
    mutations: [
      writeLabel(ctx, label, { version: 0, recordHash: entry.recordHash, poolId: null }),
      writeValue(ctx, label, 0, {
        record: bytes,
        opening: entry.opening,
        vrfProof: entry.vrfProof,
        batchIndex,
      }),
      ...[...written].map(([path, tile]) =>
        writePrefixTile(ctx, { epoch: batchIndex + 1, path, data: encodePrefixTile(tile) })
      ),
    ],
  });
  await commit(ctx.kv, [check], mutations);
  await ctx.sequencer.settled();
}
