/**
 * The devices of an account, and changing them: one update of the record, signed by this device.
 *
 *     remove    the record without a device; what it signed in with ends with the next head
 *     rotate    this device under a new number with new keys, the old ones gone
 *     add       `link.ts`, with `addDevice` here
 *
 * A record adds one device at most, and the record's version gives its number.
 *
 * @module
 */

import { type AccountId } from "../crypto/account_label.ts";
import { equal } from "../crypto/bytes.ts";
import { bindDevice } from "../crypto/device_entry.ts";
import { type DeviceKeys, generateDeviceKeys, type SigningKeyPair } from "../crypto/keys.ts";
import {
  type BoundDevice,
  deviceNumber,
  nextRecord,
  type RecordChange,
  signRecord,
  type VerifiedRecord,
} from "../crypto/record.ts";
import {
  ACCOUNT,
  type Account,
  accountOf,
  followRecord,
  newEntry,
  NEXT,
  type StoredAccount,
  storedOf,
} from "./account.ts";
import { change, forget, keep, readCell } from "./cell.ts";
import { submitRecord } from "./directory.ts";
import { ClientError } from "./error.ts";
import { forgetPrekeys, SETS } from "./prekey_sets.ts";
import { type World } from "./world.ts";

/** Most devices of an account. */
const MAX_DEVICES = 8;
/** How often an update is made anew because another device was faster; each of seven others may be. */
const RETRIES = 7;

/** The number that a device of the next record gets. */
export function nextDeviceId({ version }: VerifiedRecord): number {
  return deviceNumber(version + 1);
}

/**
 * Adds a device that agreed to stand in the record that follows on the account's, and changes nothing else.
 *
 * @throws ClientError `record_conflict` where another record follows on it
 */
export async function addDevice(
  world: World,
  account: Account,
  device: BoundDevice,
): Promise<Account> {
  const { devices } = account.record;
  if (devices.length >= MAX_DEVICES) {
    throw new ClientError("refused", `An account has at most ${MAX_DEVICES} devices`);
  }
  const { signing } = account.self.keys;
  const update = { devices: [...devices, device] };
  const bytes = await signUpdate(account, update, signing, world.now());
  const { record } = await submitRecord(world.http, world.trust, account.label, bytes);
  if (!record.devices.some((held) => isSame(held, device))) {
    throw new ClientError("proof_invalid", "The log holds another record");
  }
  return await followRecord(world.store, account, record);
}

/** Removes another device of the account. @throws ClientError `refused` where it is none of it */
export async function removeDevice(world: World, deviceId: number): Promise<Account> {
  if (deviceId === world.account.self.entry.deviceId) {
    throw new ClientError("refused", "A device does not remove itself: another one does");
  }
  const without = (devices: readonly BoundDevice[]): readonly BoundDevice[] =>
    devices.filter(({ entry }) => entry.deviceId !== deviceId);
  return await updateRecord(world, ({ devices }) => {
    if (without(devices).length === devices.length) {
      throw new ClientError("refused", "The account has no such device");
    }
    return { devices: without(devices) };
  }, ({ devices }) => without(devices).length === devices.length);
}

/** What an update changes. */
type Update = Pick<RecordChange, "devices" | "recovery">;

/**
 * Submits an update; anew upon the newer record where another device was faster.
 *
 * @param decide what the next record says, or null where the newest one does as it is
 * @param isDone whether a record says what was wanted
 */
export async function updateRecord(
  world: World,
  decide: (record: VerifiedRecord) => Update | null,
  isDone: (record: VerifiedRecord) => boolean,
): Promise<Account> {
  for (let attempt = 0;; attempt++) {
    // What is changed is the newest record, whoever made it.
    const account = await world.refresh();
    const wanted = decide(account.record);
    if (wanted === null) return account;
    const bytes = await signUpdate(account, wanted, account.self.keys.signing, world.now());
    try {
      const { record } = await submitRecord(world.http, world.trust, account.label, bytes);
      if (!isDone(record)) throw new ClientError("proof_invalid", "The log holds another record");
      return await followRecord(world.store, account, record);
    } catch (error) {
      const isLate = error instanceof ClientError && error.problem === "record_conflict";
      if (!isLate || attempt === RETRIES) throw error;
    }
  }
}

/** The next record, signed by this device for the record before and by `self` for this one. */
async function signUpdate(
  account: Account,
  wanted: Update,
  self: SigningKeyPair,
  issuedMs: number,
): Promise<StoredAccount["record"]> {
  const record = nextRecord(account.record, { ...wanted, kind: "update", issuedMs });
  return await signRecord(account.record.account, record, [
    { role: "self", signing: self },
    { role: "previous", signing: account.self.keys.signing },
  ]);
}

/**
 * Gives this device new keys, under a new number. The old ones are kept until the log has the new ones.
 *
 * @throws ClientError `record_conflict` where another device was faster
 */
export async function rotateKeys(world: World): Promise<Account> {
  const { store, now } = world;
  const account = await world.refresh();
  const { self, record } = account;
  const keys = await generateDeviceKeys(store.extractable);
  const entry = newEntry(nextDeviceId(record), keys, now(), self.entry.name);
  const own: BoundDevice = {
    entry,
    binding: await bindDevice(record.account, entry, keys.signing),
  };
  const devices = record.devices.map((held) =>
    held.entry.deviceId === self.entry.deviceId ? own : held
  );
  const bytes = await signUpdate(account, { devices }, keys.signing, now());
  await change(store, [NEXT], () => {
    const next = storedOf(account.label, entry.deviceId, keys, bytes);
    return { changes: keep(NEXT, next), result: undefined };
  });
  const rotated = await finishRotation(world);
  if (rotated === null) throw new ClientError("record_conflict", "Another device was faster");
  return rotated;
}

/**
 * Sends the record of a rotation that was begun, until its fate is known: the account under its new
 * keys, or null where there is none, or it came to nothing.
 */
export async function finishRotation(
  world: Pick<World, "store" | "http" | "trust">,
): Promise<Account | null> {
  const { store, http, trust } = world;
  const next = await readCell(store, NEXT);
  if (next === null) return null;
  try {
    const { record } = await submitRecord(http, trust, next.label, next.record);
    const registered = { ...next, record: record.bytes };
    const account = accountOf(registered, trust.origin);
    await change(store, [ACCOUNT, NEXT, SETS], ([, , sets]) => {
      const changes = { ...keep(ACCOUNT, registered), ...forget(NEXT), ...forgetPrekeys(sets) };
      return { changes, result: undefined };
    });
    http.forgetToken();
    return account;
  } catch (error) {
    const isOver = error instanceof ClientError &&
      (error.problem === "record_conflict" || error.problem === "bad_record");
    if (!isOver) throw error;
    await change(store, [NEXT], () => ({ changes: forget(NEXT), result: undefined }));
    return null;
  }
}

function isSame(a: BoundDevice, b: BoundDevice): boolean {
  return a.entry.deviceId === b.entry.deviceId && equal(a.binding, b.binding);
}

/** Makes the entry of a device that joins, and its own agreement to it. */
export async function bindNew(
  account: AccountId,
  keys: DeviceKeys,
  place: { readonly deviceId: number; readonly addedMs: number; readonly name: string },
): Promise<BoundDevice> {
  const entry = newEntry(place.deviceId, keys, place.addedMs, place.name);
  return { entry, binding: await bindDevice(account, entry, keys.signing) };
}
