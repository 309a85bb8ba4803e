/**
 * Accounts as everybody else sees them: the label that somebody wrote, and the record that the
 * published log has of it. Its devices are the ones that may sign in, publish and be called.
 *
 * A record that the store gives back was verified when it was accepted; here it is only read. After a
 * recovery that lost records the log may hold a newer one, which took devices away: then nobody is a
 * current device until the owner has brought it again, whether or not others are shown that part of the
 * log already.
 *
 * @module
 */

import { type AccountLabel, parseAccountLabel } from "../crypto/account_label.ts";
import { type Bytes, equal } from "../crypto/bytes.ts";
import { CryptoError } from "../crypto/error.ts";
import { type VerifyingKey } from "../crypto/keys.ts";
import {
  type BoundDevice,
  decodeRecord,
  recordHash,
  type VerifiedRecord,
} from "../crypto/record.ts";
import { readHead } from "../kv/head.ts";
import { type LogStore } from "../kv/log_key.ts";
import { readLost } from "../kv/lost.ts";
import { readPublishedRow } from "../kv/published.ts";
import { readPublishedRecord, readValue } from "../kv/records.ts";
import { ServiceError } from "./error.ts";
import { type FindVersion } from "./logged_version.ts";

/** The accounts of one log. */
export interface Accounts {
  /** The current record of an account, or null where the published log has none, or it ended. */
  record(label: AccountLabel): Promise<VerifiedRecord | null>;
  /** Whether a device is one of the account's current ones. */
  isCurrent(device: AccountDevice): Promise<boolean>;
}

/** A device by its account, its number and its key. */
export interface AccountDevice {
  /** The account. */
  readonly account: AccountLabel;
  /** The device's number. */
  readonly deviceId: number;
  /** Its signing key. */
  readonly signing: VerifyingKey;
}

/** What a covered record says of its account. */
interface Held {
  /** The record. */
  readonly bytes: Bytes;
  /** Its version. */
  readonly version: number;
  /** Root of the newest published tree that was seen to have it as the name's newest record. */
  root: Bytes;
  /** What it is, or null where the account ended with it, or has a newer one that was lost. */
  readonly current: VerifiedRecord | null;
}

const MAX_CACHED_RECORDS = 4_096;

/** Looks accounts up in a log, and remembers the records that were read lately. */
export function openAccounts(log: LogStore, findVersion: FindVersion): Accounts {
  const held = new Map<AccountLabel, Held>();

  function remember(label: AccountLabel, one: Held): void {
    // The oldest goes: a map keeps the order of insertion.
    if (held.size >= MAX_CACHED_RECORDS) held.delete(held.keys().next().value!);
    held.set(label, one);
  }

  async function record(label: AccountLabel): Promise<VerifiedRecord | null> {
    const cached = held.get(label);
    // One tree has one newest record of a name. Of a record that is behind, the newer one may come back.
    if (cached !== undefined && cached.current !== null) {
      const published = await readPublishedRow(log, "published");
      if (published !== null && equal(published.value.root, cached.root)) return cached.current;
    }
    const covered = await readPublishedRecord(log, label, cached?.version ?? 0);
    // What is remembered saves reading the bytes, never looking at them.
    if (covered !== null && cached !== undefined && equal(cached.bytes, covered.record)) {
      cached.root = covered.root;
      return cached.current;
    }
    held.delete(label);
    if (covered === null) return null;
    const fresh = await acceptedRecord(log, label, covered.record);
    const isOver = fresh.kind === "retire" || await isBehind(fresh);
    const current = isOver ? null : fresh;
    const { record: bytes, version, root } = covered;
    remember(label, { bytes, version, root, current });
    return current;
  }

  /**
   * Only a record that was lost is logged and not there. The committed log is asked, not the published
   * one: a record that is not behind in it never will be, and may be remembered.
   */
  async function isBehind({ account: { label }, version }: VerifiedRecord): Promise<boolean> {
    if (await readLost(log) === 0) return false;
    const head = await readHead(log);
    if (head === null) throw new Error("bug: a log without a head");
    // In this order: a record comes with the head that holds it.
    return await findVersion(label, version + 1, head.value.size) &&
      await readValue(log, label, version + 1) === null;
  }

  async function isCurrent({ account, deviceId, signing }: AccountDevice): Promise<boolean> {
    const devices = (await record(account))?.devices ?? [];
    return devices.some(({ entry }) =>
      entry.deviceId === deviceId && equal(entry.signing, signing)
    );
  }

  return { record, isCurrent };
}

/** A record out of the store, which holds verified ones only. */
export async function acceptedRecord(
  log: LogStore,
  label: AccountLabel,
  bytes: Bytes,
): Promise<VerifiedRecord> {
  const record = decodeRecord(bytes);
  const contesting = record.kind === "reset" ? await devicesOf(log, label, record.version - 1) : [];
  return {
    ...record,
    account: { origin: log.origin, label },
    hash: recordHash(bytes),
    bytes,
    contesting,
  };
}

async function devicesOf(
  log: LogStore,
  label: AccountLabel,
  version: number,
): Promise<readonly BoundDevice[]> {
  const value = await readValue(log, label, version);
  // A retired name's earlier versions may be erased between one read and the next.
  return value === null ? [] : decodeRecord(value.record).devices;
}

/** What a device's requests are counted under. */
export function deviceKey(
  { account, deviceId }: Pick<AccountDevice, "account" | "deviceId">,
): string {
  return `${account} ${deviceId}`;
}

/** The label that somebody wrote. @throws ServiceError `bad_label` */
export function labelOf(text: string): AccountLabel {
  try {
    return parseAccountLabel(text);
  } catch (error) {
    if (error instanceof CryptoError) throw new ServiceError("bad_label", error.message);
    throw error;
  }
}
