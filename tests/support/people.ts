/**
 * People for tests: an account with one device, its record, and prekeys with both halves.
 *
 * Everything is made by the sources themselves, so a person is exactly what a client would be; what
 * a test wants wrong, it changes in a copy.
 *
 * @module
 */

import { type AccountId, parseAccountLabel } from "../../crypto/account_label.ts";
import {
  type Bundle,
  remoteDevice,
  type VerifiedBundle,
  verifyBundle,
} from "../../crypto/bundle.ts";
import { type Bytes } from "../../crypto/bytes.ts";
import { type DeviceEntry } from "../../crypto/device_entry.ts";
import {
  type AgreementKeyPair,
  type DeviceKeys,
  generateAgreementKeyPair,
  generateDeviceKeys,
  generateKemKeyPair,
  type KemKeyPair,
} from "../../crypto/keys.ts";
import {
  oneTimePrekey,
  oneTimeRoot,
  type PrekeySet,
  type SignedPrekeySet,
  signPrekeySet,
} from "../../crypto/prekey.ts";
import { signGenesis, type VerifiedRecord } from "../../crypto/record.ts";
import { answer, complete, confirm, finish } from "../../crypto/answer.ts";
import { accept, initiate, type LocalDevice, type UsedPrekeys } from "../../crypto/x3dh.ts";
import { type Session } from "../../crypto/session.ts";
import { asVerified, verifyGenesis } from "./records.ts";

/** The log that people of tests live in, where nothing else is asked for. */
export const ORIGIN = "countersign.example/kt/1";
/** The clock of tests, Unix milliseconds. */
export const NOW_MS = 1_790_000_000_000;
/** The room of tests: 32 bytes. */
export const ROOM: Bytes = new Uint8Array(32).fill(7);

const DAY_MS = 24 * 3_600_000;

/** A prekey set with the private halves of all its keys. */
export interface OwnPrekeys extends SignedPrekeySet {
  /** What the set says. */
  readonly fields: PrekeySet;
  /** The signed prekey. */
  readonly spk: AgreementKeyPair;
  /** The ML-KEM prekey. */
  readonly kpk: KemKeyPair;
  /** The one-time prekeys. */
  readonly opks: readonly AgreementKeyPair[];
}

/** A person with one device. */
export interface Person {
  /** Where the person is found. */
  readonly account: AccountId;
  /** The device's private keys. */
  readonly keys: DeviceKeys;
  /** The device. */
  readonly entry: DeviceEntry;
  /** The first record, verified. */
  readonly record: VerifiedRecord;
  /** The device as the handshake wants it. */
  readonly device: LocalDevice;
  /** The device's prekeys. */
  readonly prekeys: OwnPrekeys;
}

/** What a test may want of a person; the rest is made up. */
export interface PersonOptions {
  /** The log. */
  readonly origin?: string;
  /** The device's number. */
  readonly deviceId?: number;
  /** The device's keys. */
  readonly keys?: DeviceKeys;
  /** The device's name. */
  readonly name?: string;
  /** How many one-time prekeys. */
  readonly opkCount?: number;
  /** The clock, Unix milliseconds. */
  readonly nowMs?: number;
}

/** Makes a person of this name. */
export async function makePerson(name: string, options: PersonOptions = {}): Promise<Person> {
  const { origin = ORIGIN, deviceId = 1, opkCount = 4, nowMs = NOW_MS } = options;
  const account = { origin, label: parseAccountLabel(name) };
  const keys = options.keys ?? await generateDeviceKeys();
  const entry: DeviceEntry = {
    deviceId,
    signing: keys.signing.publicKey,
    identity: keys.identity.publicKey,
    addedMs: nowMs - DAY_MS,
    name: options.name ?? "laptop",
  };
  const bytes = await signGenesis(account, entry, keys, nowMs - DAY_MS);
  // A device that came later stands here alone, as no genesis has it.
  const record = deviceId === 1 ? await verifyGenesis(account, bytes) : asVerified(account, bytes);
  const device = { ...remoteDevice(record, deviceId), keys };
  const prekeys = await makePrekeys(device, opkCount, { notBeforeMs: nowMs - DAY_MS });
  return { account, keys, entry, record, device, prekeys };
}

/** Makes and signs a prekey set of a device; `overrides` replace single fields. */
export async function makePrekeys(
  device: LocalDevice,
  opkCount: number,
  overrides: Partial<PrekeySet> = {},
): Promise<OwnPrekeys> {
  const [spk, kpk, opks] = await Promise.all([
    generateAgreementKeyPair(),
    generateKemKeyPair(),
    Promise.all(Array.from({ length: opkCount }, () => generateAgreementKeyPair())),
  ]);
  const notBeforeMs = overrides.notBeforeMs ?? NOW_MS;
  const fields: PrekeySet = {
    deviceEntryHash: device.entryHash,
    setNumber: 1,
    notBeforeMs,
    notAfterMs: notBeforeMs + 14 * DAY_MS,
    spkId: 1,
    spk: spk.publicKey,
    kpkId: 1,
    kpk: kpk.publicKey,
    opkCount,
    opkRoot: oneTimeRoot(opks.map(({ publicKey }) => publicKey)),
    ...overrides,
  };
  const signed = await signPrekeySet(fields, device.keys.signing);
  return { ...signed, fields, spk, kpk, opks };
}

/** A person's bundle as a server would hand it over. @param index of the one-time prekey, or null */
export function bundleOf(person: Person, index: number | null = null): Bundle {
  const { set, signature, opks } = person.prekeys;
  const keys = opks.map(({ publicKey }) => publicKey);
  const opk = index === null ? null : oneTimePrekey(keys, index);
  return { deviceId: person.entry.deviceId, set, signature, opk };
}

/** A person's bundle as a caller believes it. @param index of the one-time prekey, or null */
export function verifiedBundleOf(
  person: Person,
  index: number | null = null,
): Promise<VerifiedBundle> {
  return verifyBundle(person.record, bundleOf(person, index), NOW_MS, null);
}

/** The private prekeys that an offer to a person used. @param index of the one-time prekey, or null */
export function usedPrekeysOf(person: Person, index: number | null = null): UsedPrekeys {
  const { set, spk, kpk, opks } = person.prekeys;
  return { setBytes: set, spk, kpk, opk: index === null ? null : opks[index]! };
}

/** The whole handshake between two people, with empty payloads. */
export async function connect(
  caller: Person,
  callee: Person,
): Promise<{ caller: Session; callee: Session }> {
  const none = new Uint8Array(0);
  const bundle = await verifiedBundleOf(callee);
  const input = { room: ROOM, nowMs: NOW_MS, ttlS: 60, payload: none };
  const { common, offers: [sealed] } = await initiate(caller.device, [bundle], input);
  const message = { common, offer: sealed!.offer, nowMs: NOW_MS };
  const { accepted } = await accept(callee.device, usedPrekeysOf(callee), caller.device, message);
  const answered = await answer(accepted, none);
  const finished = await finish(sealed!.pending, answered.answer);
  const confirmed = await confirm(finished.unconfirmed, none);
  const completed = await complete(answered.unconfirmed, confirmed.confirm);
  return { caller: confirmed.session, callee: completed.session };
}

/** A copy with one bit flipped. */
export function flipped(bytes: Uint8Array, bit: number): Bytes {
  const copy = Uint8Array.from(bytes);
  copy[bit >> 3]! ^= 1 << (bit & 7);
  return copy;
}
