/**
 * How often one account may ring another or take its one-time prekeys, and how often all accounts
 * together may do so to one. Whoever knows a name may do either to its account, so the common rate bounds
 * what many strangers do at once.
 *
 * @module
 */

import { type AccountLabel } from "../crypto/account_label.ts";
import {
  OPK_BURST_PER_CALLEE,
  OPK_BURST_PER_PAIR,
  OPK_REFILL_PER_CALLEE_MS,
  OPK_REFILL_PER_PAIR_MS,
  RING_BURST_PER_CALLEE,
  RING_BURST_PER_PAIR,
  RING_REFILL_PER_CALLEE_MS,
  RING_REFILL_PER_PAIR_MS,
} from "../wire/limits.ts";
import { keyedBuckets, type Rate } from "./token_bucket.ts";

/** How often. */
export interface PairRates {
  /** One account to another. */
  readonly pair: Rate;
  /** Everybody to one account. */
  readonly callee: Rate;
}

/** Of rings: all that come at once have to fit the callee's buffer. */
export const RING_RATES: PairRates = {
  pair: { burst: RING_BURST_PER_PAIR, refillMs: RING_REFILL_PER_PAIR_MS },
  callee: { burst: RING_BURST_PER_CALLEE, refillMs: RING_REFILL_PER_CALLEE_MS },
};

/** Of one-time prekeys: what is published for a day has to last for it. */
export const OPK_RATES: PairRates = {
  pair: { burst: OPK_BURST_PER_PAIR, refillMs: OPK_REFILL_PER_PAIR_MS },
  callee: { burst: OPK_BURST_PER_CALLEE, refillMs: OPK_REFILL_PER_CALLEE_MS },
};

/** Counts what is done. */
export interface PairCount {
  /** Counts one; false where it is one too many. */
  take(caller: AccountLabel, callee: AccountLabel, nowMs: number): boolean;
}

/** Nobody has done anything yet. */
export function pairCount({ pair, callee: all }: PairRates): PairCount {
  const pairs = keyedBuckets(pair);
  const callees = keyedBuckets(all);
  return {
    // A caller who has none left takes none from the others.
    take: (caller, callee, nowMs) =>
      pairs.take(`${caller} ${callee}`, nowMs) && callees.take(callee, nowMs),
  };
}
