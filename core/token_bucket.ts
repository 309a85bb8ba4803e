/**
 * A token bucket: a steady rate with a burst.
 *
 * @module
 */

/** Counts what one sender does. */
export interface TokenBucket {
  /** Takes one; false where none is left. */
  take(nowMs: number): boolean;
}

/** A full bucket. @param perSecond how fast it fills @param burst how much it holds */
export function tokenBucket(perSecond: number, burst: number, startMs: number): TokenBucket {
  let left = burst;
  let filledMs = startMs;
  return {
    take(nowMs) {
      left = Math.min(burst, left + Math.max(0, nowMs - filledMs) * perSecond / 1000);
      filledMs = nowMs;
      if (left < 1) return false;
      left--;
      return true;
    },
  };
}
