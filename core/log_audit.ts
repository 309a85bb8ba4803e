/**
 * An audit of a whole log in its store: everything is read again and computed again.
 *
 *     entries    CONFIG, then BATCH and ROOT in turn; no index twice; times that never go back
 *     tree       root, right edge and every tile out of the entries alone
 *     published  a prefix of the log, signed by the log's key
 *     names      `name_audit.ts`
 *
 * It changes nothing. A fault is a sentence without a name in it.
 *
 * @module
 */

import { type Bytes, concat, equal, toHex } from "../crypto/bytes.ts";
import { openCheckpoint } from "../crypto/checkpoint.ts";
import { CryptoError } from "../crypto/error.ts";
import {
  type BatchPair,
  decodeBatch,
  decodeConfig,
  decodeEpochRoot,
  type LogConfig,
} from "../crypto/log_entry.ts";
import { ed25519Verifier, parseVerifierKey } from "../crypto/note_key.ts";
import { HASH_BYTES } from "../crypto/primitives.ts";
import { TILE_WIDTH } from "../crypto/tile.ts";
import { append, emptyFrontier, frontierRoot, leafHash } from "../crypto/tree.ts";
import { listEntries } from "../kv/entries.ts";
import { type Head, readHead } from "../kv/head.ts";
import { type LogStore } from "../kv/log_key.ts";
import { readPublished } from "../kv/published.ts";
import { listTiles } from "../kv/tiles.ts";
import { auditNames, type NameCount } from "./name_audit.ts";

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
  readonly config: LogConfig | null;
  readonly batches: ReadonlyMap<number, readonly BatchPair[]>;
  readonly lastMs: number;
  /** Roots by size. */
  readonly roots: ReadonlyMap<number, Bytes>;
  readonly frontier: readonly Bytes[];
  /** Level by level, the hashes that tiles hold. */
  readonly rows: readonly Bytes[][];
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
  const publishedSize = (await readPublished(log))?.value.size ?? 0;
  const walk = await walkEntries(log, head?.size ?? 0, publishedSize, faults);
  if (head !== null) checkStoredHead(head, walk, faults);
  await checkTiles(log, walk, faults);
  await checkPublishedHead(log, walk, verifierKey, faults);
  const names = walk.config === null
    ? { names: 0, pending: 0, erased: 0 }
    : await auditNames(log, walk.config, walk.batches, faults);
  return { size: head?.size ?? 0, publishedSize, ...names, faults };
}

async function walkEntries(
  log: LogStore,
  size: number,
  publishedSize: number,
  faults: string[],
): Promise<EntryWalk> {
  let config: LogConfig | null = null;
  let lastMs = 0;
  let frontier = emptyFrontier();
  const batches = new Map<number, readonly BatchPair[]>();
  const roots = new Map<number, Bytes>();
  const rows: Bytes[][] = [];
  const seen = new Set<string>();
  for await (const { index, entry } of listEntries(log)) {
    if (index !== frontier.size) {
      faults.push(`Entry ${frontier.size} is missing`);
      break;
    }
    if (index >= size) {
      faults.push(`Entry ${index} is beyond the head`);
      break;
    }
    const { frontier: next, completed } = append(frontier, leafHash(entry));
    frontier = next;
    for (const { ref, hash } of completed) {
      if (ref.level % 8 === 0) (rows[ref.level / 8] ??= []).push(hash);
    }
    if (frontier.size === publishedSize || frontier.size === size) {
      roots.set(frontier.size, frontierRoot(frontier));
    }
    try {
      if (index === 0) {
        config = decodeConfig(entry);
        lastMs = config.createdMs;
        if (config.origin !== log.origin) faults.push("CONFIG names another log");
      } else if (index % 2 === 1) {
        const pairs = decodeBatch(entry);
        batches.set(index, pairs);
        for (const { vrfOutput } of pairs) {
          const name = toHex(vrfOutput);
          if (seen.has(name)) faults.push(`Entry ${index} inserts an index a second time`);
          seen.add(name);
        }
      } else {
        const { timestampMs, prefixRoot } = decodeEpochRoot(entry);
        if (timestampMs < lastMs) faults.push(`Entry ${index} goes back in time`);
        lastMs = timestampMs;
        if (prefixRoot.some((byte) => byte !== 0)) {
          faults.push(`Entry ${index} has the root of a tree that this version does not keep`);
        }
      }
    } catch (error) {
      if (!(error instanceof CryptoError)) throw error;
      faults.push(`Entry ${index}: ${error.message}`);
    }
  }
  if (frontier.size < size) faults.push(`The entries end at ${frontier.size}, not at ${size}`);
  if (size % 2 === 0) faults.push("The log does not end on CONFIG or ROOT");
  return { config, batches, lastMs, roots, frontier: frontier.hashes, rows };
}

function checkStoredHead(head: Head, walk: EntryWalk, faults: string[]): void {
  const root = walk.roots.get(head.size);
  if (root === undefined || !equal(root, head.root)) faults.push("The head has another root");
  const edge = (hashes: readonly Bytes[]): Bytes => concat(...hashes);
  if (!equal(edge(head.frontier), edge(walk.frontier))) faults.push("The head has another edge");
  if (head.timestampMs !== walk.lastMs) faults.push("The head has another time than its ROOT");
  if (head.epoch !== walk.batches.size) faults.push("The head counts other epochs");
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

async function checkPublishedHead(
  log: LogStore,
  { roots }: EntryWalk,
  verifierKey: string | undefined,
  faults: string[],
): Promise<void> {
  const published = (await readPublished(log))?.value;
  if (published === undefined) {
    faults.push("Nothing is published");
    return;
  }
  try {
    if (verifierKey !== undefined && published.verifierKey !== verifierKey) {
      faults.push("The published head is signed by another key");
    }
    const verifier = ed25519Verifier(parseVerifierKey(verifierKey ?? published.verifierKey));
    const { size, root } = await openCheckpoint(published.note, log.origin, [verifier]);
    const ours = roots.get(published.size);
    if (size !== published.size || !equal(root, published.root)) {
      faults.push("The published head is not what its note says");
    }
    if (ours === undefined || !equal(ours, root)) {
      faults.push("The published head is not a prefix of the log");
    }
  } catch (error) {
    if (!(error instanceof CryptoError)) throw error;
    faults.push(`The published head: ${error.message}`);
  }
}
