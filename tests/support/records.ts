/**
 * Identity records for tests: devices, and signed records that may break any rule, because signing
 * checks none.
 *
 * @module
 */

import { type AccountId } from "../../crypto/account_label.ts";
import { fromBase64Url } from "../../crypto/base64.ts";
import { type Bytes } from "../../crypto/bytes.ts";
import { bindDevice, type DeviceEntry } from "../../crypto/device_entry.ts";
import { type DeviceKeys, generateDeviceKeys, parseVerifyingKey } from "../../crypto/keys.ts";
import {
  type BoundDevice,
  decodeRecord,
  type IdentityRecord,
  nextRecord,
  recordHash,
  type RecordKind,
  type RecordSigner,
  signRecord,
  type VerifiedRecord,
  verifyNext,
} from "../../crypto/record.ts";

/** An operator who has no part in a first record: the key of RFC 8037, appendix A.1. */
const NOBODY = parseVerifyingKey(fromBase64Url("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")!);

/** Verifies the first record of an account. */
export function verifyGenesis(account: AccountId, bytes: Bytes): Promise<VerifiedRecord> {
  return verifyNext(account, NOBODY, null, bytes);
}

/** A record as it would stand if it kept to the rules, which are not asked. */
export function asVerified(account: AccountId, bytes: Bytes): VerifiedRecord {
  return { ...decodeRecord(bytes), account, hash: recordHash(bytes), bytes, contesting: [] };
}

/** A device with its private keys. */
export interface OwnDevice extends BoundDevice {
  /** Its keys. */
  readonly keys: DeviceKeys;
}

/** A fresh device of an account. */
export async function newDevice(
  account: AccountId,
  deviceId: number,
  options: { readonly keys?: DeviceKeys; readonly addedMs?: number } = {},
): Promise<OwnDevice> {
  const keys = options.keys ?? await generateDeviceKeys();
  const entry: DeviceEntry = {
    deviceId,
    signing: keys.signing.publicKey,
    identity: keys.identity.publicKey,
    addedMs: options.addedMs ?? 1_790_000_000_000,
    name: `device ${deviceId}`,
  };
  return { entry, binding: await bindDevice(account, entry, keys.signing), keys };
}

/** A signer in role self. */
export function self({ keys }: OwnDevice): RecordSigner {
  return { role: "self", signing: keys.signing };
}

/** A signer in role previous. */
export function previous({ keys }: OwnDevice): RecordSigner {
  return { role: "previous", signing: keys.signing };
}

/** The next record of an account, with any field replaced, signed by whoever is given. */
export function follow(
  before: VerifiedRecord,
  kind: RecordKind,
  devices: readonly BoundDevice[],
  signers: readonly RecordSigner[],
  replaced: Partial<IdentityRecord> = {},
): Promise<Bytes> {
  const record = nextRecord(before, { kind, devices, issuedMs: before.issuedMs + 1_000 });
  return signRecord(before.account, { ...record, ...replaced }, signers);
}
