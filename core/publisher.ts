/**
 * The publisher: makes the committed head the one that clients are shown, and tells those who wait.
 *
 * It never publishes or signs a head that is smaller than one signed before, or that does not extend
 * it (`head_watch.ts`): then the log freezes (`freeze.ts`). Records go on being committed while heads
 * are cosigned; whoever waits is told the truth: covered by the published head, or `unavailable`,
 * which says that it may yet come to be.
 *
 * @module
 */

import { type LogPolicy } from "../crypto/policy.ts";
import { noteVerifier } from "../crypto/note_key.ts";
import { type Frozen } from "../kv/frozen.ts";
import { type LogStore } from "../kv/log_key.ts";
import { openEraser } from "./erasure.ts";
import { ServiceError } from "./error.ts";
import { frozenRefusal, openFreeze, type TreeHead } from "./freeze.ts";
import { watchHeads } from "./head_watch.ts";
import { sleep } from "./pause.ts";
import { type Publication, publishPlainly } from "./publication.ts";
import { type LogKeys } from "./signing.ts";
import { openWitnesses, type WitnessClient, type WitnessCount } from "./witness_client.ts";
import { publishWitnessed } from "./witnessed_publication.ts";
import { type Report } from "./report.ts";

/** Whom a log asks to cosign its heads. */
export interface WitnessSettings {
  /** When a head is published, with the witnesses' URLs. Its logs are this log's keys, or none. */
  readonly policy: LogPolicy;
  /** Those of its witnesses that are auditors, by their names in it. */
  readonly auditors: readonly string[];
  /** Least time from one signed head to the next, in milliseconds. */
  readonly intervalMs: number;
  /** After what time an unchanged head is cosigned again, in milliseconds. */
  readonly heartbeatMs: number;
  /** How long somebody waits for a head to be published, in milliseconds. */
  readonly patienceMs?: number;
  /** How long one witness may take, in milliseconds. */
  readonly timeoutMs?: number;
  /** How long the other witnesses are waited for once there are enough, in milliseconds. */
  readonly graceMs?: number;
  /** Another way to the network, for tests. */
  readonly fetch?: typeof fetch;
}

/** Least time from one signed head to the next where there are witnesses, in milliseconds. */
export const PUBLISH_INTERVAL_MS = 10_000;
/** After what time an unchanged head is cosigned again, in milliseconds. */
export const HEARTBEAT_MS = 600_000;
/** How long somebody waits for a head to be published: two intervals and their requests. */
const PATIENCE_MS = 27_000;

/** Publishes heads. */
export interface Publisher {
  /**
   * Resolves once the published head covers so many entries.
   *
   * @throws ServiceError `log_frozen`, `unavailable`
   */
  covered(size: number): Promise<void>;
  /** Has what is committed published, though nobody waits for it. */
  wake(): void;
  /** Requires that a committed head may be built upon. @throws ServiceError `log_frozen`; StoreError */
  requireBuildable(head: TreeHead): Promise<void>;
  /** Requires that records are taken in. @throws ServiceError `log_frozen`, `unavailable` */
  requireOpen(): void;
  /** Why the log is frozen, or null where it is not. */
  frozen(): Frozen | null;
  /** What each witness did since the start. */
  witnessCounts(): readonly WitnessCount[];
  /** Ends what is under way; whoever waits is told so. */
  close(): Promise<void>;
}

/** What a publisher works with. */
export interface PublisherParts {
  /** The log. */
  readonly log: LogStore;
  /** Its keys. */
  readonly keys: LogKeys;
  /** Its witnesses, or null where heads are published without any. */
  readonly witnesses: WitnessSettings | null;
  /** The clock, Unix milliseconds. */
  readonly now: () => number;
  /** Is given a sentence for the operator when something goes wrong. */
  readonly report: Report;
}

interface Waiter {
  readonly size: number;
  readonly timer: ReturnType<typeof setTimeout>;
  readonly resolve: () => void;
  readonly reject: (error: ServiceError) => void;
}

const FIRST_PAUSE_MS = 20;
const LONGEST_PAUSE_MS = 5_000;
/** Failed steps in a row before those who wait are told, and steps that a start makes at most. */
const TRIES = 3;

/**
 * Opens the publisher of a log: publishes what an earlier one left, or asks the witnesses about it.
 * A log that is frozen opens too, for reading.
 *
 * @throws StoreError where the store does not answer at the very start
 */
export async function openPublisher(parts: PublisherParts): Promise<Publisher> {
  const { log, keys, witnesses, now, report } = parts;
  const freeze = openFreeze(log, now, report);
  const watch = watchHeads(log, freeze);
  const client = witnesses === null ? null : clientOf(parts, witnesses);
  const shared = { log, keys, freeze, watch, now, report };
  const publication: Publication = witnesses === null || client === null
    ? publishPlainly(shared)
    : publishWitnessed(shared, { ...witnesses, policy: policyOf(keys, witnesses) }, client);
  const patienceMs = witnesses?.patienceMs ?? PATIENCE_MS;
  const waiters = new Set<Waiter>();
  const closing = new AbortController();
  /** Ends the pause under way. */
  let bell = new AbortController();
  let failures = 0;
  const eraser = openEraser(log, report);

  /** One step, and after how long the next is due. @throws StoreError at the first step alone */
  async function step(isFirst: boolean): Promise<number> {
    try {
      const pauseMs = await publication.step(waiters.size > 0);
      failures = 0;
      return pauseMs;
    } catch (error) {
      if (freeze.frozen() !== null) {
        rejectAll(frozenRefusal());
        return Infinity;
      }
      if (isFirst) throw error;
      if (closing.signal.aborted) return Infinity;
      failures++;
      report(`The log could not be published: ${sentenceOf(error)}`, {
        level: "error",
        event: "publication_failed",
      });
      if (failures >= TRIES) rejectAll(unavailable("The log cannot be published now"));
      return Math.min(FIRST_PAUSE_MS * 2 ** failures, LONGEST_PAUSE_MS);
    } finally {
      for (const waiter of waiters) {
        if (watch.publishedSize() >= waiter.size) settle(waiter, null);
      }
    }
  }

  function settle(waiter: Waiter, refusal: ServiceError | null): void {
    if (!waiters.delete(waiter)) return;
    clearTimeout(waiter.timer);
    if (refusal === null) waiter.resolve();
    else waiter.reject(refusal);
  }

  function rejectAll(refusal: ServiceError): void {
    for (const waiter of waiters) settle(waiter, refusal);
  }

  async function run(firstPauseMs: number): Promise<void> {
    let pauseMs = firstPauseMs;
    while (!closing.signal.aborted) {
      if (freeze.frozen() === null) eraser.published(watch.publishedSize());
      await sleep(pauseMs, AbortSignal.any([bell.signal, closing.signal]));
      bell = new AbortController();
      if (!closing.signal.aborted) pauseMs = await step(false);
    }
  }

  function covered(size: number): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    // A caller that went away leaves a promise that nobody handles.
    promise.catch(() => {});
    if (watch.publishedSize() >= size) resolve();
    else if (freeze.frozen() !== null) reject(frozenRefusal());
    else if (closing.signal.aborted) reject(closed());
    else {
      const late = unavailable("The record is accepted, and its head is not published yet");
      const timer = setTimeout(() => settle(waiter, late), patienceMs);
      const waiter: Waiter = { size, timer, resolve, reject };
      waiters.add(waiter);
      bell.abort();
    }
    return promise;
  }

  // As far as it gets: asking about the past, and publishing what it left.
  let pauseMs = 0;
  for (let i = 0; i < TRIES && pauseMs === 0; i++) pauseMs = await step(true);
  const running = run(pauseMs);
  return {
    covered,
    wake: () => bell.abort(),
    requireBuildable: (head) => watch.requireBuildable(head),
    requireOpen() {
      if (freeze.frozen() !== null) throw frozenRefusal();
      if (!publication.isChecked()) {
        throw unavailable(
          "The log waits for its witnesses: nothing is taken in before they answered",
        );
      }
    },
    frozen: () => freeze.frozen(),
    witnessCounts: () => client?.counts() ?? [],
    async close() {
      closing.abort();
      client?.close();
      await Promise.all([running, eraser.close()]);
      // What was committed while the last step was under way needs one more, unless others decide.
      if (client === null && waiters.size > 0) await step(false);
      rejectAll(closed());
    },
  };
}

function clientOf(parts: PublisherParts, settings: WitnessSettings): WitnessClient {
  const { log: { origin }, keys, now, report } = parts;
  const { policy: { witnesses }, timeoutMs, graceMs, fetch } = settings;
  return openWitnesses({
    origin,
    logVerifiers: keys.logKeys.map(noteVerifier),
    witnesses,
    now,
    report,
    ...timeoutMs === undefined ? {} : { timeoutMs },
    ...graceMs === undefined ? {} : { graceMs },
    ...fetch === undefined ? {} : { fetch },
  });
}

/** The policy with this log's own keys. @throws Error where it is another log's */
export function policyOf(keys: LogKeys, { policy, auditors }: WitnessSettings): LogPolicy {
  const ids = new Set(keys.logKeys.map(({ keyId }) => keyId));
  if (policy.logs.length > 0 && !policy.logs.some(({ keyId }) => ids.has(keyId))) {
    throw new Error("Cannot open the log: the witness policy is of another log");
  }
  const names = policy.witnesses.map(({ id }) => id);
  if (auditors.some((id) => !names.includes(id))) {
    throw new Error("Cannot open the log: an auditor is no witness of the policy");
  }
  return { ...policy, logs: keys.logKeys };
}

function unavailable(sentence: string): ServiceError {
  return new ServiceError("unavailable", sentence);
}

function closed(): ServiceError {
  return unavailable("The service is shutting down");
}

function sentenceOf(error: unknown): string {
  return error instanceof Error ? error.message : "an unknown error";
}
