/**
 * Issuing identity records: what follows on a record, and the signatures under it.
 *
 *     signature          over "record-signature" || u8 role || v8 origin || v8 label || RecordTBS
 *     in role recovery   recovery_key[32] || signature[64], where SHA-256(recovery_key) stands in
 *                        the record before
 *
 * Nothing here checks a rule: whoever issues a record verifies it like everybody else.
 *
 * @module
 */

import { type AccountId, encodeAccountId } from "./account_label.ts";
import { type Bytes, concat } from "./bytes.ts";
import { bindDevice, type DeviceEntry } from "./device_entry.ts";
import { type DeviceKeys, type SigningKeyPair } from "./keys.ts";
import { labelled } from "./labels.ts";
import { ed25519Sign, HASH_BYTES } from "./primitives.ts";
import {
  decodeSignedRecord,
  encodeRecordTbs,
  encodeSignedRecord,
  type IdentityRecord,
  type RecordRole,
  type RecordSignature,
  roleByte,
} from "./record_format.ts";

const NONE: Bytes = new Uint8Array(0);
const ZEROS: Bytes = new Uint8Array(HASH_BYTES);

/** Who signs, and in which capacity. */
export interface RecordSigner {
  /** The capacity. */
  readonly role: RecordRole;
  /** The device's, the recovery or the operator's key pair. */
  readonly signing: SigningKeyPair;
}

/** What a record changes; what is left out stays as it was. */
export interface RecordChange extends Pick<IdentityRecord, "kind" | "devices" | "issuedMs"> {
  /** SHA-256 of another recovery key, or zeros. */
  readonly recovery?: Bytes;
  /** How the operator authenticated the owner this time; a cancel brings the old one back. */
  readonly auth?: Bytes;
}

/** The record that follows on another, not signed yet. Its time is never before the other's. */
export function nextRecord(
  before: IdentityRecord & { readonly hash: Bytes },
  change: RecordChange,
): IdentityRecord {
  const isEnd = change.kind === "retire";
  return {
    kind: change.kind,
    version: before.version + 1,
    issuedMs: Math.max(change.issuedMs, before.issuedMs),
    prev: before.hash,
    devices: change.devices,
    recovery: isEnd ? ZEROS : change.recovery ?? before.recovery,
    auth: isEnd ? NONE : change.auth ?? before.auth,
    ext: NONE,
  };
}

/** Signs a record in every capacity given. */
export async function signRecord(
  account: AccountId,
  record: IdentityRecord,
  signers: readonly RecordSigner[],
): Promise<Bytes> {
  const tbs = encodeRecordTbs(record);
  const signatures = await Promise.all(signers.map((signer) => sign(account, tbs, signer)));
  return encodeSignedRecord(tbs, inOrder(signatures));
}

/**
 * Adds one signature to a SignedRecord, as the operator does to a reset.
 *
 * @throws CryptoError `malformed`, `bad_key`
 */
export async function addSignature(
  account: AccountId,
  bytes: Bytes,
  signer: RecordSigner,
): Promise<Bytes> {
  const { tbs, signatures } = decodeSignedRecord(bytes);
  const added = await sign(account, tbs, signer);
  return encodeSignedRecord(tbs, inOrder([...signatures, added]));
}

/** The first record of an account, signed by its first device. @param auth empty unless given */
export async function signGenesis(
  account: AccountId,
  entry: DeviceEntry,
  keys: DeviceKeys,
  issuedMs: number,
  auth: Bytes = NONE,
): Promise<Bytes> {
  const binding = await bindDevice(account, entry, keys.signing);
  const record: IdentityRecord = {
    kind: "genesis",
    version: 0,
    issuedMs,
    prev: ZEROS,
    devices: [{ entry, binding }],
    recovery: ZEROS,
    auth,
    ext: NONE,
  };
  return await signRecord(account, record, [{ role: "self", signing: keys.signing }]);
}

/** What a signature of this capacity is over. */
export function signedMessage(account: AccountId, role: RecordRole, tbs: Bytes): Bytes {
  return labelled("record-signature", Uint8Array.of(roleByte(role)), encodeAccountId(account), tbs);
}

async function sign(
  account: AccountId,
  tbs: Bytes,
  { role, signing }: RecordSigner,
): Promise<RecordSignature> {
  const made = await ed25519Sign(signing.privateKey, signedMessage(account, role, tbs));
  return { role, signature: role === "recovery" ? concat(signing.publicKey, made) : made };
}

function inOrder(signatures: readonly RecordSignature[]): readonly RecordSignature[] {
  return [...signatures].sort((a, b) => roleByte(a.role) - roleByte(b.role));
}
