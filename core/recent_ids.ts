/**
 * The idempotency keys that one connection used lately: a message sent twice is delivered once.
 *
 * Bounded by number, so a sender cannot fill the service's memory; whoever repeats a message sends
 * it again soon.
 *
 * @module
 */

import { REMEMBERED_FRAME_IDS } from "../wire/limits.ts";

/** The latest ids of one connection. */
export interface RecentIds {
  /** Remembers an id; false where it is already known. */
  add(id: string): boolean;
  /** Forgets the id of a frame that was refused, because it may be tried again. */
  forget(id: string): void;
}

/** Remembers nothing yet. */
export function recentIds(): RecentIds {
  // A Set iterates in the order of insertion, so its first value is the oldest.
  const ids = new Set<string>();
  return {
    add(id) {
      if (ids.has(id)) return false;
      if (ids.size >= REMEMBERED_FRAME_IDS) ids.delete(ids.values().next().value!);
      ids.add(id);
      return true;
    },
    forget: (id) => void ids.delete(id),
  };
}
