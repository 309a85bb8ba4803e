/**
 * The account of this client: a label, one device, its keys, and its record.
 *
 * The keys are stored before the record is sent, and kept until the log proves the record or the
 * service refuses it for good, so neither a crash nor a lost answer can leave a name without its keys.
 *
 * @module
 */

import { type AccountLabel } from "../crypto/account_label.ts";
import { remoteDevice } from "../crypto/bundle.ts";
import { type Bytes, equal } from "../crypto/bytes.ts";
import { type DeviceKeys, generateDeviceKeys } from "../crypto/keys.ts";
import { signGenesis, type VerifiedRecord, verifyGenesis } from "../crypto/record.ts";
import { type LocalDevice } from "../crypto/x3dh.ts";
import { type ProblemCode } from "../wire/problem.ts";
import { cell, change, forget, keep, readCell } from "./cell.ts";
import { submitRecord } from "./directory.ts";
import { ClientError } from "./error.ts";
import { type Http } from "./http.ts";
import { type Store } from "./store.ts";
import { type Contact } from "./contact.ts";
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

type StoredAccount = {
  readonly label: AccountLabel;
  readonly record: Bytes;
  readonly signing: CryptoKey;
  readonly identity: CryptoKey;
  readonly registered: boolean;
};

const ACCOUNT = cell<StoredAccount>("account");
const FIRST_DEVICE = 1;

/** The account that the store holds, or null where none was registered. */
export async function loadAccount(store: Store, origin: string): Promise<Account | null> {
  const held = await readCell(store, ACCOUNT);
  return held?.registered ? await accountOf(held, origin) : null;
}

/**
 * Registers a name with fresh keys and verifies that the log holds it.
 *
 * An attempt that was broken off is finished first, because its name may be taken by it.
 *
 * @throws ClientError `name_taken`, `proof_invalid`, `network`, `refused`
 */
export async function registerAccount(
  registry: Registry,
  label: AccountLabel,
  deviceName: string,
): Promise<Account> {
  const { store, trust, now } = registry;
  const unfinished = await readCell(store, ACCOUNT);
  if (unfinished?.registered === false) {
    const account = await finish(registry, unfinished);
    if (account?.label === label) return account;
  }
  const fresh = await newAccount(trust.origin, label, deviceName, store.extractable, now());
  await change(store, [ACCOUNT], ([held]) => {
    if (held !== null) {
      throw new ClientError("refused", "This device already has another account");
    }
    return { changes: keep(ACCOUNT, fresh), result: undefined };
  });
  const account = await finish(registry, fresh);
  if (account === null) throw new ClientError("refused", "The service's clock is far from ours");
  return account;
}

/**
 * Sends a stored record until its fate is known: the account, or null where the record is too old to
 * be accepted and never was. What was refused for good is forgotten.
 */
async function finish(registry: Registry, held: StoredAccount): Promise<Account | null> {
  const { store, http, trust } = registry;
  let contact: Contact;
  try {
    contact = await submitRecord(http, trust, held.label, held.record);
  } catch (error) {
    if (!(error instanceof ClientError) || !REFUSED_FOR_GOOD.has(error.problem)) throw error;
    await replace(store, held, null);
    if (error.problem === "bad_record") return null;
    throw error;
  }
  const account = await accountOf(held, trust.origin);
  if (!equal(contact.record.hash, account.record.hash)) {
    throw new ClientError("proof_invalid", "The log holds another record under this name");
  }
  await replace(store, held, { ...held, registered: true });
  return account;
}

/** Refusals after which a record can't come to be in the log any more. */
const REFUSED_FOR_GOOD: ReadonlySet<ProblemCode | null> = new Set(["bad_record", "name_taken"]);

/** Replaces what is stored, if it still is this very attempt: another tab may have gone on. */
function replace(store: Store, held: StoredAccount, by: StoredAccount | null): Promise<void> {
  return change(store, [ACCOUNT], ([now]) => {
    const isSame = now !== null && equal(now.record, held.record);
    if (!isSame) return { changes: {}, result: undefined };
    return { changes: by === null ? forget(ACCOUNT) : keep(ACCOUNT, by), result: undefined };
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
