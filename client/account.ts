/**
 * The account of this client: a label, one device, its keys, and its record.
 *
 * The keys are stored before the record is sent, and the record is sent again until the log proves
 * it, so neither a crash nor a lost answer can leave a name without its keys.
 *
 * @module
 */

import { type AccountLabel } from "../crypto/account_label.ts";
import { remoteDevice } from "../crypto/bundle.ts";
import { equal } from "../crypto/bytes.ts";
import { toBase64Url } from "../crypto/base64.ts";
import { type DeviceKeys, generateDeviceKeys } from "../crypto/keys.ts";
import { signGenesis, type VerifiedRecord, verifyGenesis } from "../crypto/record.ts";
import { type LocalDevice } from "../crypto/x3dh.ts";
import { lookupFromWire, type RecordRequest } from "../wire/directory.ts";
import { recordPath } from "../wire/paths.ts";
import { ClientError, ofAnswer } from "./error.ts";
import { type Http } from "./http.ts";
import { read, type Store, type Stored, write } from "./store.ts";
import { type Trust } from "./trust.ts";

const ACCOUNT = "account";
const FIRST_DEVICE = 1;

/** This client's account. */
export interface Account {
  /** Its label. */
  readonly label: AccountLabel;
  /** Its record as it is in the log. */
  readonly record: VerifiedRecord;
  /** This device, with its private keys. */
  readonly self: LocalDevice;
}

type StoredAccount = {
  readonly label: AccountLabel;
  readonly record: Uint8Array<ArrayBuffer>;
  readonly signing: CryptoKey;
  readonly identity: CryptoKey;
  readonly registered: boolean;
};

/** The account that the store holds, or null where none was registered. */
export async function loadAccount(store: Store, origin: string): Promise<Account | null> {
  const held = await read(store, ACCOUNT) as StoredAccount | null;
  return held?.registered ? await accountOf(held, origin) : null;
}

/**
 * Registers a name with fresh keys and verifies that the log holds it.
 *
 * @throws ClientError `name_taken`, `proof_invalid`, `network`, `refused`
 */
export async function registerAccount(
  parts: { readonly store: Store; readonly http: Http; readonly trust: Trust },
  label: AccountLabel,
  deviceName: string,
): Promise<Account> {
  const { store, http, trust } = parts;
  const held = await prepare(store, trust.origin, label, deviceName, http.now());
  const { contact } = await trust.learn(label, async (from) => {
    const body: RecordRequest = { record: toBase64Url(held.record), from };
    try {
      return { lookup: lookupFromWire(await http.open("PUT", recordPath(label), body)) };
    } catch (error) {
      throw ofAnswer(error);
    }
  });
  const account = await accountOf(held, trust.origin);
  if (!equal(contact.record.hash, account.record.hash)) {
    throw new ClientError("proof_invalid", "The log holds another record under this name");
  }
  await write(store, { [ACCOUNT]: { ...held, registered: true } });
  return account;
}

/** The keys and record to register with: those of an interrupted attempt, else fresh ones. */
async function prepare(
  store: Store,
  origin: string,
  label: AccountLabel,
  deviceName: string,
  nowMs: number,
): Promise<StoredAccount> {
  const keys = await generateDeviceKeys(store.extractable);
  const entry = {
    deviceId: FIRST_DEVICE,
    signing: keys.signing.publicKey,
    identity: keys.identity.publicKey,
    addedMs: nowMs,
    name: deviceName,
  };
  const fresh: StoredAccount = {
    label,
    record: await signGenesis({ origin, label }, entry, keys, nowMs),
    signing: keys.signing.privateKey,
    identity: keys.identity.privateKey,
    registered: false,
  };
  return await store.update([ACCOUNT], ([value]) => {
    const held = (value ?? null) as StoredAccount | null;
    if (held?.registered && held.label !== label) {
      throw new ClientError("refused", "This device already has another account");
    }
    if (held?.label === label) return { changes: {}, result: held };
    return { changes: { [ACCOUNT]: fresh as Stored }, result: fresh };
  });
}

async function accountOf(held: StoredAccount, origin: string): Promise<Account> {
  const record = await verifyGenesis({ origin, label: held.label }, held.record);
  const device = remoteDevice(record, FIRST_DEVICE);
  const keys: DeviceKeys = {
    signing: { publicKey: device.entry.signing, privateKey: held.signing },
    identity: { publicKey: device.entry.identity, privateKey: held.identity },
  };
  return { label: held.label, record, self: { ...device, keys } };
}
