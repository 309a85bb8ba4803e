/**
 * A device as its account's record lists it: two public keys, a number and a name.
 *
 *     DeviceEntry       = u32 device_id || ed25519[32] || x25519[32] || u64 added_ms || v8 name
 *     device_entry_hash = SHA-256("device-entry" || v8 origin || v8 label || DeviceEntry)
 *     binding           = Ed25519(device, "device-binding" || v8 origin || v8 label || DeviceEntry)
 *
 * The hash names account, origin and keys at once, so a copied key under another account is another
 * device. The binding proves that whoever holds the signing key agreed to stand in this account.
 *
 * @module
 */

import { type AccountId, encodeAccountId } from "./account_label.ts";
import { type Bytes, fromUtf8, utf8 } from "./bytes.ts";
import { Reader, Writer } from "./codec.ts";
import { CryptoError } from "./error.ts";
import {
  type AgreementKey,
  parseAgreementKey,
  parseVerifyingKey,
  type SigningKeyPair,
  type VerifyingKey,
} from "./keys.ts";
import { labelled } from "./labels.ts";
import { ed25519Sign, ed25519Verify, sha256 } from "./primitives.ts";

/** Longest device name in bytes. */
export const MAX_DEVICE_NAME_BYTES = 64;

/** One device of an account. */
export interface DeviceEntry {
  /** Number of the device within its account, never used again after removal. */
  readonly deviceId: number;
  /** Signs records, prekey sets and sign-ins. */
  readonly signing: VerifyingKey;
  /** Takes part in every handshake. */
  readonly identity: AgreementKey;
  /** When the device was added, Unix milliseconds. */
  readonly addedMs: number;
  /** What its owner calls it; at most 64 bytes. */
  readonly name: string;
}

/** The bytes of an entry. */
export function encodeDeviceEntry(entry: DeviceEntry): Bytes {
  return new Writer()
    .u32(entry.deviceId)
    .raw(entry.signing)
    .raw(entry.identity)
    .u64(entry.addedMs)
    .v8(utf8(entry.name))
    .bytes();
}

/** Reads an entry inside a larger encoding. @throws CryptoError `malformed`, `bad_key` */
export function readDeviceEntry(reader: Reader): DeviceEntry {
  const deviceId = reader.u32();
  const signing = parseVerifyingKey(reader.raw(32));
  const identity = parseAgreementKey(reader.raw(32));
  const addedMs = reader.u64();
  const name = fromUtf8(reader.v8());
  if (name === null || utf8(name).length > MAX_DEVICE_NAME_BYTES) {
    throw new CryptoError("malformed", "A device name is at most 64 bytes of UTF-8");
  }
  return { deviceId, signing, identity, addedMs, name };
}

/** What prekey sets and handshakes call this device by: 32 bytes. */
export function deviceEntryHash(account: AccountId, entry: DeviceEntry): Bytes {
  return sha256(labelled("device-entry", encodeAccountId(account), encodeDeviceEntry(entry)));
}

/** The device's own signature over its entry: 64 bytes. */
export function bindDevice(
  account: AccountId,
  entry: DeviceEntry,
  signing: SigningKeyPair,
): Promise<Bytes> {
  return ed25519Sign(signing.privateKey, bindingMessage(account, entry));
}

/** Whether a binding is the device's own. */
export function checkBinding(
  account: AccountId,
  entry: DeviceEntry,
  binding: Bytes,
): Promise<boolean> {
  return ed25519Verify(entry.signing, bindingMessage(account, entry), binding);
}

function bindingMessage(account: AccountId, entry: DeviceEntry): Bytes {
  return labelled("device-binding", encodeAccountId(account), encodeDeviceEntry(entry));
}
