/**
 * The sequencer: takes accepted records out of the pool and puts them into the log, one epoch
 * (BATCH, ROOT, tiles, values, head) in one atomic commit.
 *
 * Any number of instances may work on one store. Each reads the head *before* the pool and commits
 * only while that head stands, so a record that another instance took in is either gone from the
 * pool that was read, or the commit fails: no record is taken in twice.
 *
 * Registrations that arrive while an epoch is committed wait for the next one together: the log
 * makes one commit for up to 128 of them. Whoever waits is told the truth: covered by the published
 * head, or `unavailable`, which says that it may yet come to be.
 *
 * @module
 */

import { MAX_BATCH } from "../crypto/log_entry.ts";
import { readHead } from "../kv/head.ts";
import { type LogStore } from "../kv/log_key.ts";
import { readPool } from "../kv/pool.ts";
import { StoreError } from "../kv/store_error.ts";
import { commit } from "../kv/transact.ts";
import { batchStep, fill } from "./epoch.ts";
import { ServiceError } from "./error.ts";
import { type Publisher } from "./publisher.ts";

/** Puts accepted records into the log. */
export interface Sequencer {
  /**
   * Resolves once the log's committed and published head covers this pool entry.
   *
   * @throws ServiceError `unavailable` where that cannot be told
   */
  sequenced(poolId: string): Promise<void>;
  /**
   * Resolves once the published head covers all that was committed before the call.
   *
   * @throws ServiceError `unavailable`
   */
  settled(): Promise<void>;
  /** Requires that records are taken in. @throws ServiceError `unavailable` */
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
  readonly report: (sentence: string) => void;
}

interface Waiter {
  /** The pool entry, or null for all that is committed. */
  readonly poolId: string | null;
  readonly resolve: () => void;
  readonly reject: (error: ServiceError) => void;
}

/** What one look at the pool showed, and what was done about it. */
interface Round {
  /** Whether an id was in the pool when it was read and is not any more, or never was. */
  readonly isGone: (poolId: string) => boolean;
  /** Whether the pool may hold more. */
  readonly more: boolean;
}

const FIRST_PAUSE_MS = 20;
const LONGEST_PAUSE_MS = 5_000;
/** Failed rounds in a row before those who wait are told. */
const PATIENCE = 3;

/** Starts a sequencer; at first it looks for what an earlier one left in the pool. */
export function startSequencer(parts: SequencerParts): Sequencer {
  const { publisher, report } = parts;
  const waiters = new Set<Waiter>();
  const closing = new AbortController();
  let dirty = true;
  let running: Promise<void> | null = null;

  function requireOpen(): void {
    if (closing.signal.aborted) throw unavailable("The service is shutting down");
    if (publisher.frozen()) throw unavailable("The log is frozen until its operator has looked");
  }

  /** Rounds until nobody waits and the pool is empty. Never throws. */
  async function work(): Promise<void> {
    let failures = 0;
    while ((dirty || waiters.size > 0) && !closing.signal.aborted) {
      const waiting = [...waiters];
      try {
        // First, so that a head which cannot be published is never built upon.
        await publisher.publish();
        const { isGone, more } = await sequenceOnce(parts);
        await publisher.publish();
        for (const waiter of waiting) {
          if (waiter.poolId !== null && !isGone(waiter.poolId)) continue;
          waiters.delete(waiter);
          waiter.resolve();
        }
        dirty = more;
        failures = 0;
      } catch (error) {
        failures++;
        report(`The log could not be extended: ${sentenceOf(error)}`);
        if (publisher.frozen()) return rejectAll("The log is frozen until its operator has looked");
        if (failures >= PATIENCE) rejectAll("The log cannot be extended now");
        // What is in the pool may be taken in without anybody waiting for it.
        dirty = true;
        const pause = Math.min(FIRST_PAUSE_MS * 2 ** failures, LONGEST_PAUSE_MS);
        await sleep(pause, closing.signal);
      }
    }
  }

  function rejectAll(sentence: string): void {
    for (const waiter of waiters) waiter.reject(unavailable(sentence));
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
      rejectAll("The service is shutting down");
    },
  };
}

/** Takes one batch in, if there is any. */
async function sequenceOnce({ log, now }: SequencerParts): Promise<Round> {
  const read = await readHead(log);
  if (read === null) throw new Error("bug: a sequencer before its log was founded");
  const pool = await readPool(log, MAX_BATCH);
  const last = pool.length < MAX_BATCH ? null : pool.at(-1)!.id;
  const batch = fill(log, pool);
  const taken = batch.length > 0 && await takeIn(log, read, batch, now());
  const left = new Set((taken ? pool.slice(batch.length) : pool).map(({ id }) => id));
  return {
    // What was read is the pool's beginning in the order of ids: beyond it nothing is known.
    isGone: (id) => !left.has(id) && (last === null || id <= last),
    more: left.size > 0 || last !== null,
  };
}

/** Whether the batch was taken in; false where others were first. @throws StoreError where that cannot be told */
async function takeIn(
  log: LogStore,
  read: NonNullable<Awaited<ReturnType<typeof readHead>>>,
  batch: ReturnType<typeof fill>,
  nowMs: number,
): Promise<boolean> {
  const { check, mutations, head } = await batchStep(log, read, batch, nowMs);
  const outcome = await commit(log.kv, [check], mutations);
  if (outcome !== "unknown") return outcome === "committed";
  if ((await readHead(log))?.value.batchId === head.batchId) return true;
  // It may land yet, until another commit moves the head. The pool tells, when it is read again.
  throw new StoreError("The store does not say whether it took the epoch");
}

function unavailable(sentence: string): ServiceError {
  return new ServiceError("unavailable", sentence);
}

function sentenceOf(error: unknown): string {
  return error instanceof Error ? error.message : "an unknown error";
}

/** Waits, or until the signal. */
function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done);
    if (signal.aborted) done();
  });
}
