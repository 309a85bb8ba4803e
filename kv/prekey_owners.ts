/**
 * Which device published which signed prekey or ML-KEM prekey, for as long as somebody may use it: a
 * key that is there under one device is refused under another.
 *
 *     ["log", origin, "prekey", SHA-256(key)] -> PrekeyOwner, two a published set
 *
 * A row ends a day after the set that brought it, so a device has some thirty of them. The store forgets
 * late, so the row's own time decides. One-time prekeys have no rows: 32 a day and device would be as
 * many times the store. A row may outlive its device, so an audit misses none and asks for none.
 *
 * @module
 */

import { type Bytes } from "../crypto/bytes.ts";
import { sha256 } from "../crypto/primitives.ts";
import { type KeyOwner } from "./device_keys.ts";
import { logKey, type LogStore, type Row, rowOf } from "./log_key.ts";
import { answered } from "./store_error.ts";

/** The device that published a prekey. */
export interface PrekeyOwner extends KeyOwner {
  /** When nobody has the key any more, Unix milliseconds. */
  readonly expMs: number;
}

const MAX_READ_KEYS = 10;

/** The rows of some prekeys in their order, also those that have ended. @throws StoreError */
export async function readPrekeyOwners(
  log: LogStore,
  keys: readonly Bytes[],
): Promise<(Row<PrekeyOwner> | null)[]> {
  const owners: (Row<PrekeyOwner> | null)[] = [];
  for (let at = 0; at < keys.length; at += MAX_READ_KEYS) {
    const places = keys.slice(at, at + MAX_READ_KEYS).map((key) => ownerKey(log, key));
    const rows = await answered(log.kv.getMany<PrekeyOwner[]>(places));
    owners.push(...rows.map((row) => rowOf<PrekeyOwner>(row)));
  }
  return owners;
}

/** That a prekey's row is still what was read. */
export function checkPrekeyOwner(
  log: LogStore,
  key: Bytes,
  read: Row<PrekeyOwner> | null,
): Deno.AtomicCheck {
  return { key: ownerKey(log, key), versionstamp: read?.versionstamp ?? null };
}

/** Gives a prekey to a device until the owner's time. */
export function writePrekeyOwner(
  log: LogStore,
  key: Bytes,
  owner: PrekeyOwner,
  nowMs: number,
): Deno.KvMutation {
  const expireIn = Math.max(1, owner.expMs - nowMs);
  return { type: "set", key: ownerKey(log, key), value: owner, expireIn };
}

function ownerKey(log: LogStore, key: Bytes): Deno.KvKey {
  return logKey(log, "prekey", sha256(key));
}
