/**
 * A device's bundle: all that a caller needs to seal an offer to it.
 *
 * `Bundle` is what a server handed over; `VerifiedBundle` is what `verifyBundle` made of it against
 * a record that the log proved. Nothing else can make one.
 *
 * @module
 */

import { type AccountId } from "./account_label.ts";
import { type Bytes } from "./bytes.ts";
import { type DeviceEntry, deviceEntryHash } from "./device_entry.ts";
import { CryptoError } from "./error.ts";
import {
  checkOneTimePrekey,
  checkPrekeyValidity,
  type OneTimePrekey,
  type PrekeySet,
  prekeySetHash,
  requireDistinct,
  type SignedPrekeySet,
  verifyPrekeySet,
} from "./prekey.ts";
import { type VerifiedRecord } from "./record.ts";

/** A bundle as a server gave it: nothing of it is believed. */
export interface Bundle extends SignedPrekeySet {
  /** Which device of the account. */
  readonly deviceId: number;
  /** A one-time prekey, or null when the device ran out. */
  readonly opk: OneTimePrekey | null;
}

/** A device of somebody else, as the log proved it. */
export interface RemoteDevice {
  /** Whose device. */
  readonly account: AccountId;
  /** Its entry in the record. */
  readonly entry: DeviceEntry;
  /** `deviceEntryHash` of the entry. */
  readonly entryHash: Bytes;
  /** `recordHash` of the record it stands in. */
  readonly recordHash: Bytes;
}

declare const verified: unique symbol;

/** A bundle whose every part was checked. */
export interface VerifiedBundle extends RemoteDevice {
  /** The set. */
  readonly set: PrekeySet;
  /** The set's exact bytes, which the transcript takes. */
  readonly setBytes: Bytes;
  /** `prekeySetHash` of the set. */
  readonly setHash: Bytes;
  /** The one-time prekey, or null. */
  readonly opk: OneTimePrekey | null;
  readonly [verified]: true;
}

/** A device of a proven record. @throws CryptoError `bad_record` when the record lists no such one */
export function remoteDevice(record: VerifiedRecord, deviceId: number): RemoteDevice {
  const device = record.devices.find(({ entry }) => entry.deviceId === deviceId);
  if (device === undefined) {
    throw new CryptoError("bad_record", "The record lists no such device");
  }
  const { account, hash } = record;
  const entryHash = deviceEntryHash(account, device.entry);
  return { account, entry: device.entry, entryHash, recordHash: hash };
}

/**
 * Checks a bundle against a proven record, in the order of the protocol: the device is in the
 * record, the set is signed by it, valid now, not older than one seen before, the one-time prekey
 * leads to the set, and no key is there for two purposes.
 *
 * @param seenSetNumber the highest set number seen of this device, or null
 * @throws CryptoError `bad_record`, `bad_prekeys`, `expired_prekeys`, `malformed`, `bad_key`,
 * `bad_proof`
 */
export async function verifyBundle(
  record: VerifiedRecord,
  bundle: Bundle,
  nowMs: number,
  seenSetNumber: number | null,
): Promise<VerifiedBundle> {
  const device = remoteDevice(record, bundle.deviceId);
  const set = await verifyPrekeySet(bundle, {
    entryHash: device.entryHash,
    signing: device.entry.signing,
  });
  checkPrekeyValidity(set, nowMs);
  if (seenSetNumber !== null && set.setNumber < seenSetNumber) {
    throw new CryptoError("bad_prekeys", "The prekey set is older than one seen before");
  }
  if (bundle.opk !== null) checkOneTimePrekey(set, bundle.opk);
  const opks = bundle.opk === null ? [] : [bundle.opk.key];
  requireDistinct([device.entry.identity, set.spk, ...opks]);
  const setHash = prekeySetHash(bundle.set);
  return { ...device, set, setBytes: bundle.set, setHash, opk: bundle.opk } as VerifiedBundle;
}
