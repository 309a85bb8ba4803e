/**
 * The idempotency keys that one connection used lately: a message sent twice is delivered once.
 *
 * Bounded by number, so a sender cannot fill the service's memory; whoever repeats a message sends
 * it again soon. A receipt is kept with its id, for a sender whose ack was lost.
 *
 * @module
 */

import { type Receipt } from "../wire/frames.ts";
import { REMEMBERED_FRAME_IDS } from "../wire/limits.ts";

/** The latest ids of one connection. */
export interface RecentIds {
  /** Remembers an id; false where it is already known. */
  add(id: string): boolean;
  /** Forgets the id of a frame that was refused, because it may be tried again. */
  forget(id: string): void;
  /** Keeps the receipt for an id: one that is still to be signed, or was given, or null for none. */
  keep(id: string, receipt: Receipt | Promise<Receipt> | null): void;
  /** The receipt for an id, which may still be to be signed, or null. */
  receipt(id: string): Receipt | Promise<Receipt> | null;
  /** Waits for the receipts that are still to be signed. */
  signed(): Promise<void>;
  /** All that is remembered, oldest first, without receipts that are still to be signed. */
  entries(): readonly RecentId[];
}

/** One id, and the receipt that was given for it. */
export type RecentId = readonly [id: string, receipt: Receipt | null];

/** Remembers what was remembered elsewhere, or nothing. */
export function recentIds(known: readonly RecentId[] = []): RecentIds {
  // A Map iterates in the order of insertion, so its first key is the oldest.
  const ids = new Map<string, Receipt | Promise<Receipt> | null>(known);
  return {
    add(id) {
      if (ids.has(id)) return false;
      if (ids.size >= REMEMBERED_FRAME_IDS) ids.delete(ids.keys().next().value!);
      ids.set(id, null);
      return true;
    },
    forget: (id) => void ids.delete(id),
    keep(id, receipt) {
      // In its place: an id that has gone meanwhile stays away.
      if (ids.has(id)) ids.set(id, receipt);
    },
    receipt: (id) => ids.get(id) ?? null,
    signed: async () => void await Promise.allSettled(ids.values()),
    entries: () =>
      [...ids].map(([id, receipt]) => [id, receipt instanceof Promise ? null : receipt]),
  };
}
