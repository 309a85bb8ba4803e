/**
 * Calling an account: which of its connections hear a ring.
 *
 * Whoever is away hears it when they are back, and a device that can be woken when it comes. For which
 * devices a ring is, `ring.ts` decides.
 *
 * @module
 */

import { type AccountLabel } from "../crypto/account_label.ts";
import { type RingOffer } from "../wire/client_frames.ts";
import { type AckStatus } from "../wire/frames.ts";
import { RING_TTL_MS } from "../wire/limits.ts";
import { labelOf } from "./account.ts";
import { type Bus, deliveriesOf } from "./bus.ts";
import { type Connection } from "./connection.ts";
import { type Context } from "./context.ts";
import { type Send } from "./effect.ts";
import { ServiceError } from "./error.ts";
import { type Party } from "./identity.ts";
import { type PairCount } from "./pair_rate.ts";
import { requireExact, ringingOn, type RingRequest } from "./ring.ts";
import { type Whereabout, type Whereabouts } from "./whereabouts.ts";

/** What ringing works with. */
export interface RingingParts {
  readonly ctx: Context;
  /** How often somebody may be rung. */
  readonly rings: PairCount;
  readonly bus: Bus;
  readonly whereabouts: Whereabouts;
}

/** Rings an account, and answers what became of it. */
export type Ringing = (from: Connection, frame: RingRequest) => Promise<AckStatus>;

/** An account's party. */
type Caller = Extract<Party, { kind: "account" }>;

/** Rings by the rules. The ringing itself throws ServiceError and StoreError. */
export function openRinging({ ctx, rings, bus, whereabouts }: RingingParts): Ringing {
  /** The callee, once the ring is known to be for exactly its current devices. */
  async function calledAccount(from: Caller, frame: RingRequest): Promise<AccountLabel> {
    const label = labelOf(frame.to);
    const { account, device: deviceId, signing } = from;
    if (label === account) throw new ServiceError("self_call", "Nobody calls themselves");
    if (!await ctx.accounts.isCurrent({ account, deviceId, signing })) {
      throw new ServiceError("unknown_device", "This device is no longer one of the account");
    }
    const record = await ctx.accounts.record(label);
    if (record === null) throw new ServiceError("name_not_found", "Nobody has this name");
    requireExact(record, frame);
    return label;
  }

  /**
   * Keeps a ring for devices that can be woken, and wakes them; whether there are any.
   *
   * @throws ServiceError `offline` where there is none, and no other device of this frame hears it
   */
  async function wake(
    from: Caller,
    callee: AccountLabel,
    { id, common }: RingRequest,
    offers: readonly RingOffer[],
    { isHeard, isNoted }: { readonly isHeard: boolean; readonly isNoted: boolean },
  ): Promise<boolean> {
    const devices = offers.map((offer) => offer.device);
    const isWaiting = await ctx.push.canWake(callee, devices);
    const { account, device } = from;
    const ring = { from: account, device, id, common, offers, isWaiting, isNoted };
    if (isWaiting || isNoted) {
      try {
        await ctx.mailboxes.putRing(callee, ring);
      } catch (error) {
        // That nobody is there counts more than that it can't be noted.
        if (isWaiting || !(error instanceof ServiceError)) throw error;
      }
    }
    if (isWaiting) ctx.push.wake(callee, devices, RING_TTL_MS);
    else if (!isHeard) throw new ServiceError("offline", "No device of the account is connected");
    return isWaiting;
  }

  return async (from, frame) => {
    const { party } = from;
    if (party.kind !== "account") throw new ServiceError("forbidden", "A guest calls nobody");
    const { id, common, offers } = frame;
    const { account, device } = party;
    const callee = await calledAccount(party, frame);
    const connected = await whereabouts.of(callee);
    const reached = connected.filter((one) => offers.some((offer) => offer.device === one.device));
    const rung = ringingOn(from.rung, callee, common, offers);
    if (rung.size === 0 && !rings.take(account, callee, ctx.now())) {
      throw new ServiceError("rate_limited", "The account was rung too often: try again later");
    }
    from.rung = { callee, common, devices: new Set([...rung, ...offers.map((one) => one.device)]) };
    const ringing = offers.map(({ device: called, offer }): Send => {
      const to = reached.filter((one) => one.device === called);
      return { kind: "send", to, frame: { t: "ring", id, from: account, device, common, offer } };
    });
    const done = bus.publish(deliveriesOf(ringing));
    if (done !== null) await done;
    const missing = offers.filter((offer) =>
      !reached.some(({ device }) => device === offer.device)
    );
    const isStored = missing.length > 0 &&
      // A call has a frame for each device: it is missed where none of them is there.
      await wake(party, callee, frame, missing, {
        isHeard: reached.length > 0,
        isNoted: connected.length === 0,
      });
    return statusOf(reached, missing.length > 0 && !isStored);
  };
}

/** `stored` where nobody is there, `queued` where nobody is but whoever may come back. */
function statusOf(reached: readonly Whereabout[], isPartial: boolean): AckStatus {
  if (reached.length === 0) return "stored";
  if (isPartial) return "partial";
  return reached.every(({ isAway }) => isAway) ? "queued" : "relayed";
}
