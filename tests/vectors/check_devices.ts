/**
 * Devices and records of `devices.json`: built again, signed again, and verified.
 *
 * @module
 */

import { parseAccountLabel } from "../../crypto/account_label.ts";
import { equal } from "../../crypto/bytes.ts";
import {
  bindDevice,
  checkBinding,
  type DeviceEntry,
  deviceEntryHash,
  encodeDeviceEntry,
} from "../../crypto/device_entry.ts";
import { type DeviceKeys } from "../../crypto/keys.ts";
import { remoteDevice } from "../../crypto/bundle.ts";
import { signGenesis, signRecord, type VerifiedRecord, verifyNext } from "../../crypto/record.ts";
import { type LocalDevice } from "../../crypto/x3dh.ts";
import { fromHex } from "../support/hex.ts";
import { agreementKeyPair, signingKeyPair } from "./private_keys.ts";
import { type Tally } from "./tally.ts";

/** `devices.json`. */
export interface DeviceVectors {
  readonly devices: readonly DeviceVector[];
  readonly records: readonly RecordVector[];
}

interface DeviceVector {
  readonly name: string;
  readonly origin: string;
  readonly label: string;
  readonly device_id: number;
  readonly signing_seed: string;
  readonly signing_key: string;
  readonly identity_private: string;
  readonly identity_key: string;
  readonly added_ms: number;
  readonly device_name: string;
  readonly entry: string;
  readonly entry_hash: string;
  readonly binding: string;
}

interface RecordVector {
  readonly label: string;
  readonly version: number;
  readonly devices: readonly string[];
  readonly record: string;
  readonly record_hash: string;
}

/** The devices of the vectors with their keys, and their accounts' records, oldest first. */
export interface People {
  /** By the vectors' names. */
  readonly devices: ReadonlyMap<string, LocalDevice>;
  /** By label. */
  readonly records: ReadonlyMap<string, readonly VerifiedRecord[]>;
}

/** What the newest record says of a device. */
export function deviceOf(people: People, name: string): LocalDevice {
  return found(people.devices, name);
}

/** The newest record of a device's account. */
export function newestRecord(people: People, { account }: LocalDevice): VerifiedRecord {
  return found(people.records, account.label).at(-1)!;
}

/** Makes the people of the vectors, checking nothing that their parsers do not. */
export async function makePeople(vectors: DeviceVectors): Promise<People> {
  const records = new Map<string, VerifiedRecord[]>();
  for (const { label, record } of vectors.records) {
    const { origin, signing_seed } = vectors.devices.find((device) => device.label === label)!;
    // No record here is the operator's, so any key may stand for that one.
    const operator = (await signingKeyPair(signing_seed)).publicKey;
    const account = { origin, label: parseAccountLabel(label) };
    const before = records.get(label) ?? [];
    const next = await verifyNext(account, operator, before.at(-1) ?? null, fromHex(record));
    records.set(label, [...before, next]);
  }
  const devices = new Map<string, LocalDevice>();
  for (const vector of vectors.devices) {
    const keys = await keysOf(vector);
    const record = found(records, vector.label).at(-1)!;
    devices.set(vector.name, { ...remoteDevice(record, vector.device_id), keys });
  }
  return { devices, records };
}

/** Checks devices and records. */
export async function checkDevices(vectors: DeviceVectors, tally: Tally): Promise<void> {
  for (const vector of vectors.devices) {
    await tally.check(`device ${vector.name}`, (at) => checkDevice(vector, tally, at));
  }
  const people = await makePeople(vectors);
  for (const vector of vectors.records) {
    const name = `record ${vector.version} of ${vector.label}`;
    await tally.check(name, (at) => checkRecord(people, vector, tally, at));
  }
}

async function checkDevice(vector: DeviceVector, tally: Tally, at: string): Promise<void> {
  const account = { origin: vector.origin, label: parseAccountLabel(vector.label) };
  const keys = await keysOf(vector);
  const entry: DeviceEntry = {
    deviceId: vector.device_id,
    signing: keys.signing.publicKey,
    identity: keys.identity.publicKey,
    addedMs: vector.added_ms,
    name: vector.device_name,
  };
  tally.same(`${at}: Ed25519`, entry.signing, vector.signing_key);
  tally.same(`${at}: X25519`, entry.identity, vector.identity_key);
  tally.same(`${at}: entry`, encodeDeviceEntry(entry), vector.entry);
  tally.same(`${at}: hash`, deviceEntryHash(account, entry), vector.entry_hash);
  tally.same(`${at}: binding`, await bindDevice(account, entry, keys.signing), vector.binding);
  const binds = await checkBinding(account, entry, fromHex(vector.binding));
  tally.same(`${at}: binding verifies`, binds, true);
}

async function checkRecord(
  people: People,
  vector: RecordVector,
  tally: Tally,
  at: string,
): Promise<void> {
  const record = found(people.records, vector.label).find(({ bytes }) =>
    equal(bytes, fromHex(vector.record))
  )!;
  const { keys, entry } = deviceOf(people, vector.devices[0]!);
  tally.same(`${at}: hash`, record.hash, vector.record_hash);
  tally.same(`${at}: version`, record.version, vector.version);
  const names = record.devices.map(({ entry }) => `${vector.label}/${entry.deviceId}`);
  tally.same(`${at}: devices`, names.join(), vector.devices.join());
  const { account, issuedMs } = record;
  const signer = { role: "self", signing: keys.signing } as const;
  const ours = vector.version === 0
    ? await signGenesis(account, entry, keys, issuedMs)
    : await signRecord(account, record, [signer, { ...signer, role: "previous" }]);
  tally.same(`${at}: signed`, ours, vector.record);
}

async function keysOf(vector: DeviceVector): Promise<DeviceKeys> {
  return {
    signing: await signingKeyPair(vector.signing_seed),
    identity: await agreementKeyPair(vector.identity_private),
  };
}

function found<T>(map: ReadonlyMap<string, T>, name: string): T {
  const value = map.get(name);
  if (value === undefined) throw new Error(`The vectors have no ${name}`);
  return value;
}
