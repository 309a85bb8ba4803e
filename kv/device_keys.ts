/**
 * Which device has which public key, for as long as the log lives: a key that was ever seen under
 * one device is refused under another.
 *
 *     ["log", origin, "key", key[32]] -> KeyOwner
 *
 * Signing and key-agreement keys share the table. Nothing is deleted, also when a device is.
 *
 * @module
 */

import { type AccountLabel } from "../crypto/account_label.ts";
import { type Bytes } from "../crypto/bytes.ts";
import { countRows, logKey, type LogStore } from "./log_key.ts";
import { answered } from "./store_error.ts";

/** The device that a key belongs to. */
export interface KeyOwner {
  /** Its account. */
  readonly label: AccountLabel;
  /** Its number in the account. */
  readonly deviceId: number;
}

/** The owners of up to ten keys in their order; null where a key is new. @throws StoreError */
export async function readKeyOwners(
  log: LogStore,
  keys: readonly Bytes[],
): Promise<(KeyOwner | null)[]> {
  const places = keys.map((key) => logKey(log, "key", key));
  const rows = await answered(log.kv.getMany<KeyOwner[]>(places));
  return rows.map(({ value }) => value);
}

/** That a key is new. */
export function checkKeyNew(log: LogStore, key: Bytes): Deno.AtomicCheck {
  return { key: logKey(log, "key", key), versionstamp: null };
}

/** Gives a key to a device. */
export function writeKeyOwner(log: LogStore, key: Bytes, owner: KeyOwner): Deno.KvMutation {
  return { type: "set", key: logKey(log, "key", key), value: owner };
}

/** How many keys have an owner. */
export function countKeyOwners(log: LogStore): Promise<number> {
  return countRows(log, "key");
}
