/**
 * A token bucket: a steady rate with a burst.
 *
 * @module
 */

/** Counts what one sender does. */
export interface TokenBucket {
  /** Takes one, or as many as are said; false, and nothing taken, where there are not so many left. */
  take(nowMs: number, count?: number): boolean;
  /** How many are left, with the part of one that has come back. */
  left(nowMs: number): number;
}

/** One rate. */
export interface Rate {
  /** How many at once. */
  readonly burst: number;
  /** How long until there is one more, in milliseconds. */
  readonly refillMs: number;
}

/** Counts what many do, each for themselves. */
export interface KeyedBuckets {
  /** Each one's rate. */
  readonly rate: Rate;
  /** Takes one of this key's, or as many as are said; false where there are not so many left. */
  take(key: string, nowMs: number, count?: number): boolean;
  /** How many of this key's are left, with the part of one that has come back. */
  left(key: string, nowMs: number): number;
}

/** A full bucket. */
export function tokenBucket({ burst, refillMs }: Rate, startMs: number): TokenBucket {
  let left = burst;
  let filledMs = startMs;
  const leftAt = (nowMs: number) =>
    Math.min(burst, left + Math.max(0, nowMs - filledMs) / refillMs);
  return {
    take(nowMs, count = 1) {
      left = leftAt(nowMs);
      filledMs = nowMs;
      if (left < count) return false;
      left -= count;
      return true;
    },
    left: leftAt,
  };
}

/** A bucket for each key; one that has filled again is forgotten. */
export function keyedBuckets(rate: Rate): KeyedBuckets {
  const fullMs = rate.burst * rate.refillMs;
  // In the order of their last use.
  const held = new Map<string, { readonly bucket: TokenBucket; readonly usedMs: number }>();
  return {
    rate,
    take(key, nowMs, count = 1) {
      for (const [old, { usedMs }] of held) {
        if (usedMs + fullMs > nowMs) break;
        held.delete(old);
      }
      const bucket = held.get(key)?.bucket ?? tokenBucket(rate, nowMs);
      held.delete(key);
      held.set(key, { bucket, usedMs: nowMs });
      return bucket.take(nowMs, count);
    },
    left: (key, nowMs) => held.get(key)?.bucket.left(nowMs) ?? rate.burst,
  };
}
