/**
 * The account of this client: a label, one of its devices with its keys, and the account's record.
 *
 * Other devices of the account may change its record: it is looked up again and followed. How an account
 * comes to be is `claim.ts` and `joining.ts`, how it changes `devices.ts`, `recovery.ts` and `reset.ts`, and
 * how it ends `retirement.ts`.
 *
 * @module
 */

import { type AccountLabel } from "../crypto/account_label.ts";
import { remoteDevice } from "../crypto/bundle.ts";
import { toBase64Url } from "../crypto/base64.ts";
import { type Bytes, equal } from "../crypto/bytes.ts";
import { type DeviceEntry } from "../crypto/device_entry.ts";
import { type DeviceKeys } from "../crypto/keys.ts";
import { decodeRecord, recordHash, type VerifiedRecord } from "../crypto/record.ts";
import { type LocalDevice } from "../crypto/x3dh.ts";
import { cell, change, keep, readCell } from "./cell.ts";
import { askForProof, bringing } from "./name_request.ts";
import { ClientError } from "./error.ts";
import { type Http, type Signer } from "./http.ts";
import { type Store } from "./store.ts";
import { type Asking } from "./asking.ts";
import { type Trace } from "./people.ts";
import { type Trust } from "./trust.ts";

/** This client's account. */
export interface Account {
  /** Its label. */
  readonly label: AccountLabel;
  /** Its record as it is in the log. */
  readonly record: VerifiedRecord;
  /** This device, with its private keys. */
  readonly self: LocalDevice;
}

/** What registering works with. */
export interface Registry {
  readonly store: Store;
  readonly http: Http;
  readonly trust: Trust;
  /** The clock, Unix milliseconds. */
  readonly now: () => number;
}

/** What is kept of the account. */
export type StoredAccount = {
  readonly label: AccountLabel;
  /** Which of its devices this is. */
  readonly deviceId: number;
  /** The newest SignedRecord that is believed; the one that was sent, until the log has it. */
  readonly record: Bytes;
  readonly signing: CryptoKey;
  readonly identity: CryptoKey;
};

/** What is kept of a device that joins an account. */
export type StoredJoin = Pick<StoredAccount, "label" | "deviceId" | "signing" | "identity"> & {
  readonly signingKey: Bytes;
  /** The version of the record that the next one adds this device to. */
  readonly version: number;
  /** `recordHash` of that record, as the old device said over the channel that the person confirmed. */
  readonly recordHash: Bytes;
};

/** Where the account is kept. */
export const ACCOUNT = cell<StoredAccount>("account");
/** Keys that take this device's place as soon as the log has the record that says so. */
export const NEXT = cell<StoredAccount>("account/next");
/** Keys of a device that another one may have put into its account meanwhile. */
export const JOINING = cell<StoredJoin>("account/joining");

/** The account that the store holds, or null where none was registered. */
export async function loadAccount(store: Store, origin: string): Promise<Account | null> {
  const held = await readCell(store, ACCOUNT);
  return held === null ? null : accountOf(held, origin);
}

/** Stores an account where there is none. @throws ClientError `refused` */
export function claimPlace(store: Store, fresh: StoredAccount): Promise<void> {
  return change(store, [ACCOUNT], ([held]) => {
    if (held !== null) throw hasAccount();
    return { changes: keep(ACCOUNT, fresh), result: undefined };
  });
}

/**
 * Looks the account itself up, and follows its record where another device changed it. It asks by handing
 * in the record that it knows, which nobody has to sign in for: a device that was removed is shown the
 * proof of that, and not told so by the service alone.
 *
 * @throws ClientError `device_removed`, `account_reset`, and those of a lookup
 */
export async function refreshAccount(registry: Registry, account: Account): Promise<Account> {
  const { store, http, trust } = registry;
  const asker = bringing(http, account.label, account.record.bytes);
  const { records, contested } = await trust.people.trace(account.label, "contact", asker);
  if (contested === null) return await followRecord(store, account, records.at(-1)!);
  // This device came by a reset, and an older one took that back.
  if (contested.kind === "cancel") throw removed();
  throw new ClientError(
    "account_reset",
    "Your name was given to other devices: cancel that within three days, or it stays so",
    { identity: toBase64Url(contested.hash) },
  );
}

/** The records of a name as the log proves them to one of its own devices. @throws ClientError */
export async function lookUpOwn(
  { http, trust }: Registry,
  label: AccountLabel,
  signer: Signer,
): Promise<Trace> {
  const more = (asking: Asking) => askForProof(http, signer, label, asking);
  const ask = async (asking: Asking) => ({ lookup: await more(asking) });
  return await trust.people.trace(label, "contact", { ask, more });
}

/** Keeps a newer record of the account, which the log proved. @throws ClientError `device_removed` */
export async function followRecord(
  store: Store,
  account: Account,
  record: VerifiedRecord,
): Promise<Account> {
  if (record.version <= account.record.version) return account;
  const followed = withRecord(account, record);
  await change(store, [ACCOUNT], ([held]) => {
    const { deviceId } = account.self.entry;
    const isBehind = held !== null && held.label === account.label &&
      held.deviceId === deviceId && decodeRecord(held.record).version < record.version;
    const changes = isBehind ? keep(ACCOUNT, { ...held, record: record.bytes }) : {};
    return { changes, result: undefined };
  });
  return followed;
}

function withRecord({ label, self }: Account, record: VerifiedRecord): Account {
  return { label, record, self: localDevice(record, self.entry.deviceId, self.keys) };
}

/** The public halves of a device's keys. */
export type PublicKeys = { readonly [Key in keyof DeviceKeys]: Pick<DeviceKeys[Key], "publicKey"> };

/** The entry of a new device. */
export function newEntry(
  deviceId: number,
  { signing, identity }: PublicKeys,
  addedMs: number,
  name: string,
): DeviceEntry {
  return { deviceId, signing: signing.publicKey, identity: identity.publicKey, addedMs, name };
}

/** A device's account as it is kept. */
export function storedOf(
  label: AccountLabel,
  deviceId: number,
  keys: DeviceKeys,
  record: Bytes,
): StoredAccount {
  const { signing, identity } = keys;
  return { label, deviceId, record, signing: signing.privateKey, identity: identity.privateKey };
}

/** What is kept was verified before, or made here: it is only read. */
export function accountOf(held: StoredAccount, origin: string): Account {
  const { label, deviceId, record: bytes, signing, identity } = held;
  const account = { origin, label };
  const record: VerifiedRecord = {
    ...decodeRecord(bytes),
    account,
    hash: recordHash(bytes),
    bytes,
    contesting: [],
  };
  const entry = record.devices.find((device) => device.entry.deviceId === deviceId)?.entry;
  if (entry === undefined) throw removed();
  const keys: DeviceKeys = {
    signing: { publicKey: entry.signing, privateKey: signing },
    identity: { publicKey: entry.identity, privateKey: identity },
  };
  return { label, record, self: localDevice(record, deviceId, keys) };
}

/** This device in a record. @throws ClientError `device_removed` where it lists another, or none */
function localDevice(record: VerifiedRecord, deviceId: number, keys: DeviceKeys): LocalDevice {
  const held = record.devices.find(({ entry }) => entry.deviceId === deviceId);
  if (held === undefined || !equal(held.entry.signing, keys.signing.publicKey)) throw removed();
  return { ...remoteDevice(record, deviceId), keys };
}

/** The refusal of a further account on a device. */
export function hasAccount(): ClientError {
  return new ClientError("refused", "This device already has an account");
}

function removed(): ClientError {
  return new ClientError("device_removed", "This device was removed from its account");
}
