/**
 * What one connection may ask of the others: so many joins, and so many deliveries of what it sends.
 *
 * A frame that is refused costs nothing, and may be tried again.
 *
 * @module
 */

import { ServiceError } from "../core/error.ts";
import { type Relay } from "../core/relay.ts";
import { type Rate, type TokenBucket, tokenBucket } from "../core/token_bucket.ts";
import { type ClientFrame } from "../wire/frames.ts";
import { FAN_OUT_BURST, FAN_OUT_PER_SECOND, JOIN_BURST, JOINS_PER_SECOND } from "../wire/limits.ts";

/** How often. */
export interface AllowanceRates {
  /** Joins. */
  readonly joins: Rate;
  /** Deliveries: one for each receiver of what is sent. */
  readonly deliveries: Rate;
}

/** Those of the protocol. */
export const ALLOWANCE: AllowanceRates = {
  joins: { burst: JOIN_BURST, refillMs: 1_000 / JOINS_PER_SECOND },
  deliveries: { burst: FAN_OUT_BURST, refillMs: 1_000 / FAN_OUT_PER_SECOND },
};

/** The allowance of one connection. */
export interface Allowance {
  /** Takes what a frame costs; false where so much is not left. */
  covers(frame: ClientFrame, nowMs: number): boolean;
}

/** A whole allowance. */
export function openAllowance(
  rates: AllowanceRates,
  relay: Pick<Relay, "membersOf">,
): Allowance {
  // Made when they are first asked for: most connections that wait ask for nothing.
  let joins: TokenBucket | null = null;
  let deliveries: TokenBucket | null = null;
  return {
    covers(frame, nowMs) {
      if (frame.t === "join") {
        joins ??= tokenBucket(rates.joins, nowMs);
        return joins.take(nowMs);
      }
      if (frame.t !== "signal" && frame.t !== "meta") return true;
      deliveries ??= tokenBucket(rates.deliveries, nowMs);
      return deliveries.take(nowMs, receiversOf(frame, relay));
    },
  };
}

function receiversOf(
  frame: Extract<ClientFrame, { t: "signal" | "meta" }>,
  relay: Pick<Relay, "membersOf">,
): number {
  if (frame.t === "meta" || frame.to === "*") return relay.membersOf(frame.room);
  return typeof frame.to === "string" ? 1 : frame.to.length;
}

/** How a frame is refused that is not covered. */
export function tooOften(): ServiceError {
  return new ServiceError("rate_limited", "This connection does this too often: try again later");
}
