/**
 * Which rows of the journal may be forgotten: those whose every receiver has what is in them.
 *
 * Forgetting waits a little and is done for many at once. What a stopped instance did not get round to
 * forgetting stays: it is delivered once more to whoever goes on, and is known there as a double.
 *
 * @module
 */

import { deleteRows, type InboxPlace } from "../../kv/inboxes.ts";
import { type JournalEntry } from "../bus.ts";

/** One item of a row, until all its receivers have it. */
export interface SettlingEntry extends JournalEntry {
  readonly left: Set<string>;
  group: Group | null;
}

interface Group {
  left: number;
  readonly places: readonly InboxPlace[];
}

/** Forgets rows. */
export interface Settler {
  /** An item for some connections, whose rows are not known yet. */
  entry(cids: Iterable<string>): SettlingEntry;
  /** Items that are in these rows; more of the same rows may be bound right after. */
  bind(entries: readonly SettlingEntry[], places: readonly InboxPlace[]): void;
  /** One receiver has it. */
  settled(entry: SettlingEntry, cid: string): void;
  /** Forgets nothing more: what is not acked is another instance's now. */
  stop(): void;
  /** Forgets what is to be forgotten now. */
  flush(): Promise<void>;
  /** Stops; what is not forgotten yet stays. */
  close(): Promise<void>;
}

/** How long rows wait to be forgotten together, in milliseconds. */
const PAUSE_MS = 250;
/** Rows that do not wait. */
const MANY = 600;

/** Nothing to forget yet. @param report is told where the store does not forget */
export function openSettler(kv: Deno.Kv, report: (error: unknown) => void): Settler {
  const groups = new WeakMap<readonly InboxPlace[], Group>();
  let due: InboxPlace[] = [];
  let timer: ReturnType<typeof setTimeout> | undefined;
  let running: Promise<void> = Promise.resolve();
  let isClosed = false;
  let isStopped = false;

  function finish(group: Group): void {
    if (--group.left > 0) return;
    due.push(...group.places);
    if (isClosed) return;
    if (due.length >= MANY) void flush();
    else timer ??= setTimeout(flush, PAUSE_MS);
  }

  function flush(): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    const places = isStopped ? [] : due;
    due = [];
    if (places.length === 0) return running;
    // They expire by themselves where this fails.
    return running = running.then(() => deleteRows(kv, places)).catch(report);
  }

  return {
    entry: (cids) => ({ left: new Set(cids), group: null }),
    bind(entries, places) {
      if (places.length === 0) return;
      let group = groups.get(places);
      if (group === undefined) {
        // One more than its items, until all who have some in these rows have said so.
        const fresh = group = { left: 1, places };
        groups.set(places, fresh);
        queueMicrotask(() => finish(fresh));
      }
      for (const entry of entries) {
        if (entry.left.size === 0) continue;
        entry.group = group;
        group.left++;
      }
    },
    settled(entry, cid) {
      if (!entry.left.delete(cid) || entry.left.size > 0) return;
      if (entry.group !== null) finish(entry.group);
    },
    stop: () => void (isStopped = true),
    flush,
    async close() {
      isClosed = true;
      await flush();
    },
  };
}
