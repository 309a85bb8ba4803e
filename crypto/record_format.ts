/**
 * The encoding of an identity record. It says what a record claims, and never whether that is true:
 * the rules are `record.ts`.
 *
 *     SignedRecord = RecordTBS || u8 count || count x (u8 role || v16 signature)
 *     RecordTBS    = u8 fmt=1 || u8 kind || u32 version || u64 issued_ms || prev[32]
 *                    || u8 count || count x (DeviceEntry || binding[64])
 *                    || recovery[32] || v16 auth || v16 ext
 *
 * A record has 1 to 8 devices; one that retires its name has none.
 *
 * @module
 */

import { type Bytes, equal } from "./bytes.ts";
import { Reader, Writer } from "./codec.ts";
import { type DeviceEntry, encodeDeviceEntry, readDeviceEntry } from "./device_entry.ts";
import { CryptoError } from "./error.ts";
import { labelled } from "./labels.ts";
import { HASH_BYTES, sha256, SIGNATURE_BYTES } from "./primitives.ts";

/** Longest SignedRecord in bytes: eight devices, two 4 KiB fields, four signatures. */
export const MAX_RECORD_BYTES = 16_384;

const MAX_DEVICES = 8;
const MAX_FIELD_BYTES = 4_095;
const MAX_SIGNATURES = 4;
const MAX_SIGNATURE_BYTES = 8_191;

/** Why a record was issued. */
export type RecordKind = "genesis" | "update" | "recover" | "reset" | "retire" | "cancel";
const KINDS: readonly RecordKind[] = [
  "genesis",
  "update",
  "recover",
  "reset",
  "retire",
  "cancel",
];

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
  /** The devices that may speak for the account: 1 to 8, and none in a retired one. */
  readonly devices: readonly BoundDevice[];
  /** SHA-256 of the recovery key, or zeros. */
  readonly recovery: Bytes;
  /** How the operator authenticated the owner: `formatRecordAuth`. */
  readonly auth: Bytes;
  /** Extensions; empty in this version. */
  readonly ext: Bytes;
}

/** One signature of a record. */
export interface RecordSignature {
  /** The signer's capacity. */
  readonly role: RecordRole;
  /** 64 bytes; in role recovery, the recovery key and then the 64 bytes. */
  readonly signature: Bytes;
}

/** A record taken apart. */
export interface SignedRecord {
  /** What it says. */
  readonly record: IdentityRecord;
  /** The bytes that are signed. */
  readonly tbs: Bytes;
  /** The signatures in their order. */
  readonly signatures: readonly RecordSignature[];
}

/** The name of a SignedRecord: `SHA-256("record" || SignedRecord)`. */
export function recordHash(signedRecord: Bytes): Bytes {
  return sha256(labelled("record", signedRecord));
}

/** A role's byte. */
export function roleByte(role: RecordRole): number {
  return ROLES.indexOf(role) + 1;
}

/** The bytes of a record that are signed. */
export function encodeRecordTbs(record: IdentityRecord): Bytes {
  const writer = new Writer()
    .u8(1)
    .u8(KINDS.indexOf(record.kind) + 1)
    .u32(record.version)
    .u64(record.issuedMs)
    .raw(record.prev)
    .u8(record.devices.length);
  for (const device of record.devices) writer.raw(encodeBoundDevice(device));
  return writer.raw(record.recovery).v16(record.auth).v16(record.ext).bytes();
}

/** A SignedRecord out of its parts. */
export function encodeSignedRecord(tbs: Bytes, signatures: readonly RecordSignature[]): Bytes {
  const writer = new Writer().raw(tbs).u8(signatures.length);
  for (const { role, signature } of signatures) writer.u8(roleByte(role)).v16(signature);
  return writer.bytes();
}

/** An entry with its binding, as a record holds them. */
export function encodeBoundDevice({ entry, binding }: BoundDevice): Bytes {
  return new Writer().raw(encodeDeviceEntry(entry)).raw(binding).bytes();
}

/** What a SignedRecord says; nothing of it is verified. @throws CryptoError `malformed`, `bad_key` */
export function decodeRecord(bytes: Bytes): IdentityRecord {
  return decodeSignedRecord(bytes).record;
}

/** Takes a SignedRecord apart; nothing of it is verified. @throws CryptoError `malformed`, `bad_key` */
export function decodeSignedRecord(bytes: Bytes): SignedRecord {
  if (bytes.length > MAX_RECORD_BYTES) throw malformed("is longer than 16 KiB");
  const reader = new Reader(bytes, "the record");
  reader.expect(reader.u8(), 1, "format");
  const kind = KINDS[reader.u8() - 1];
  if (kind === undefined) throw malformed("has an unknown kind");
  const version = reader.u32();
  const issuedMs = reader.u64();
  const prev = reader.raw(HASH_BYTES);
  const [least, most] = kind === "retire" ? [0, 0] : [1, MAX_DEVICES];
  const devices = readMany(reader, least, most, "devices", readBoundDevice);
  const recovery = reader.raw(HASH_BYTES);
  const auth = readField(reader);
  const ext = readField(reader);
  const tbs = bytes.slice(0, reader.position());
  const signatures = readMany(reader, 1, MAX_SIGNATURES, "signatures", readSignature);
  reader.end();
  return {
    record: { kind, version, issuedMs, prev, devices, recovery, auth, ext },
    tbs,
    signatures,
  };
}

/**
 * Whether two SignedRecords say the same, byte for byte, whoever signed them.
 *
 * @throws CryptoError `malformed`, `bad_key`
 */
export function saysTheSame(a: Bytes, b: Bytes): boolean {
  return equal(decodeSignedRecord(a).tbs, decodeSignedRecord(b).tbs);
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
  least: number,
  most: number,
  what: string,
  read: (reader: Reader) => T,
): readonly T[] {
  const count = reader.u8();
  if (count < least || count > most) {
    throw malformed(`has ${count} ${what}, not ${least} to ${most}`);
  }
  return Array.from({ length: count }, () => read(reader));
}

function readField(reader: Reader): Bytes {
  const field = reader.v16();
  if (field.length > MAX_FIELD_BYTES) throw malformed("has a field of 4096 bytes or more");
  return field;
}

function malformed(why: string): CryptoError {
  return new CryptoError("malformed", `Cannot read the record: it ${why}`);
}
