/**
 * The life of an instance among others: it renews its lease, and gives up those that do not.
 *
 * How long another one has not renewed is counted by this instance's own clock from when it saw the last
 * change; two clocks are never compared. An instance that is given up learns it at its next renewal or
 * commit, whichever is first, and says nothing more for its connections.
 *
 * @module
 */

import {
  endLease,
  foundInstance,
  type LeaseRow,
  listLeases,
  readLease,
  renewLease,
} from "../../kv/instances.ts";
import { sleep } from "../pause.ts";

/** The times of leases, in milliseconds. */
export interface LeaseTiming {
  /** How often a lease is renewed, and the others' are looked at. */
  readonly renewMs: number;
  /** After what time without a renewal an instance is given up. */
  readonly deadMs: number;
}

/** An instance that is no more. */
export interface Ended {
  readonly instance: string;
  readonly state: "drained" | "dead";
  /** For how long this instance has known, in milliseconds. */
  readonly sinceMs: number;
}

/** The lease of this instance. */
export interface OwnLease {
  /** What another instance is, or null where nothing is known of it. @throws StoreError */
  stateOf(instance: string): Promise<LeaseRow["state"] | null>;
  /** Ends the own lease: what is left are snapshots. @throws StoreError */
  drain(): Promise<void>;
  /** Stops renewing. */
  close(): Promise<void>;
}

/** What a lease works with. */
export interface LeaseParts {
  readonly kv: Deno.Kv;
  readonly instance: string;
  readonly timing: LeaseTiming;
  /** A clock that never goes back, in milliseconds. */
  readonly monotonic: () => number;
  /** Is told once that this instance was given up. */
  readonly onFenced: () => void;
  /** Looks after what is left of those that are no more; called at every look. */
  readonly onEnded: (ended: readonly Ended[]) => Promise<void>;
  readonly report: (error: unknown) => void;
  /** Is given sentences for the operator. */
  readonly say: (sentence: string) => void;
}

interface Seen {
  readonly versionstamp: string;
  readonly state: LeaseRow["state"];
  /** Since when it is so. */
  readonly atMs: number;
}

/** Founds an instance and keeps its lease. @throws StoreError */
export async function openLease(parts: LeaseParts): Promise<OwnLease> {
  const { kv, instance, timing, monotonic, onFenced, onEnded, report, say } = parts;
  const seen = new Map<string, Seen>();
  const closing = new AbortController();
  let beat = 0;
  await foundInstance(kv, instance);

  async function renew(): Promise<void> {
    if (await renewLease(kv, instance, beat + 1)) beat++;
    else if (!closing.signal.aborted) {
      closing.abort();
      onFenced();
    }
  }

  async function look(): Promise<void> {
    const nowMs = monotonic();
    const rows = await listLeases(kv);
    const ended: Ended[] = [];
    for (const row of rows) {
      if (row.instance === instance) continue;
      let known = seen.get(row.instance);
      const isSame = known?.versionstamp === row.versionstamp;
      if (known === undefined || !isSame) {
        known = { versionstamp: row.versionstamp, state: row.state, atMs: nowMs };
        seen.set(row.instance, known);
      }
      const sinceMs = nowMs - known.atMs;
      if (row.state !== "live") ended.push({ instance: row.instance, state: row.state, sinceMs });
      else if (sinceMs >= timing.deadMs && await endLease(kv, row, "dead")) {
        say("Another instance does not renew its lease and is given up");
        seen.delete(row.instance);
        ended.push({ instance: row.instance, state: "dead", sinceMs: 0 });
      }
    }
    const there = new Set(rows.map((row) => row.instance));
    for (const name of seen.keys()) if (!there.has(name)) seen.delete(name);
    if (ended.length > 0) await onEnded(ended);
  }

  /** Renews on time, also while what others left takes long. */
  async function every(work: () => Promise<void>): Promise<void> {
    while (!closing.signal.aborted) {
      try {
        await work();
      } catch (error) {
        report(error);
      }
      await sleep(timing.renewMs, closing.signal);
    }
  }

  const running = Promise.all([every(renew), every(look)]);
  return {
    stateOf: async (other) => (await readLease(kv, other))?.state ?? null,
    async drain() {
      closing.abort();
      await running;
      const row = await readLease(kv, instance);
      if (row?.state === "live") await endLease(kv, row, "drained");
    },
    async close() {
      closing.abort();
      await running;
    },
  };
}
