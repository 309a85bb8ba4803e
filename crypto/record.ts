/**
 * The identity record of an account: which devices may speak for it, and who may say so next. It is
 * the value that the log commits to, and it is never public.
 *
 *     kind         follows on                    signed by exactly
 *     1 genesis    nothing                       self
 *     2 update     any but retire                self, a device of the record before
 *     3 recover    any but retire                self, the recovery key of the record before
 *     4 reset      any but retire                self, the operator
 *     5 retire     any but retire                a device of the record before, or the operator
 *     6 cancel     reset                         self, a device of the record before the reset
 *
 * "self" is a device of the new record. Signatures stand in the order of their roles. Genesis, recover
 * and reset hold exactly one device, a new one, so that nobody else can slip a device in: what they say
 * is signed by the only device there is. Any other record adds at most one.
 *
 *     number of a new device = version of the record that adds it, and 1
 *
 * So a number is never given twice, whatever was removed before, and there is always a next one. What
 * each byte means is `record_format.ts`, how records are issued `record_signing.ts`.
 *
 * @module
 */

import { type AccountId } from "./account_label.ts";
import { type Bytes, equal } from "./bytes.ts";
import { checkBinding, encodeDeviceEntry } from "./device_entry.ts";
import { CryptoError } from "./error.ts";
import { parseVerifyingKey, type VerifyingKey } from "./keys.ts";
import { ed25519Verify, HASH_BYTES, sha256 } from "./primitives.ts";
import {
  type BoundDevice,
  decodeSignedRecord,
  encodeBoundDevice,
  type IdentityRecord,
  recordHash,
  type RecordKind,
  type RecordRole,
  type RecordSignature,
  type SignedRecord,
} from "./record_format.ts";
import { signedMessage } from "./record_signing.ts";

export {
  type BoundDevice,
  decodeRecord,
  type IdentityRecord,
  MAX_RECORD_BYTES,
  recordHash,
  type RecordKind,
  type RecordRole,
  saysTheSame,
} from "./record_format.ts";
export {
  addSignature,
  nextRecord,
  type RecordChange,
  type RecordSigner,
  signGenesis,
  signRecord,
} from "./record_signing.ts";

const ZEROS: Bytes = new Uint8Array(HASH_BYTES);

/** A record whose form, place and signatures were checked for its account. */
export interface VerifiedRecord extends IdentityRecord {
  /** Whose record it is. */
  readonly account: AccountId;
  /** `recordHash` of its bytes. */
  readonly hash: Bytes;
  /** The SignedRecord as it was logged. */
  readonly bytes: Bytes;
  /** In a reset, the devices of the record before it, one of which may cancel it; else none. */
  readonly contesting: readonly BoundDevice[];
}

/** The signatures that each kind carries, no more and no fewer. */
const SIGNED_BY: Readonly<Record<RecordKind, readonly string[]>> = {
  genesis: ["self"],
  update: ["self previous"],
  recover: ["self recovery"],
  reset: ["self operator"],
  retire: ["previous", "operator"],
  cancel: ["self previous"],
};

/** The kinds after which one new device is all that the account has. */
const BEGINS_ANEW: ReadonlySet<RecordKind> = new Set<RecordKind>(["genesis", "recover", "reset"]);

/** The number of a device that a record of this version adds: 1 in a genesis. */
export function deviceNumber(version: number): number {
  return version + 1;
}

/**
 * Checks a record as the next of its account: its form, its place, every device's binding, and the
 * signatures that its kind asks for.
 *
 * @param operator the key in the log's CONFIG
 * @param before the record that it follows on, or null for the first
 * @throws CryptoError `malformed`, `bad_key`, `bad_record`, `bad_signature`
 */
export async function verifyNext(
  account: AccountId,
  operator: VerifyingKey,
  before: VerifiedRecord | null,
  bytes: Bytes,
): Promise<VerifiedRecord> {
  const signed = decodeSignedRecord(bytes);
  const { record, signatures } = signed;
  if (before === null) checkFirst(record);
  else checkFollows(record, before);
  checkAdded(record, before);
  if (!SIGNED_BY[record.kind].includes(signatures.map(({ role }) => role).join(" "))) {
    throw badRecord("The record has other signatures than its kind asks for");
  }
  await checkBindings(account, record);
  for (const signature of signatures) {
    const keys = keysOf(signature, record, operator, before);
    if (!await isSignedByOne(account, signed, signature, keys)) {
      throw new CryptoError("bad_signature", REFUSED[signature.role]);
    }
  }
  const contesting = record.kind === "reset" ? before!.devices : [];
  return { ...record, account, hash: recordHash(bytes), bytes, contesting };
}

/** Whether a verified record carries this key's signature in this role. */
export async function isSignedBy(
  { account, bytes }: VerifiedRecord,
  role: RecordRole,
  key: VerifyingKey,
): Promise<boolean> {
  const signed = decodeSignedRecord(bytes);
  const made = signed.signatures.find((signature) => signature.role === role);
  return made !== undefined && await isSignedByOne(account, signed, made, [key]);
}

const REFUSED: Readonly<Record<RecordRole, string>> = {
  self: "The record is not signed by a device it lists",
  previous: "The record is not signed by a device that may change it",
  recovery: "The record is not signed by the account's recovery key",
  operator: "The record is not signed by the log's operator",
};

function checkFirst(record: IdentityRecord): void {
  if (record.kind !== "genesis") throw badRecord("An account begins with a first record");
  if (record.version !== 0 || !equal(record.prev, ZEROS)) {
    throw badRecord("A first record has version 0 and none before it");
  }
}

function checkFollows(record: IdentityRecord, before: VerifiedRecord): void {
  const { kind } = record;
  if (kind === "genesis") throw badRecord("A first record follows on none");
  if (before.kind === "retire") throw badRecord("Nothing follows on a retired name");
  if (record.version !== before.version + 1 || !equal(record.prev, before.hash)) {
    throw badRecord("The record does not follow on the one before");
  }
  if (record.issuedMs < before.issuedMs) throw badRecord("The record is older than the one before");
  for (const { entry } of record.devices) {
    const held = before.devices.find((device) => device.entry.deviceId === entry.deviceId);
    if (held !== undefined && !equal(encodeDeviceEntry(held.entry), encodeDeviceEntry(entry))) {
      throw badRecord("A device's number now names another device");
    }
  }
  // Only an operator's word changes how the owner was authenticated.
  if ((kind === "update" || kind === "recover") && !equal(record.auth, before.auth)) {
    throw badRecord("The record changes how its owner was authenticated");
  }
  if (kind === "recover" && equal(before.recovery, ZEROS)) {
    throw badRecord("The record before names no recovery key");
  }
  if (kind === "cancel") checkBringsBack(record.devices, before.contesting);
  if (kind === "retire") {
    const isBare = record.auth.length === 0 && record.ext.length === 0 &&
      equal(record.recovery, ZEROS);
    if (!isBare) throw badRecord("A record that retires its name says nothing else");
  }
}

/** One device of a record at most is new, under the record's own number. */
function checkAdded(record: IdentityRecord, before: VerifiedRecord | null): void {
  // It brings devices back, under the numbers that they had.
  if (record.kind === "cancel") return;
  const held = new Set(before?.devices.map(({ entry }) => entry.deviceId));
  const added = record.devices.filter(({ entry }) => !held.has(entry.deviceId));
  if (BEGINS_ANEW.has(record.kind) && (record.devices.length !== 1 || added.length !== 1)) {
    throw badRecord("The record has to hold exactly one device, and a new one");
  }
  if (added.length > 1) throw badRecord("A record adds at most one device");
  if (added.some(({ entry }) => entry.deviceId !== deviceNumber(record.version))) {
    throw badRecord("A new device has another number than its record gives");
  }
}

function checkBringsBack(
  devices: readonly BoundDevice[],
  contesting: readonly BoundDevice[],
): void {
  // Where there is no reset to cancel, none contest it, and a record has devices.
  const isSame = devices.length === contesting.length &&
    devices.every((device, i) =>
      equal(encodeBoundDevice(device), encodeBoundDevice(contesting[i]!))
    );
  if (!isSame) throw badRecord("A cancelled reset brings back exactly the devices before it");
}

async function checkBindings(account: AccountId, { devices }: IdentityRecord): Promise<void> {
  const ids = new Set(devices.map(({ entry }) => entry.deviceId));
  if (ids.size !== devices.length) throw badRecord("Two devices of the record have one number");
  for (const { entry, binding } of devices) {
    if (!await checkBinding(account, entry, binding)) {
      throw new CryptoError("bad_signature", "A device did not agree to stand in this account");
    }
  }
}

/** The keys that may sign in this capacity. */
function keysOf(
  { role, signature }: RecordSignature,
  record: IdentityRecord,
  operator: VerifyingKey,
  before: VerifiedRecord | null,
): readonly VerifyingKey[] {
  switch (role) {
    case "self":
      return record.devices.map(({ entry }) => entry.signing);
    case "previous": {
      const devices = record.kind === "cancel" ? before!.contesting : before!.devices;
      return devices.map(({ entry }) => entry.signing);
    }
    case "recovery": {
      // The key travels in front of its signature; the record before holds its hash.
      const key = signature.slice(0, HASH_BYTES);
      return equal(sha256(key), before!.recovery) ? [parseVerifyingKey(key)] : [];
    }
    case "operator":
      return [operator];
  }
}

async function isSignedByOne(
  account: AccountId,
  { tbs }: SignedRecord,
  { role, signature }: RecordSignature,
  keys: readonly VerifyingKey[],
): Promise<boolean> {
  const message = signedMessage(account, role, tbs);
  const made = role === "recovery" ? signature.slice(HASH_BYTES) : signature;
  const verdicts = await Promise.all(keys.map((key) => ed25519Verify(key, message, made)));
  return verdicts.includes(true);
}

function badRecord(sentence: string): CryptoError {
  return new CryptoError("bad_record", sentence);
}
