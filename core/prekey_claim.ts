/**
 * Whose a prekey is: a public key that was seen under one device is refused under another, also as
 * another kind of key.
 *
 *     signed and ML-KEM prekey    written down with the publication, in its commit
 *     one-time prekey             compared with what is written down, and not written down itself
 *     keys of records             compared with prekeys too, where they get their owner
 *
 * Nothing is proved by it to anybody: the transcript names both devices, so a copied prekey opens no
 * call. An honest device learns that somebody copied it, or that its generator failed.
 *
 * @module
 */

import { type Bytes } from "../crypto/bytes.ts";
import { checkKeyNew, type KeyOwner, readKeyOwners } from "../kv/device_keys.ts";
import { type LogStore, type Row } from "../kv/log_key.ts";
import {
  checkPrekeyOwner,
  type PrekeyOwner,
  readPrekeyOwners,
  writePrekeyOwner,
} from "../kv/prekey_owners.ts";
import { ServiceError } from "./error.ts";

/** How long a prekey belongs to its device after its set has ended, in milliseconds. */
const KEPT_AFTER_MS = 24 * 3_600_000;

/** The public keys of one publication. */
export interface PublishedKeys {
  /** The signed prekey. */
  readonly spk: Bytes;
  /** The ML-KEM prekey. */
  readonly kpk: Bytes;
  /** The one-time prekeys. */
  readonly opks: readonly Bytes[];
  /** When the set ends, Unix milliseconds. */
  readonly notAfterMs: number;
}

/** What has to go into a commit. */
export interface ClaimedRows {
  readonly checks: readonly Deno.AtomicCheck[];
  readonly mutations: readonly Deno.KvMutation[];
}

/**
 * What makes the keys of a publication its device's.
 *
 * @throws ServiceError `bad_prekeys` where one was seen under another device, or as another kind of key
 * @throws StoreError
 */
export async function claimPrekeys(
  log: LogStore,
  owner: KeyOwner,
  { spk, kpk, opks, notAfterMs }: PublishedKeys,
  nowMs: number,
): Promise<ClaimedRows> {
  const [longTerm, [spkRow, kpkRow, ...opkRows]] = await Promise.all([
    readKeyOwners(log, [spk, ...opks]),
    readPrekeyOwners(log, [spk, kpk, ...opks]),
  ]);
  const isElsewhere = [spkRow, kpkRow].some((row) => {
    const held = liveOwner(row ?? null, nowMs);
    return held !== null && (held.label !== owner.label || held.deviceId !== owner.deviceId);
  });
  const isOtherKind = longTerm.some((held) => held !== null) ||
    opkRows.some((row) => liveOwner(row, nowMs) !== null);
  if (isElsewhere || isOtherKind) {
    const message = "A prekey was seen under another device, or as another kind of key";
    throw new ServiceError("bad_prekeys", message);
  }
  const owned = ownedUntil(owner, notAfterMs);
  return {
    checks: [
      checkKeyNew(log, spk),
      checkPrekeyOwner(log, spk, spkRow ?? null),
      checkPrekeyOwner(log, kpk, kpkRow ?? null),
    ],
    mutations: [spk, kpk].map((key) => writePrekeyOwner(log, key, owned, nowMs)),
  };
}

/** What is written down of a set's keys. @param notAfterMs when the set ends, Unix milliseconds */
export function ownedUntil(owner: KeyOwner, notAfterMs: number): PrekeyOwner {
  return { ...owner, expMs: notAfterMs + KEPT_AFTER_MS };
}

/**
 * That keys of a record are nobody's prekeys: what a commit has to check.
 *
 * @throws ServiceError `bad_record` @throws StoreError
 */
export async function requireNoPrekeys(
  log: LogStore,
  keys: readonly Bytes[],
  nowMs: number,
): Promise<readonly Deno.AtomicCheck[]> {
  const rows = await readPrekeyOwners(log, keys);
  if (rows.some((row) => liveOwner(row, nowMs) !== null)) {
    throw new ServiceError("bad_record", "A key of the record was seen as a prekey");
  }
  return keys.map((key, i) => checkPrekeyOwner(log, key, rows[i] ?? null));
}

function liveOwner(row: Row<PrekeyOwner> | null, nowMs: number): PrekeyOwner | null {
  return row !== null && row.value.expMs > nowMs ? row.value : null;
}
