/**
 * How often somebody may be rung: by one caller, and by all together. A ring is the one frame that
 * a stranger can send to whoever they name, so all that come at once have to fit the callee's buffer.
 *
 * @module
 */

import { type AccountLabel } from "../crypto/account_label.ts";
import {
  RING_BURST_PER_CALLEE,
  RING_BURST_PER_PAIR,
  RING_REFILL_PER_CALLEE_MS,
  RING_REFILL_PER_PAIR_MS,
} from "../wire/limits.ts";
import { keyedBuckets, type Rate } from "./token_bucket.ts";

/** The rates of rings. */
export interface RingRates {
  /** Of one account to another. */
  readonly pair: Rate;
  /** Of everybody to one account. */
  readonly callee: Rate;
}

/** The rates of the protocol. */
export const RING_RATES: RingRates = {
  pair: { burst: RING_BURST_PER_PAIR, refillMs: RING_REFILL_PER_PAIR_MS },
  callee: { burst: RING_BURST_PER_CALLEE, refillMs: RING_REFILL_PER_CALLEE_MS },
};

/** Counts rings. */
export interface RingCount {
  /** Counts one; false where it is one too many. */
  take(caller: AccountLabel, callee: AccountLabel, nowMs: number): boolean;
}

/** Nobody has rung yet. */
export function ringCount({ pair, callee: all }: RingRates): RingCount {
  const pairs = keyedBuckets(pair);
  const callees = keyedBuckets(all);
  return {
    // A caller who has none left takes none from the others.
    take: (caller, callee, nowMs) =>
      pairs.take(`${caller} ${callee}`, nowMs) && callees.take(callee, nowMs),
  };
}
