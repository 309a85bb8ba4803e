/**
 * A claim: keys that are to have a name, by a first record, a reset, or a recovery.
 *
 *     keys stored -> record made and stored -> record sent -> proved by the log: the account
 *
 * The keys are stored before anything names them, and a record before it is sent; both are kept until the
 * log proves the record or the service refuses it for good. So neither a crash nor a lost answer leaves a
 * name without its keys, and the same call again goes on where the last one stopped.
 *
 * @module
 */

import { type AccountLabel } from "../crypto/account_label.ts";
import { type Bytes, equal } from "../crypto/bytes.ts";
import {
  type DeviceKeys,
  generateDeviceKeys,
  parseAgreementKey,
  parseVerifyingKey,
} from "../crypto/keys.ts";
import { decodeRecord, saysTheSame, type VerifiedRecord } from "../crypto/record.ts";
import {
  ACCOUNT,
  type Account,
  accountOf,
  hasAccount,
  type Registry,
  type StoredAccount,
  storedOf,
} from "./account.ts";
import { cell, change, forget, keep, readCell } from "./cell.ts";
import { bringing } from "./name_request.ts";
import { ClientError, type ClientErrorCode } from "./error.ts";
import { type Store } from "./store.ts";

/** What is kept of a claim. */
type StoredClaim = {
  readonly kind: "genesis" | "reset" | "recover";
  readonly label: AccountLabel;
  readonly signing: CryptoKey;
  readonly signingKey: Bytes;
  readonly identity: CryptoKey;
  readonly identityKey: Bytes;
  /** The record that was sent last, or null before there was one. */
  readonly record: Bytes | null;
};

/** A record for a claim's keys. */
export interface ClaimingRecord {
  /** The SignedRecord. */
  readonly record: Bytes;
  /** What the name policy asks for, or null. */
  readonly authorization: string | null;
}

/** Where a claim is kept. */
export const CLAIM = cell<StoredClaim>("account/claim");

/** After these the keys of a claim get its name no more. */
const ENDED: ReadonlySet<ClientErrorCode> = new Set<ClientErrorCode>([
  "name_taken",
  "name_retired",
  "device_removed",
]);

/**
 * Claims a name with fresh keys, or goes on with a claim that was broken off.
 *
 * @param make makes the record of the keys @throws ClientError
 */
export async function claimName(
  registry: Registry,
  kind: StoredClaim["kind"],
  label: AccountLabel,
  make: (keys: DeviceKeys) => Promise<ClaimingRecord>,
): Promise<Account> {
  const { store } = registry;
  const unfinished = await readCell(store, CLAIM);
  if (unfinished !== null) {
    // Its name may be taken by it, also if that is not what is wanted now.
    const account = await sendAgain(registry, unfinished);
    if (account?.label === label) return account;
  }
  const claim = await begin(store, kind, label, unfinished);
  for (let attempt = 0;; attempt++) {
    const { record, authorization } = await make(keysOf(claim));
    const made = await keepRecord(store, claim, record);
    try {
      return await send(registry, made, authorization);
    } catch (error) {
      const isLate = error instanceof ClientError && error.problem === "record_conflict";
      if (!isLate || attempt > 0) throw error;
      await replace(store, made, claim);
    }
  }
}

/** Sends what may have arrived before; null where it is refused: it is not in the log, or no longer. */
async function sendAgain(registry: Registry, claim: StoredClaim): Promise<Account | null> {
  if (claim.record === null) return null;
  try {
    return await send(registry, claim, null);
  } catch (error) {
    const isRefused = error instanceof ClientError && !error.retryable &&
      (error.problem !== null || ENDED.has(error.code));
    if (!isRefused) throw error;
    return null;
  }
}

/** The claim that there is already for this, without what was refused, or a new one in place of it. */
async function begin(
  store: Store,
  kind: StoredClaim["kind"],
  label: AccountLabel,
  refused: StoredClaim | null,
): Promise<StoredClaim> {
  const { signing, identity } = await generateDeviceKeys(store.extractable);
  const fresh: StoredClaim = {
    kind,
    label,
    signing: signing.privateKey,
    signingKey: signing.publicKey,
    identity: identity.privateKey,
    identityKey: identity.publicKey,
    record: null,
  };
  return await change(store, [ACCOUNT, CLAIM], ([account, held]) => {
    if (account !== null) throw hasAccount();
    const isSame = held !== null && held.kind === kind && held.label === label;
    const claim = !isSame ? fresh : isAt(held, refused) ? { ...held, record: null } : held;
    return { changes: keep(CLAIM, claim), result: claim };
  });
}

/** Stores a claim's record before it is sent; where another tab was faster, its record is sent. */
function keepRecord(store: Store, claim: StoredClaim, record: Bytes): Promise<StoredClaim> {
  return change(store, [CLAIM], ([held]) => {
    if (held === null || !equal(held.signingKey, claim.signingKey)) throw hasAccount();
    if (held.record !== null) return { changes: {}, result: held };
    const made = { ...held, record };
    return { changes: keep(CLAIM, made), result: made };
  });
}

/** Sends a claim's record, and makes it the account once the log proves it. */
async function send(
  registry: Registry,
  claim: StoredClaim,
  authorization: string | null,
): Promise<Account> {
  const { store, http, trust } = registry;
  const { label, record, kind } = claim;
  const how = { authorization, isReset: kind === "reset" };
  try {
    const asker = bringing(http, label, record!, how);
    const { records, contested } = await trust.people.trace(label, "contact", asker);
    const stored = await storedFor(store, claim, records);
    // Whom somebody else would have to ask is oneself.
    if (contested !== null) await trust.people.confirm(label, contested.hash);
    await settle(store, stored);
    return accountOf(stored, trust.origin);
  } catch (error) {
    if (error instanceof ClientError && ENDED.has(error.code)) await replace(store, claim, null);
    throw error;
  }
}

/**
 * The account that a claim has come to, where the log has the very record that was sent, and this device
 * in the newest one. That its keys are in a record is not enough: whoever sees a record under way can
 * copy its device into another one.
 */
async function storedFor(
  store: Store,
  claim: StoredClaim,
  records: readonly VerifiedRecord[],
): Promise<StoredAccount> {
  const { version } = decodeRecord(claim.record!);
  const newest = records.at(-1)!;
  const placed = records.find((record) => record.version === version);
  if (placed === undefined || !saysTheSame(placed.bytes, claim.record!)) {
    // In its place is another one for good, unless the log has not come that far.
    if (newest.version >= version) await replace(store, claim, null);
    throw new ClientError("proof_invalid", "The log holds another record under this name");
  }
  const own = newest.devices.find(({ entry }) => equal(entry.signing, claim.signingKey));
  // Another device may have gone on from it meanwhile, and an old one may have cancelled a reset.
  if (own === undefined) {
    throw new ClientError("device_removed", "This device was removed from its account");
  }
  return storedOf(claim.label, own.entry.deviceId, keysOf(claim), newest.bytes);
}

/** Makes a claim the account, unless another tab made it another one's. */
function settle(store: Store, stored: StoredAccount): Promise<void> {
  return change(store, [ACCOUNT, CLAIM], ([held]) => {
    if (held !== null && (held.label !== stored.label || held.deviceId !== stored.deviceId)) {
      throw hasAccount();
    }
    const changes = held === null ? keep(ACCOUNT, stored) : {};
    return { changes: { ...changes, ...forget(CLAIM) }, result: undefined };
  });
}

/** Replaces what is stored, if it still is this very attempt: another tab may have gone on. */
function replace(store: Store, claim: StoredClaim, by: StoredClaim | null): Promise<void> {
  return change(store, [CLAIM], ([now]) => {
    if (!isAt(now, claim)) return { changes: {}, result: undefined };
    return { changes: by === null ? forget(CLAIM) : keep(CLAIM, by), result: undefined };
  });
}

/** Whether both have a record, and the same one: nobody moved the claim on in between. */
function isAt(now: StoredClaim | null, then: StoredClaim | null): boolean {
  const [a, b] = [now?.record ?? null, then?.record ?? null];
  return a !== null && b !== null && equal(a, b);
}

function keysOf(claim: StoredClaim): DeviceKeys {
  const { signing, signingKey, identity, identityKey } = claim;
  return {
    signing: { publicKey: parseVerifyingKey(signingKey), privateKey: signing },
    identity: { publicKey: parseAgreementKey(identityKey), privateKey: identity },
  };
}
