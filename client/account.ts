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
import { type Contact, type Trust } from "./trust.ts";

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
  const fresh = await newAccount(trust.origin, label, deviceName, store.extractable, http.now());
  let held = await claim(store, fresh);
  let contact: Contact;
  try {
    contact = await submit(http, trust, held);
  } catch (error) {
    // A record of an interrupted attempt that never arrived is by now too old to be accepted.
    const stale = error instanceof ClientError && error.problem === "bad_record" && held !== fresh;
    if (!stale) throw error;
    held = fresh;
    await write(store, { [ACCOUNT]: held as Stored });
    contact = await submit(http, trust, held);
  }
  const account = await accountOf(held, trust.origin);
  if (!equal(contact.record.hash, account.record.hash)) {
    throw new ClientError("proof_invalid", "The log holds another record under this name");
  }
  await write(store, { [ACCOUNT]: { ...held, registered: true } });
  return account;
}

/** Sends the record and verifies that the log took it. */
async function submit(http: Http, trust: Trust, held: StoredAccount): Promise<Contact> {
  const { contact } = await trust.learn(held.label, async (from) => {
    const body: RecordRequest = { record: toBase64Url(held.record), from };
    const value = await http.open("PUT", recordPath(held.label), body);
    try {
      return { lookup: lookupFromWire(value) };
    } catch (error) {
      throw ofAnswer(error);
    }
  });
  return contact;
}

/** Keeps what is to be registered; gives an interrupted attempt at the same name instead. */
function claim(store: Store, fresh: StoredAccount): Promise<StoredAccount> {
  return store.update([ACCOUNT], ([value]) => {
    const held = (value ?? null) as StoredAccount | null;
    if (held?.label === fresh.label) return { changes: {}, result: held };
    if (held?.registered) {
      throw new ClientError("refused", "This device already has another account");
    }
    return { changes: { [ACCOUNT]: fresh as Stored }, result: fresh };
  });
}

/** Fresh keys and the first record for a label. */
async function newAccount(
  origin: string,
  label: AccountLabel,
  deviceName: string,
  extractable: boolean,
  nowMs: number,
): Promise<StoredAccount> {
  const keys = await generateDeviceKeys(extractable);
  const entry = {
    deviceId: FIRST_DEVICE,
    signing: keys.signing.publicKey,
    identity: keys.identity.publicKey,
    addedMs: nowMs,
    name: deviceName,
  };
  return {
    label,
    record: await signGenesis({ origin, label }, entry, keys, nowMs),
    signing: keys.signing.privateKey,
    identity: keys.identity.privateKey,
    registered: false,
  };
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
