/**
 * An auditor: replays a log, entry by entry, before a head of it is cosigned, and so keeps a mirror.
 *
 *     entries -> leaf hashes -> the signed root        every entry is one that the log signed for
 *     BATCH -> prefix tree -> ROOT                     `auditor_rules.ts` has what must hold
 *
 * The mirror lies in the auditor's own store as the log lies in the service's: entries, tiles, prefix
 * tree and head, and nothing else of it. So the same code serves its files, from which a service can be
 * recovered; an audit of a whole store is of a service's, since names and published heads are not here.
 * It moves forward by one epoch at a time, over entries that were proved to be a prefix of the tree that
 * is signed; where a rule is broken it stays before the break. Nothing that the log serves is believed
 * for any other reason.
 *
 * @module
 */

import { type Bytes, equal } from "../crypto/bytes.ts";
import { type Checkpoint } from "../crypto/checkpoint.ts";
import { CryptoError } from "../crypto/error.ts";
import { ABSENT } from "../crypto/prefix_hash.ts";
import { hashesFromTiles, planTiles, TILE_WIDTH, tileWidth } from "../crypto/tile.ts";
import {
  append,
  buildConsistency,
  checkConsistency,
  emptyFrontier,
  type Frontier,
  frontierRoot,
  leafHash,
  planConsistency,
} from "../crypto/tree.ts";
import { type Head, readHead } from "../kv/head.ts";
import { costOf, fits } from "../kv/limits.ts";
import { type LogStore, type Row } from "../kv/log_key.ts";
import { StoreError } from "../kv/store_error.ts";
import { commit, type Decision, transact } from "../kv/transact.ts";
import { configOf, epochOf, requireAbsent, requirePrefixRoot } from "./auditor_rules.ts";
import { type Addition, stepOf } from "./epoch.ts";
import { rootAt } from "./log_proof.ts";
import { type LogSource, LogSourceError } from "./log_source.ts";
import { prefixCache } from "./prefix_cache.ts";
import { growPrefix, keepPrefix, type PrefixStep, readPrefix } from "./prefix_store.ts";
import { ExamineError } from "./witness_role.ts";

/** What an auditor works with. */
export interface AuditorParts {
  /** Its own store, and the origin of the log. */
  readonly log: LogStore;
  /** Where the log serves its files. */
  readonly source: LogSource;
  /** The clock, Unix milliseconds. */
  readonly now: () => number;
}

/** How far a log's clock may be ahead of ours, in milliseconds. */
const MAX_AHEAD_MS = 300_000;
/** Bundles of entries that are read before anything is replayed. */
const BUNDLES_AT_ONCE = 8;
/** Tiles of the prefix tree in one commit where they do not all fit the epoch's. */
const ROWS_AT_ONCE = 100;

/**
 * What a witness asks before it cosigns: replays the log up to a head that its key signed.
 *
 * @returns resolves where the head is the log's and keeps its rules, and rejects with ExamineError
 */
export function openAuditor(
  { log, source, now }: AuditorParts,
): (head: Checkpoint) => Promise<void> {
  const cache = prefixCache();

  async function examine(head: Checkpoint): Promise<void> {
    if (head.size % 2 === 0) throw broken("The head ends on no ROOT");
    for (;;) {
      const read = await readHead(log);
      if (read !== null && read.value.size >= head.size) break;
      await replay(read, head);
    }
    // Also for a head that the mirror was past already.
    if (!equal(await rootAt(log, head.size), head.root)) {
      throw broken("The head's tree is not the one that was replayed");
    }
  }

  /** Reads what comes next, up to a ROOT, proves that it is the log's, and replays it. */
  async function replay(read: Row<Head> | null, head: Checkpoint): Promise<void> {
    const from = read?.value.size ?? 0;
    const bundle = Math.floor(from / TILE_WIDTH);
    const to = Math.min(head.size, (bundle + BUNDLES_AT_ONCE) * TILE_WIDTH - 1);
    const entries = await entriesBetween(from, to, head.size);
    let frontier: Frontier = read === null
      ? emptyFrontier()
      : { size: from, hashes: read.value.frontier };
    for (const entry of entries) frontier = append(frontier, leafHash(entry)).frontier;
    await requireSigned(frontier, head);
    let at = 0;
    if (from === 0) await commitConfig(entries[at++]!);
    for (; at < entries.length; at += 2) {
      await commitEpoch(from + at, entries[at]!, entries[at + 1]!);
    }
  }

  async function entriesBetween(from: number, to: number, size: number): Promise<Bytes[]> {
    const first = Math.floor(from / TILE_WIDTH);
    const count = Math.ceil(to / TILE_WIDTH) - first;
    const bundles = await Promise.all(Array.from({ length: count }, (_, i) => {
      const index = first + i;
      return served(source.bundle(index, tileWidth({ level: 0, index }, size)));
    }));
    const start = first * TILE_WIDTH;
    return bundles.flat().slice(from - start, to - start);
  }

  /** Requires that the entries so far are a prefix of the tree that is signed. */
  async function requireSigned(frontier: Frontier, head: Checkpoint): Promise<void> {
    const { size } = frontier;
    const refs = planConsistency(size, head.size);
    const tiles = await Promise.all(
      planTiles(refs, head.size).map(async (ref) => {
        const { level, index } = ref;
        return { level, index, data: await served(source.tile(ref)) };
      }),
    );
    try {
      const proof = buildConsistency(size, head.size, hashesFromTiles(refs, tiles));
      checkConsistency(size, frontierRoot(frontier), head.size, head.root, proof);
    } catch (error) {
      if (!(error instanceof CryptoError)) throw error;
      throw broken("The log serves other entries than it signed for");
    }
  }

  function commitConfig(entry: Bytes): Promise<null> {
    const config = ruled(() => configOf(entry, log.origin));
    requireReached(0, config.createdMs);
    return commitAt(0, () => ({
      entries: [entry],
      timestampMs: config.createdMs,
      prefixRoot: ABSENT,
      mutations: [],
    }));
  }

  async function commitEpoch(index: number, batch: Bytes, root: Bytes): Promise<void> {
    let grown: PrefixStep | null = null;
    await commitAt(index, async (head) => {
      const epoch = ruled(() => epochOf(index, batch, root, head!.timestampMs));
      requireReached(index + 1, epoch.timestampMs);
      const keys = epoch.pairs.map(({ vrfOutput }) => vrfOutput);
      const tiles = await readPrefix(log, index - 1, keys, cache);
      ruled(() => requireAbsent(index, tiles, keys));
      grown = growPrefix(log, tiles, epoch.pairs, index + 1);
      const { root: computed, mutations } = grown;
      ruled(() => requirePrefixRoot(index + 1, computed, epoch.prefixRoot));
      const { timestampMs, prefixRoot } = epoch;
      return { entries: [batch, root], timestampMs, prefixRoot, mutations };
    });
    if (grown !== null) keepPrefix(cache, grown);
  }

  /** Waits for a time of the future, which is a wrong clock's and passes: no rule is broken for good. */
  function requireReached(index: number, timestampMs: number): void {
    if (timestampMs <= now() + MAX_AHEAD_MS) return;
    const sentence = `Entry ${index} of the log is dated more than five minutes ahead`;
    throw new ExamineError("unavailable", sentence);
  }

  /** Appends to the mirror, unless that was done already. */
  function commitAt(
    index: number,
    add: (head: Head | null) => Promise<Addition> | Addition,
  ): Promise<null> {
    return transact(log.kv, async (): Promise<Decision<null>> => {
      const read = await readHead(log);
      if ((read?.value.size ?? 0) > index) return { done: null };
      const addition = await add(read?.value ?? null);
      const step = await stepOf(log, read, addition);
      const checks = [step.check];
      if (fits(costOf(step.mutations))) return { checks, mutations: step.mutations, then: null };
      // A log may choose indexes whose ways are long and of no use to it. Tiles of an epoch that the
      // head has not reached are read by nobody, so they may come first.
      for (let i = 0; i < addition.mutations.length; i += ROWS_AT_ONCE) {
        const rows = addition.mutations.slice(i, i + ROWS_AT_ONCE);
        if (await commit(log.kv, checks, rows) !== "committed") {
          throw new StoreError("The store does not take the prefix tree");
        }
      }
      const rest = step.mutations.filter((mutation) => !addition.mutations.includes(mutation));
      return { checks, mutations: rest, then: null };
    });
  }

  return examine;
}

/** What the log serves, or that it can't be examined now. @throws ExamineError */
async function served<T>(read: Promise<T>): Promise<T> {
  try {
    return await read;
  } catch (error) {
    if (!(error instanceof LogSourceError)) throw error;
    throw new ExamineError("unavailable", error.message);
  }
}

/** A rule's result, or that the log breaks it. @throws ExamineError */
function ruled<T>(rule: () => T): T {
  try {
    return rule();
  } catch (error) {
    if (!(error instanceof CryptoError)) throw error;
    throw broken(error.message);
  }
}

function broken(reason: string): ExamineError {
  return new ExamineError("inconsistent", reason);
}
