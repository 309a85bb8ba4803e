/**
 * What a connection may ask of the others: so many joins, and so many deliveries of what it sends; and
 * how often somebody's connections are gone on with, since each time their rooms hear `away` and `back`.
 *
 * An allowance outlives the sockets of its connection. Whoever makes a fresh connection each time has
 * another one, so there is one for all connections of an identity too: as much as it may have at once. A
 * frame that is refused costs nothing, and may be tried again.
 *
 * @module
 */

import { type Connection } from "../core/connection.ts";
import { ServiceError } from "../core/error.ts";
import { type Party } from "../core/identity.ts";
import { type Relay } from "../core/relay.ts";
import { keyedBuckets, type Rate, type TokenBucket, tokenBucket } from "../core/token_bucket.ts";
import { type ClientFrame } from "../wire/client_frames.ts";
import {
  FAN_OUT_BURST,
  FAN_OUT_PER_SECOND,
  JOIN_BURST,
  JOINS_PER_SECOND,
  MAX_CONNECTIONS_PER_ACCOUNT,
  RESUME_BURST,
  RESUME_REFILL_MS,
} from "../wire/limits.ts";

/** How often. */
export interface AllowanceRates {
  /** Joins. */
  readonly joins: Rate;
  /** Deliveries: one for each receiver of what is sent. */
  readonly deliveries: Rate;
  /** Resumes, of all connections of an identity together. */
  readonly resumes: Rate;
}

/** Those of the protocol. */
export const ALLOWANCE: AllowanceRates = {
  joins: { burst: JOIN_BURST, refillMs: 1_000 / JOINS_PER_SECOND },
  deliveries: { burst: FAN_OUT_BURST, refillMs: 1_000 / FAN_OUT_PER_SECOND },
  resumes: { burst: RESUME_BURST, refillMs: RESUME_REFILL_MS },
};

/** The allowances of all connections. */
export interface Allowances {
  /** Takes what a frame costs; false where so much is not left. */
  covers(from: Connection, frame: ClientFrame, relay: Members, nowMs: number): boolean;
  /** Takes one resume; false where none is left. */
  coversResume(party: Party, nowMs: number): boolean;
}

type Members = Pick<Relay, "membersOf">;

/** Nobody has used any of it. */
export function openAllowances({ joins, deliveries, resumes }: AllowanceRates): Allowances {
  const takeJoins = counting(joins);
  const takeDeliveries = counting(deliveries);
  // By identity: a connection that moves between instances, or is made anew, brings no fresh one along.
  const resumesOf = keyedBuckets(resumes);
  return {
    covers(from, frame, relay, nowMs) {
      if (frame.t === "join") return takeJoins(from, 1, nowMs);
      const { t } = frame;
      if (t !== "signal" && t !== "meta") return true;
      const isToAll = t === "meta" || frame.to === "*";
      if (isToAll) return takeDeliveries(from, relay.membersOf(frame.room), nowMs);
      return takeDeliveries(from, typeof frame.to === "string" ? 1 : frame.to.length, nowMs);
    },
    coversResume: ({ identity }, nowMs) => resumesOf.take(identity, nowMs),
  };
}

/** Takes from what a connection has, and from what its identity has; from neither where one has too little. */
function counting(rate: Rate): (from: Connection, count: number, nowMs: number) => boolean {
  const ofOne = new WeakMap<Connection, TokenBucket>();
  const ofAll = keyedBuckets({
    burst: MAX_CONNECTIONS_PER_ACCOUNT * rate.burst,
    refillMs: rate.refillMs / MAX_CONNECTIONS_PER_ACCOUNT,
  });
  return (from, count, nowMs) => {
    const { party: { identity } } = from;
    const bucket = ofOne.get(from) ?? tokenBucket(rate, nowMs);
    ofOne.set(from, bucket);
    if (ofAll.left(identity, nowMs) < count || !bucket.take(nowMs, count)) return false;
    return ofAll.take(identity, nowMs, count);
  };
}

/** How a frame is refused that is not covered. */
export function tooOften(): ServiceError {
  return new ServiceError("rate_limited", "This connection does this too often: try again later");
}
