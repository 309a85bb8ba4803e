/**
 * Prekeys: what a device publishes so that others can reach it.
 *
 * The service checks a set as callers will, so that an honest device learns of its mistake and not
 * its callers. Nobody trusts the service to have done so.
 *
 * @module
 */

import { type AccountLabel } from "../crypto/account_label.ts";
import { type Bytes, equal } from "../crypto/bytes.ts";
import { type DeviceEntry, deviceEntryHash } from "../crypto/device_entry.ts";
import { CryptoError } from "../crypto/error.ts";
import { type AgreementKey, parseAgreementKey } from "../crypto/keys.ts";
import {
  checkPrekeyValidity,
  MAX_ONE_TIME_PREKEYS,
  oneTimeRoot,
  PREKEY_CLOCK_SKEW_MS,
  type PrekeySet,
  prekeySetHash,
  requireDistinct,
  type SignedPrekeySet,
  verifyPrekeySet,
} from "../crypto/prekey.ts";
import { type BoundDevice, type VerifiedRecord } from "../crypto/record.ts";
import { checkPrekeys, type DevicePrekeys, readPrekeys, writePrekeys } from "../kv/prekeys.ts";
import { checkLabel, readLabel } from "../kv/records.ts";
import { type Decision, transact } from "../kv/transact.ts";
import { deviceKey } from "./account.ts";
import { type Context } from "./context.ts";
import { ServiceError } from "./error.ts";
import { claimPrekeys } from "./prekey_claim.ts";

/** A device's publication. */
export interface PrekeyPublication extends SignedPrekeySet {
  /** The one-time prekeys in the set's order, 32 bytes each. */
  readonly opks: readonly Bytes[];
}

/** A publication that was read. */
export interface OpenedPublication {
  /** What its set says. */
  readonly set: PrekeySet;
  /** How the store holds it, with every one-time prekey left. */
  readonly prekeys: DevicePrekeys;
}

/**
 * Replaces the prekeys of a device. The same publication again changes nothing.
 *
 * A set's number rises, and not only one by one: a service that was restored from a backup, or a device
 * that was, goes on above what callers have seen. It is bounded by the clock, so that nobody who had the
 * device's key for a moment leaves it without a number to go on with.
 *
 * @throws ServiceError `unknown_device`, `bad_prekeys`, `prekeys_conflict` where the set's number does
 * not follow, `rate_limited`, `unavailable` where the account is about to change
 * @throws StoreError
 */
export async function publishPrekeys(
  ctx: Context,
  account: AccountLabel,
  deviceId: number,
  publication: PrekeyPublication,
): Promise<void> {
  const record = await ctx.accounts.record(account);
  const device = record?.devices.find(({ entry }) => entry.deviceId === deviceId);
  if (record === null || device === undefined) {
    throw new ServiceError("unknown_device", "The account has no such device");
  }
  const { set, prekeys } = await checkPublication(ctx, record, device, publication);
  let isCounted = false;
  await transact<void>(ctx.kv, async (): Promise<Decision<void>> => {
    const [state, read] = await Promise.all([
      readLabel(ctx, account),
      readPrekeys(ctx, account, deviceId),
    ]);
    // Prekeys are taken away with the device: none may come after that.
    if (state?.value.version !== record.version) {
      throw new ServiceError("unavailable", "The account is about to change: try again");
    }
    // Also where it was this very call whose commit had an unknown result.
    if (read !== null && equal(read.value.set, prekeys.set)) return { done: undefined };
    if (!mayFollow(prekeys.setNumber, read?.value.setNumber ?? 0, ctx.now())) {
      throw new ServiceError("prekeys_conflict", "The prekey set's number does not follow");
    }
    // A set takes rows and a number, which a key that was lent for a moment must not use up.
    isCounted ||= ctx.publications.take(deviceKey({ account, deviceId }), ctx.now());
    if (!isCounted) throw new ServiceError("rate_limited", "The device publishes too often");
    const { spk, kpk, notAfterMs } = set;
    const keys = { spk, kpk, opks: prekeys.opks, notAfterMs };
    const claimed = await claimPrekeys(ctx, { label: account, deviceId }, keys, ctx.now());
    return {
      checks: [
        checkLabel(ctx, account, state),
        checkPrekeys(ctx, account, deviceId, read),
        ...claimed.checks,
      ],
      mutations: [writePrekeys(ctx, account, deviceId, prekeys), ...claimed.mutations],
      then: undefined,
    };
  });
}

/**
 * Requires that a set is the one that the service holds of a device. How many of its one-time prekeys
 * are left is told to nobody, the device included.
 *
 * @param setHash `prekeySetHash` of the set
 * @throws ServiceError `prekeys_differ` @throws StoreError
 */
export async function requirePublished(
  ctx: Context,
  account: AccountLabel,
  deviceId: number,
  setHash: Bytes,
): Promise<void> {
  const held = (await readPrekeys(ctx, account, deviceId))?.value ?? null;
  if (held !== null && equal(prekeySetHash(held.set), setHash)) return;
  throw new ServiceError("prekeys_differ", "The service holds another prekey set, or none");
}

/** Whether a number is above the one before, and by one only or not ahead of the clock, in seconds. */
function mayFollow(setNumber: number, before: number, nowMs: number): boolean {
  const most = Math.max(before + 1, Math.floor((nowMs + PREKEY_CLOCK_SKEW_MS) / 1000));
  return setNumber > before && setNumber <= most;
}

async function checkPublication(
  ctx: Context,
  record: VerifiedRecord,
  { entry }: BoundDevice,
  publication: PrekeyPublication,
): Promise<OpenedPublication> {
  try {
    const opened = await openPublication(record, entry, publication);
    checkPrekeyValidity(opened.set, ctx.now());
    return opened;
  } catch (error) {
    if (!(error instanceof CryptoError)) throw error;
    throw new ServiceError("bad_prekeys", error.message);
  }
}

/**
 * A publication's set, and how the store holds it with every one-time prekey left. Whether it is
 * valid at some time is not looked at.
 *
 * @throws CryptoError where it is not a publication of this device
 */
export async function openPublication(
  { account }: VerifiedRecord,
  entry: DeviceEntry,
  publication: PrekeyPublication,
): Promise<OpenedPublication> {
  const entryHash = deviceEntryHash(account, entry);
  const set = await verifyPrekeySet(publication, { entryHash, signing: entry.signing });
  const opks = checkOneTimePrekeys(set, publication.opks);
  requireDistinct([entry.identity, set.spk, ...opks]);
  const { setNumber, notBeforeMs, notAfterMs } = set;
  const prekeys: DevicePrekeys = {
    set: publication.set,
    signature: publication.signature,
    entryHash,
    setNumber,
    notBeforeMs,
    notAfterMs,
    opks,
    left: opks.map((_, index) => index),
  };
  return { set, prekeys };
}

function checkOneTimePrekeys(set: PrekeySet, keys: readonly Bytes[]): readonly AgreementKey[] {
  if (keys.length !== set.opkCount || keys.length > MAX_ONE_TIME_PREKEYS) {
    throw new CryptoError("bad_prekeys", "The set counts other one-time prekeys than were sent");
  }
  const opks = keys.map(parseAgreementKey);
  if (!equal(oneTimeRoot(opks), set.opkRoot)) {
    throw new CryptoError("bad_prekeys", "The set does not cover these one-time prekeys");
  }
  return opks;
}
