/**
 * An audit of a whole log in its store: everything is read again and computed again.
 *
 *     entries    CONFIG, then BATCH and ROOT in turn; no index twice; times that never go back
 *     tree       root, right edge and every tile out of the entries alone
 *     prefix     the prefix tree out of the BATCHes alone: every ROOT, and every tile of every epoch
 *     heads      `head_audit.ts`
 *     names      `name_audit.ts`
 *
 * It changes nothing. A fault is a sentence without a name in it.
 *
 * @module
 */

import { type Bytes, concat, equal, toHex } from "../crypto/bytes.ts";
import { CryptoError } from "../crypto/error.ts";
import {
  type BatchPair,
  decodeBatch,
  decodeConfig,
  decodeEpochRoot,
  type LogConfig,
} from "../crypto/log_entry.ts";
import { HASH_BYTES } from "../crypto/primitives.ts";
import { planTileWrites, TILE_WIDTH } from "../crypto/tile.ts";
import { append, emptyFrontier, type Frontier, frontierRoot, leafHash } from "../crypto/tree.ts";
import { listEntries } from "../kv/entries.ts";
import { type Head, readHead } from "../kv/head.ts";
import { type LogStore } from "../kv/log_key.ts";
import { listTiles } from "../kv/tiles.ts";
import { auditHeads, readNotedHeads } from "./head_audit.ts";
import { auditNames, type NameCount } from "./name_audit.ts";
import { type GrownTree, growTree } from "./prefix_audit.ts";

/** What an audit found. */
export interface LogAudit extends NameCount {
  /** Entries of the log. */
  readonly size: number;
  /** Entries that the published head covers. */
  readonly publishedSize: number;
  /** One sentence for each fault; none where all is well. */
  readonly faults: readonly string[];
}

/** What the entries say, as far as they could be read. */
interface EntryWalk {
  config: LogConfig | null;
  readonly batches: Map<number, readonly BatchPair[]>;
  /** The newest ROOT's time; before the first, CONFIG's. */
  lastMs: number;
  /** The roots of the trees that are asked for, by size. */
  readonly roots: Map<number, Bytes>;
  frontier: Frontier;
  /** Level by level, the hashes that tiles hold. */
  readonly rows: Bytes[][];
  /** Every index that was inserted, in hexadecimal. */
  readonly inserted: Set<string>;
  /** The prefix tree, as the BATCHes grew it. */
  readonly prefix: GrownTree;
}

/**
 * Audits a log that nobody is writing to.
 *
 * @param verifierKey the log's key where it is known; without it the stored one is believed
 */
export async function auditLog(log: LogStore, verifierKey?: string): Promise<LogAudit> {
  const faults: string[] = [];
  const head = (await readHead(log))?.value ?? null;
  if (head === null) faults.push("The log has no head");
  const noted = await readNotedHeads(log);
  const sizes = new Set(noted.heads.map(({ size }) => size));
  const walk = await walkEntries(log, head?.size ?? 0, sizes, faults);
  if (head !== null) checkStoredHead(head, walk, faults);
  await checkTiles(log, walk, faults);
  await walk.prefix.checkNoMore(faults);
  await auditHeads(log, noted, walk.roots, verifierKey, faults);
  const names = walk.config === null
    ? { names: 0, pending: 0, lost: 0 }
    : await auditNames(log, walk.config, walk.batches, faults);
  return { size: head?.size ?? 0, publishedSize: noted.publishedSize, ...names, faults };
}

async function walkEntries(
  log: LogStore,
  size: number,
  sizes: ReadonlySet<number>,
  faults: string[],
): Promise<EntryWalk> {
  const walk: EntryWalk = {
    config: null,
    batches: new Map(),
    lastMs: 0,
    roots: new Map(),
    frontier: emptyFrontier(),
    rows: [],
    inserted: new Set(),
    prefix: growTree(log),
  };
  for await (const { index, entry } of listEntries(log)) {
    if (index !== walk.frontier.size) {
      faults.push(`Entry ${walk.frontier.size} is missing`);
      break;
    }
    if (index >= size) {
      faults.push(`Entry ${index} is beyond the head`);
      break;
    }
    const { frontier, completed } = append(walk.frontier, leafHash(entry));
    walk.frontier = frontier;
    for (const { level, hashes } of planTileWrites(completed)) {
      (walk.rows[level] ??= []).push(hashes);
    }
    if (sizes.has(frontier.size) || frontier.size === size) {
      walk.roots.set(frontier.size, frontierRoot(frontier));
    }
    try {
      await readEntryInto(walk, log.origin, index, entry, faults);
    } catch (error) {
      if (!(error instanceof CryptoError)) throw error;
      faults.push(`Entry ${index}: ${error.message}`);
    }
  }
  if (walk.frontier.size < size) {
    faults.push(`The entries end at ${walk.frontier.size}, not at ${size}`);
  }
  if (size % 2 === 0) faults.push("The log does not end on CONFIG or ROOT");
  return walk;
}

/** Reads an entry as its index wants it. @throws CryptoError */
async function readEntryInto(
  walk: EntryWalk,
  origin: string,
  index: number,
  entry: Bytes,
  faults: string[],
): Promise<void> {
  if (index === 0) {
    walk.config = decodeConfig(entry);
    walk.lastMs = walk.config.createdMs;
    if (walk.config.origin !== origin) faults.push("CONFIG names another log");
  } else if (index % 2 === 1) {
    const pairs = decodeBatch(entry);
    walk.batches.set(index, pairs);
    const added = pairs.filter(({ vrfOutput }) => !walk.inserted.has(toHex(vrfOutput)));
    if (added.length < pairs.length) faults.push(`Entry ${index} inserts an index a second time`);
    for (const { vrfOutput } of added) walk.inserted.add(toHex(vrfOutput));
    await walk.prefix.grow(added, index + 1, faults);
  } else {
    const root = decodeEpochRoot(entry);
    if (root.timestampMs < walk.lastMs) faults.push(`Entry ${index} goes back in time`);
    if (!equal(root.prefixRoot, walk.prefix.root())) {
      faults.push(`Entry ${index} has another prefix tree than the BATCHes make`);
    }
    walk.lastMs = root.timestampMs;
  }
}

function checkStoredHead(head: Head, walk: EntryWalk, faults: string[]): void {
  const { roots, frontier, lastMs, prefix } = walk;
  const root = roots.get(head.size);
  if (root === undefined || !equal(root, head.root)) faults.push("The head has another root");
  if (!equal(concat(...head.frontier), concat(...frontier.hashes))) {
    faults.push("The head has another edge");
  }
  if (!equal(head.prefixRoot, prefix.root())) faults.push("The head has another prefix tree");
  if (head.timestampMs !== lastMs) faults.push("The head has another time than its ROOT");
}

async function checkTiles(log: LogStore, { rows }: EntryWalk, faults: string[]): Promise<void> {
  let count = 0;
  for await (const { level, index, data } of listTiles(log)) {
    count++;
    const row = rows[level]?.slice(index * TILE_WIDTH, (index + 1) * TILE_WIDTH) ?? [];
    if (!equal(concat(...row), data)) {
      const held = data.length / HASH_BYTES;
      faults.push(`Tile ${index} of level ${level} with ${held} hashes is not the tree's`);
    }
  }
  const wanted = rows.reduce((sum, row) => sum + Math.ceil(row.length / TILE_WIDTH), 0);
  if (count !== wanted) faults.push(`There are ${count} tiles, not ${wanted}`);
}
