/**
 * The devices of an account, as an application shows them.
 *
 * @module
 */

import { type Account } from "./account.ts";

/** One device of this account. */
export interface DeviceInfo {
  /** Its number, which no other device of the account ever gets. */
  readonly id: number;
  /** What its owner calls it. */
  readonly name: string;
  /** When it was added, Unix milliseconds. */
  readonly addedMs: number;
  /** Whether it is this one. */
  readonly isThis: boolean;
}

/** The devices of an account, in the order of their numbers. */
export function devicesOf({ record, self }: Account): readonly DeviceInfo[] {
  return record.devices.map(({ entry: { deviceId, name, addedMs } }) => {
    return { id: deviceId, name, addedMs, isThis: deviceId === self.entry.deviceId };
  }).sort((a, b) => a.id - b.id);
}
