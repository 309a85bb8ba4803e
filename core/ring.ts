/**
 * For which devices a ring is: exactly those that the callee has now, over as many frames as it takes.
 *
 *     devices    all of the account as the caller knows it, the same in every frame of a call
 *     offers     for some of these, one each; a device without prekeys gets none
 *
 * A ring for another list is refused whole, so that the caller looks the callee up again: otherwise a
 * device that was removed would be rung, or a new one left out in silence.
 *
 * @module
 */

import { type AccountLabel } from "../crypto/account_label.ts";
import { type IdentityRecord } from "../crypto/record.ts";
import { type ClientFrame, type RingOffer } from "../wire/client_frames.ts";
import { ServiceError } from "./error.ts";

/** A ring as it comes in. */
export type RingRequest = Extract<ClientFrame, { t: "ring" }>;

/** A call, and the devices where it rings. */
export interface Rung {
  readonly callee: AccountLabel;
  readonly common: string;
  readonly devices: ReadonlySet<number>;
}

/**
 * Requires that a ring names the devices of a record, no more and no fewer, and that its offers are for
 * devices that it names.
 *
 * @throws ServiceError `extra_devices`, `stale_devices`, `missing_devices`, the first that is true
 */
export function requireExact(
  { version, devices: current }: Pick<IdentityRecord, "version" | "devices">,
  { devices, offers }: RingRequest,
): void {
  const has = new Set(current.map(({ entry }) => entry.deviceId));
  const named = new Set(devices);
  const offered = new Set(offers.map(({ device }) => device));
  const isTwice = named.size !== devices.length || offered.size !== offers.length;
  if (isTwice || !offered.isSubsetOf(named)) {
    throw new ServiceError("extra_devices", "The offers are not one for each device of the list");
  }
  // A record gives the number above its version, if any, and none is given twice: no higher one was.
  if (devices.some((device) => device < 1 || device > version + 1)) {
    throw new ServiceError("extra_devices", "The ring names a device that the account never had");
  }
  if (!named.isSubsetOf(has)) {
    throw new ServiceError("stale_devices", "The ring names a device that the account has no more");
  }
  if (!has.isSubsetOf(named)) {
    throw new ServiceError("missing_devices", "The ring leaves out a device of the account");
  }
}

/** Where a call rings already; nowhere, where the offers are for another call or for one of those. */
export function ringingOn(
  rung: Rung | null,
  callee: AccountLabel,
  common: string,
  offers: readonly RingOffer[],
): ReadonlySet<number> {
  const goesOn = rung !== null && rung.callee === callee && rung.common === common &&
    offers.every(({ device }) => !rung.devices.has(device));
  return goesOn ? rung.devices : new Set();
}
