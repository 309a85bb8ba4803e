/**
 * The identity record of an account: which devices may speak for it. It is the value that the log
 * commits to, and it is never public.
 *
 *     SignedRecord = RecordTBS || u8 count || count x (u8 role || v16 signature)
 *     RecordTBS    = u8 fmt=1 || u8 kind || u32 version || u64 issued_ms || prev[32]
 *                    || u8 count || count x (DeviceEntry || binding[64])
 *                    || recovery[32] || v16 auth || v16 ext
 *     signature    over "record-signature" || u8 role || v8 origin || v8 label || RecordTBS
 *
 * @module
 */

import { type AccountId, encodeAccountId } from "./account_label.ts";
import { type Bytes, equal } from "./bytes.ts";
import { Reader, Writer } from "./codec.ts";
import {
  bindDevice,
  checkBinding,
  type DeviceEntry,
  encodeDeviceEntry,
  readDeviceEntry,
} from "./device_entry.ts";
import { CryptoError } from "./error.ts";
import { type DeviceKeys } from "./keys.ts";
import { labelled } from "./labels.ts";
import { ed25519Sign, ed25519Verify, HASH_BYTES, sha256, SIGNATURE_BYTES } from "./primitives.ts";

/** Most devices of one account. */
const MAX_DEVICES = 8;
/** Longest SignedRecord in bytes: eight devices, two 4 KiB fields, four signatures. */
export const MAX_RECORD_BYTES = 16_384;

const MAX_FIELD_BYTES = 4_095;
const MAX_SIGNATURES = 4;
const MAX_SIGNATURE_BYTES = 8_191;
const ZEROS = new Uint8Array(HASH_BYTES);

/** Why a record was issued. */
export type RecordKind = "genesis" | "update" | "recover" | "reset" | "retire";
const KINDS: readonly RecordKind[] = ["genesis", "update", "recover", "reset", "retire"];

/** In which capacity a key signed a record. */
export type RecordRole = "self" | "previous" | "recovery" | "operator";
const ROLES: readonly RecordRole[] = ["self", "previous", "recovery", "operator"];

/** A device together with its own signature over its entry. */
export interface BoundDevice {
  /** The entry. */
  readonly entry: DeviceEntry;
  /** `bindDevice` of the entry: 64 bytes. */
  readonly binding: Bytes;
}

/** A decoded record; says nothing yet about its signatures. */
export interface IdentityRecord {
  /** Why it was issued. */
  readonly kind: RecordKind;
  /** 0 for genesis, then one more each time. */
  readonly version: number;
  /** When its owner issued it, Unix milliseconds. */
  readonly issuedMs: number;
  /** `recordHash` of the record before, zeros for genesis. */
  readonly prev: Bytes;
  /** The devices that may speak for the account, 1 to 8. */
  readonly devices: readonly BoundDevice[];
  /** SHA-256 of the recovery key, or zeros. */
  readonly recovery: Bytes;
  /** How the operator authenticated the owner. */
  readonly auth: Bytes;
  /** Extensions; empty in this version. */
  readonly ext: Bytes;
}

/** A record whose form and signatures were checked for its account. */
export interface VerifiedRecord extends IdentityRecord {
  /** Whose record it is. */
  readonly account: AccountId;
  /** `recordHash` of its bytes. */
  readonly hash: Bytes;
  /** The SignedRecord as it was logged. */
  readonly bytes: Bytes;
}

interface RecordSignature {
  readonly role: RecordRole;
  readonly signature: Bytes;
}

/** The name of a SignedRecord: `SHA-256("record" || SignedRecord)`. */
export function recordHash(signedRecord: Bytes): Bytes {
  return sha256(labelled("record", signedRecord));
}

/** The first record of an account, signed by its first device. */
export async function signGenesis(
  account: AccountId,
  entry: DeviceEntry,
  keys: DeviceKeys,
  issuedMs: number,
): Promise<Bytes> {
  const binding = await bindDevice(account, entry, keys.signing);
  const tbs = encodeTbs({
    kind: "genesis",
    version: 0,
    issuedMs,
    prev: ZEROS,
    devices: [{ entry, binding }],
    recovery: ZEROS,
    auth: new Uint8Array(0),
    ext: new Uint8Array(0),
  });
  const message = signedMessage(account, "self", tbs);
  const signature = await ed25519Sign(keys.signing.privateKey, message);
  return new Writer().raw(tbs).u8(1).u8(roleByte("self")).v16(signature).bytes();
}

/**
 * Checks the first record of an account: its form, every device's binding, and that one of its own
 * devices signed it.
 *
 * @throws CryptoError `malformed`, `bad_key`, `bad_record`, `bad_signature`
 */
export async function verifyGenesis(account: AccountId, bytes: Bytes): Promise<VerifiedRecord> {
  const { record, tbs, signatures } = decodeSignedRecord(bytes);
  if (record.kind !== "genesis") {
    throw new CryptoError("bad_record", "Only first records are understood by this version");
  }
  if (record.version !== 0 || !equal(record.prev, ZEROS)) {
    throw new CryptoError("bad_record", "A first record has version 0 and none before it");
  }
  await checkBindings(account, record);
  const self = signatures.filter(({ role }) => role === "self");
  if (self.length !== 1 || signatures.length !== 1) {
    throw new CryptoError("bad_record", "A first record has exactly one signature, its own");
  }
  const message = signedMessage(account, "self", tbs);
  const verdicts = await Promise.all(
    record.devices.map(({ entry }) => ed25519Verify(entry.signing, message, self[0]!.signature)),
  );
  if (!verdicts.includes(true)) {
    throw new CryptoError("bad_signature", "The record is not signed by a device it lists");
  }
  return { ...record, account, hash: recordHash(bytes), bytes };
}

async function checkBindings(account: AccountId, record: IdentityRecord): Promise<void> {
  const ids = new Set(record.devices.map(({ entry }) => entry.deviceId));
  if (ids.size !== record.devices.length) {
    throw new CryptoError("bad_record", "Two devices of the record have one number");
  }
  for (const { entry, binding } of record.devices) {
    if (!await checkBinding(account, entry, binding)) {
      throw new CryptoError("bad_signature", "A device did not agree to stand in this account");
    }
  }
}

function encodeTbs(record: IdentityRecord): Bytes {
  const writer = new Writer()
    .u8(1)
    .u8(KINDS.indexOf(record.kind) + 1)
    .u32(record.version)
    .u64(record.issuedMs)
    .raw(record.prev)
    .u8(record.devices.length);
  for (const { entry, binding } of record.devices) {
    writer.raw(encodeDeviceEntry(entry)).raw(binding);
  }
  return writer.raw(record.recovery).v16(record.auth).v16(record.ext).bytes();
}

function decodeSignedRecord(
  bytes: Bytes,
): { record: IdentityRecord; tbs: Bytes; signatures: readonly RecordSignature[] } {
  if (bytes.length > MAX_RECORD_BYTES) throw malformed("is longer than 16 KiB");
  const reader = new Reader(bytes, "the record");
  reader.expect(reader.u8(), 1, "format");
  const kind = KINDS[reader.u8() - 1];
  if (kind === undefined) throw malformed("has an unknown kind");
  const version = reader.u32();
  const issuedMs = reader.u64();
  const prev = reader.raw(HASH_BYTES);
  const devices = readMany(reader, MAX_DEVICES, "devices", readBoundDevice);
  const recovery = reader.raw(HASH_BYTES);
  const auth = readField(reader);
  const ext = readField(reader);
  const tbs = bytes.slice(0, reader.position());
  const signatures = readMany(reader, MAX_SIGNATURES, "signatures", readSignature);
  reader.end();
  return {
    record: { kind, version, issuedMs, prev, devices, recovery, auth, ext },
    tbs,
    signatures,
  };
}

function readBoundDevice(reader: Reader): BoundDevice {
  return { entry: readDeviceEntry(reader), binding: reader.raw(SIGNATURE_BYTES) };
}

function readSignature(reader: Reader): RecordSignature {
  const role = ROLES[reader.u8() - 1];
  if (role === undefined) throw malformed("has a signature of an unknown role");
  const signature = reader.v16();
  if (signature.length < SIGNATURE_BYTES || signature.length > MAX_SIGNATURE_BYTES) {
    throw malformed("has a signature of an impossible length");
  }
  return { role, signature };
}

function readMany<T>(
  reader: Reader,
  most: number,
  what: string,
  read: (reader: Reader) => T,
): readonly T[] {
  const count = reader.u8();
  if (count < 1 || count > most) throw malformed(`has ${count} ${what}, not 1 to ${most}`);
  return Array.from({ length: count }, () => read(reader));
}

function readField(reader: Reader): Bytes {
  const field = reader.v16();
  if (field.length > MAX_FIELD_BYTES) throw malformed("has a field of 4096 bytes or more");
  return field;
}

function signedMessage(account: AccountId, role: RecordRole, tbs: Bytes): Bytes {
  const body = new Writer().u8(roleByte(role)).raw(encodeAccountId(account)).raw(tbs).bytes();
  return labelled("record-signature", body);
}

function roleByte(role: RecordRole): number {
  return ROLES.indexOf(role) + 1;
}

function malformed(why: string): CryptoError {
  return new CryptoError("malformed", `Cannot read the record: it ${why}`);
}
