/**
 * Registration: the first record of a name, with this device in it.
 *
 * The keys are stored before the record is sent, and kept until the log proves the record or the
 * service refuses it for good, so neither a crash nor a lost answer can leave a name without its keys.
 *
 * @module
 */

import { type AccountLabel } from "../crypto/account_label.ts";
import { equal } from "../crypto/bytes.ts";
import { generateDeviceKeys } from "../crypto/keys.ts";
import { recordHash, signGenesis } from "../crypto/record.ts";
import { type ProblemCode } from "../wire/problem.ts";
import {
  ACCOUNT,
  type Account,
  accountOf,
  claimPlace,
  newEntry,
  type Registry,
  type StoredAccount,
  storedOf,
} from "./account.ts";
import { change, forget, keep, readCell } from "./cell.ts";
import { type Contact } from "./contact.ts";
import { submitRecord } from "./directory.ts";
import { ClientError } from "./error.ts";
import { type Store } from "./store.ts";

const FIRST_DEVICE = 1;

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
  await claimPlace(store, fresh);
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
  const { record } = contact;
  // Another device may have gone on from it meanwhile.
  if (record.version === 0 && !equal(record.hash, recordHash(held.record))) {
    throw new ClientError("proof_invalid", "The log holds another record under this name");
  }
  const registered = { ...held, record: record.bytes, registered: true };
  const account = accountOf(registered, trust.origin);
  await replace(store, held, registered);
  return account;
}

/** Refusals after which a record can't come to be in the log any more. */
const REFUSED_FOR_GOOD: ReadonlySet<ProblemCode | null> = new Set([
  "bad_record",
  "name_taken",
  "name_retired",
  "record_conflict",
]);

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
  const entry = newEntry(FIRST_DEVICE, keys, nowMs, deviceName);
  const record = await signGenesis({ origin, label }, entry, keys, nowMs);
  return storedOf(label, FIRST_DEVICE, keys, record, false);
}
