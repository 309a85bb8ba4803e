/**
 * The sequencer: takes accepted records out of the pool and puts them into the log, one epoch
 * (BATCH, ROOT, tiles, values, head) in one atomic commit.
 *
 * Any number of instances may work on one store. Each reads the head *before* the pool and commits
 * only while that head stands, so a record that another instance took in is either gone from the
 * pool that was read, or the commit fails: no record is taken in twice.
 *
 * Registrations that arrive while an epoch is committed wait for the next one together: the log
 * makes one commit for up to 128 of them. Committing does not wait for publishing: whoever waits for
 * a record is handed on to the publisher with the size that covers it.
 *
 * @module
 */

import { MAX_BATCH } from "../crypto/log_entry.ts";
import { readHead } from "../kv/head.ts";
import { checkNotFrozen } from "../kv/frozen.ts";
import { type LogStore } from "../kv/log_key.ts";
import { readPool } from "../kv/pool.ts";
import { StoreError } from "../kv/store_error.ts";
import { commit } from "../kv/transact.ts";
import { type BatchStep, batchStep, fill } from "./epoch.ts";
import { ServiceError } from "./error.ts";
import { frozenRefusal } from "./freeze.ts";
import { sleep } from "./pause.ts";
import { type PrefixCache } from "./prefix_cache.ts";
import { keepPrefix } from "./prefix_store.ts";
import { type Publisher } from "./publisher.ts";
import { type Report } from "./report.ts";

/** Puts accepted records into the log. */
export interface Sequencer {
  /**
   * Resolves once the published head covers this pool entry.
   *
   * @throws ServiceError `unavailable` where that cannot be told, `log_frozen`
   */
  sequenced(poolId: string): Promise<void>;
  /**
   * Resolves once the published head covers all that was committed before the call.
   *
   * @throws ServiceError `log_frozen`, `unavailable`
   */
  settled(): Promise<void>;
  /** Requires that records are taken in. @throws ServiceError `log_frozen`, `unavailable` */
  requireOpen(): void;
  /** Finishes the epoch under way and takes no more. */
  close(): Promise<void>;
}

/** What a sequencer works with. */
export interface SequencerParts {
  /** The log. */
  readonly log: LogStore;
  /** Publishes what was committed. */
  readonly publisher: Publisher;
  /** The clock, Unix milliseconds. */
  readonly now: () => number;
  /** Is given a sentence for the operator when a round fails. */
  readonly report: Report;
  /** Tiles of the prefix tree at hand, which lookups share. */
  readonly prefix: PrefixCache;
}

interface Waiter {
  /** The pool entry, or null for all that is committed. */
  readonly poolId: string | null;
  readonly resolve: (covered: Promise<void>) => void;
  readonly reject: (error: ServiceError) => void;
}

/** What one look at the pool showed, and what was done about it. */
interface Round {
  /** Whether an id was in the pool when it was read and is not any more, or never was. */
  readonly isGone: (poolId: string) => boolean;
  /** How much of the log is committed, all of that included which is gone from the pool. */
  readonly size: number;
  /** Whether the pool may hold more. */
  readonly more: boolean;
}

const FIRST_PAUSE_MS = 20;
const LONGEST_PAUSE_MS = 5_000;
/** Failed rounds in a row before those who wait are told. */
const PATIENCE = 3;

/** Starts a sequencer; at first it looks for what an earlier one left in the pool. */
export function startSequencer(parts: SequencerParts): Sequencer {
  const { publisher, report, prefix } = parts;
  const waiters = new Set<Waiter>();
  const closing = new AbortController();
  let dirty = true;
  let running: Promise<void> | null = null;

  function requireOpen(): void {
    if (closing.signal.aborted) throw unavailable("The service is shutting down");
    publisher.requireOpen();
  }

  /** Rounds until nobody waits and the pool is empty. Never throws. */
  async function work(): Promise<void> {
    let failures = 0;
    let said = "";
    while ((dirty || waiters.size > 0) && !closing.signal.aborted) {
      const waiting = [...waiters];
      try {
        const { isGone, size, more } = await sequenceOnce(parts, prefix);
        for (const waiter of waiting) {
          if (waiter.poolId !== null && !isGone(waiter.poolId)) continue;
          waiters.delete(waiter);
          waiter.resolve(publisher.covered(size));
        }
        // Also for those who are gone, and for what an earlier process left.
        publisher.wake();
        dirty = more;
        failures = 0;
        said = "";
      } catch (error) {
        if (publisher.frozen() !== null) return rejectAll(frozenRefusal());
        failures++;
        const sentence = `The log could not be extended: ${sentenceOf(error)}`;
        if (sentence !== said) report(sentence, { level: "error", event: "epoch_failed" });
        said = sentence;
        if (failures >= PATIENCE) rejectAll(unavailable("The log cannot be extended now"));
        // What is in the pool may be taken in without anybody waiting for it.
        dirty = true;
        const pause = Math.min(FIRST_PAUSE_MS * 2 ** failures, LONGEST_PAUSE_MS);
        await sleep(pause, closing.signal);
      }
    }
  }

  function rejectAll(refusal: ServiceError): void {
    for (const waiter of waiters) waiter.reject(refusal);
    waiters.clear();
    dirty = false;
  }

  function start(): void {
    if (running !== null) return;
    running = work().finally(() => {
      running = null;
      // Somebody may have come between the last look and now.
      if (waiters.size > 0 && !closing.signal.aborted) start();
    });
  }

  function wait(poolId: string | null): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    // A caller that went away leaves a promise that nobody handles.
    promise.catch(() => {});
    try {
      requireOpen();
      waiters.add({ poolId, resolve, reject });
      start();
    } catch (error) {
      reject(error);
    }
    return promise;
  }

  start();
  return {
    sequenced: wait,
    settled: () => wait(null),
    requireOpen,
    async close() {
      closing.abort();
      await running;
      rejectAll(unavailable("The service is shutting down"));
    },
  };
}

/** Takes one batch in, if there is any. */
async function sequenceOnce(
  { log, publisher, now }: SequencerParts,
  prefix: PrefixCache,
): Promise<Round> {
  publisher.requireOpen();
  const read = await readHead(log);
  if (read === null) throw new Error("bug: a sequencer before its log was founded");
  // First, so that a head which cannot be published is never built upon.
  await publisher.requireBuildable(read.value);
  const pool = await readPool(log, MAX_BATCH);
  const last = pool.length < MAX_BATCH ? null : pool.at(-1)!.id;
  const batch = fill(log, pool);
  const step = batch.length === 0 ? null : await takeIn(log, read, batch, now(), prefix);
  const left = new Set(pool.slice(step?.taken.length ?? 0).map(({ id }) => id));
  return {
    // What was read is the pool's beginning in the order of ids: beyond it nothing is known.
    isGone: (id) => !left.has(id) && (last === null || id <= last),
    // What was gone when the pool was read is covered by a head that is read after it.
    size: step?.head.size ?? (await readHead(log))?.value.size ?? read.value.size,
    more: left.size > 0 || last !== null,
  };
}

/**
 * What was committed, which takes in the batch or its beginning; null where others were first.
 *
 * @throws StoreError where that cannot be told
 */
async function takeIn(
  log: LogStore,
  read: NonNullable<Awaited<ReturnType<typeof readHead>>>,
  batch: ReturnType<typeof fill>,
  nowMs: number,
  prefix: PrefixCache,
): Promise<BatchStep | null> {
  const step = await batchStep(log, read, batch, nowMs, prefix);
  const { check, mutations, head } = step;
  const outcome = await commit(log.kv, [check, checkNotFrozen(log)], mutations);
  if (outcome === "conflict") return null;
  if (outcome === "committed" || (await readHead(log))?.value.batchId === head.batchId) {
    keepPrefix(prefix, step.prefix);
    return step;
  }
  // It may land yet, until another commit moves the head. The pool tells, when it is read again.
  throw new StoreError("The store does not say whether it took the epoch");
}

function unavailable(sentence: string): ServiceError {
  return new ServiceError("unavailable", sentence);
}

function sentenceOf(error: unknown): string {
  return error instanceof Error ? error.message : "an unknown error";
}
