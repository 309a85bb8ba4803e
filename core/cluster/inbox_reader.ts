/**
 * Reads the inbox of this instance: at each ring of its bell, and every few seconds, because bells
 * coalesce and a watch may have ended.
 *
 *     round = all newest numbers at one moment, the rows up to them, in the order of commits
 *
 * What this instance wrote for itself is in memory; it takes its place among the others by its commit.
 *
 * @module
 */

import { bellKey, type InboxPlace, readInbox } from "../../kv/inboxes.ts";
import { sleep } from "../pause.ts";
import { decodeItem, type Item } from "./item.ts";

/** Items of one commit, in their order. */
export interface Come {
  readonly from: string;
  readonly versionstamp: string;
  readonly items: readonly Item[];
  /** The rows that hold them. */
  readonly places: readonly InboxPlace[];
}

/** The reader of an inbox. */
export interface InboxReader {
  /** Something of one's own, committed at this versionstamp. */
  own(versionstamp: string, act: () => void): void;
  /** Whether something of one's own waits for its place. */
  hasOwn(): boolean;
  /** Resolves when all that was committed before the call is delivered. */
  caughtUp(): Promise<void>;
  /** How far each sender's rows were delivered. */
  cursors(): ReadonlyMap<string, number>;
  /** Stops after the round under way. */
  close(): Promise<void>;
}

/** What a reader works with. */
export interface ReaderParts {
  readonly kv: Deno.Kv;
  readonly instance: string;
  /** Takes what came; does not throw. */
  readonly onCome: (come: Come) => void;
  /** How often to look unasked, in milliseconds. */
  readonly pollMs: number;
  readonly report: (error: unknown) => void;
}

interface Own {
  readonly versionstamp: string;
  readonly act: () => void;
}

const FIRST_PAUSE_MS = 20;
const LONGEST_PAUSE_MS = 2_000;

/** Starts to read. */
export function openReader({ kv, instance, onCome, pollMs, report }: ReaderParts): InboxReader {
  const cursors = new Map<string, number>();
  const closing = new AbortController();
  let mine: Own[] = [];
  let waiting: (() => void)[] = [];
  let running: Promise<void> | null = null;
  let isRung = false;
  /** Those of one's own that the round under way has still to do. */
  let acting = 0;

  async function round(): Promise<void> {
    const taken = mine;
    mine = [];
    acting += taken.length;
    let read: Awaited<ReturnType<typeof readInbox>>;
    try {
      read = await readInbox(kv, instance, cursors);
    } catch (error) {
      mine = [...taken, ...mine];
      acting -= taken.length;
      throw error;
    }
    let next = 0;
    const ownBefore = (versionstamp: string | null): void => {
      while (next < taken.length) {
        const one = taken[next]!;
        if (versionstamp !== null && one.versionstamp > versionstamp) return;
        next++;
        acting--;
        one.act();
      }
    };
    for (const { from, versionstamp, places, items } of read.arrivals) {
      ownBefore(versionstamp);
      onCome({ from, versionstamp, places, items: items.map(decodeItem) });
    }
    ownBefore(null);
    for (const [from, last] of read.rang) {
      cursors.set(from, Math.max(last, cursors.get(from) ?? 0));
    }
  }

  /** Rounds until nothing rang since the last one began. */
  async function work(): Promise<void> {
    let pauseMs = FIRST_PAUSE_MS;
    while ((isRung || mine.length > 0 || waiting.length > 0) && !closing.signal.aborted) {
      isRung = false;
      const told = waiting;
      waiting = [];
      try {
        await round();
        pauseMs = FIRST_PAUSE_MS;
        for (const resolve of told) resolve();
      } catch (error) {
        waiting = [...told, ...waiting];
        report(error);
        isRung = true;
        await sleep(pauseMs, closing.signal);
        pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS);
      }
    }
  }

  function start(): void {
    if (closing.signal.aborted) return;
    running ??= work().finally(() => {
      running = null;
      if (isRung || mine.length > 0 || waiting.length > 0) start();
    });
  }

  function ring(): void {
    isRung = true;
    start();
  }

  const poll = setInterval(ring, pollMs);
  const watching = watchBell(kv, instance, ring, closing.signal, report);
  ring();
  return {
    own(versionstamp, act) {
      mine.push({ versionstamp, act });
      start();
    },
    hasOwn: () => mine.length > 0 || acting > 0,
    caughtUp() {
      if (closing.signal.aborted) return Promise.resolve();
      return new Promise((resolve) => {
        waiting.push(resolve);
        start();
      });
    },
    cursors: () => cursors,
    async close() {
      clearInterval(poll);
      await running;
      closing.abort();
      for (const resolve of waiting) resolve();
      await watching;
    },
  };
}

/** The one watch of an instance; it is begun anew where it ends. */
async function watchBell(
  kv: Deno.Kv,
  instance: string,
  ring: () => void,
  signal: AbortSignal,
  report: (error: unknown) => void,
): Promise<void> {
  while (!signal.aborted) {
    let stop = (): void => {};
    try {
      const reader = kv.watch<[string]>([bellKey(instance)]).getReader();
      stop = () => void reader.cancel().catch(() => {});
      signal.addEventListener("abort", stop);
      for (;;) {
        const { done } = await reader.read();
        if (done) break;
        ring();
      }
    } catch (error) {
      if (!signal.aborted) report(error);
    } finally {
      signal.removeEventListener("abort", stop);
      stop();
    }
    await sleep(FIRST_PAUSE_MS * 10, signal);
  }
}
