/**
 * Which device has which public key, for as long as the log lives: a key that was ever seen under
 * one device is refused under another.
 *
 *     ["log", origin, "key", key[32]] -> KeyOwner
 *
 * Signing and key-agreement keys share the table. Nothing is deleted, also when a device is; but for
 * keys that a recovery finds in no record.
 *
 * @module
 */

import { type AccountLabel } from "../crypto/account_label.ts";
import { type Bytes } from "../crypto/bytes.ts";
import { logKey, type LogStore } from "./log_key.ts";
import { answered } from "./store_error.ts";

/** The device that a key belongs to. */
export interface KeyOwner {
  /** Its account. */
  readonly label: AccountLabel;
  /** Its number in the account. */
  readonly deviceId: number;
}

const MAX_READ_KEYS = 10;

/** The owners of some keys in their order; null where a key is new. @throws StoreError */
export async function readKeyOwners(
  log: LogStore,
  keys: readonly Bytes[],
): Promise<(KeyOwner | null)[]> {
  const owners: (KeyOwner | null)[] = [];
  // An owner never changes, so what one read and the next see never contradicts itself.
  for (let at = 0; at < keys.length; at += MAX_READ_KEYS) {
    const places = keys.slice(at, at + MAX_READ_KEYS).map((key) => logKey(log, "key", key));
    const rows = await answered(log.kv.getMany<KeyOwner[]>(places));
    owners.push(...rows.map(({ value }) => value));
  }
  return owners;
}

/** That a key is new. */
export function checkKeyNew(log: LogStore, key: Bytes): Deno.AtomicCheck {
  return { key: logKey(log, "key", key), versionstamp: null };
}

/** Gives a key to a device. */
export function writeKeyOwner(log: LogStore, key: Bytes, owner: KeyOwner): Deno.KvMutation {
  return { type: "set", key: logKey(log, "key", key), value: owner };
}

/** Takes a key from the device that had it, whose record is gone. */
export function deleteKeyOwner(log: LogStore, key: Bytes): Deno.KvMutation {
  return { type: "delete", key: logKey(log, "key", key) };
}

/** Every key that has an owner. */
export async function* listKeyOwners(
  log: LogStore,
): AsyncIterable<{ readonly key: Bytes; readonly owner: KeyOwner }> {
  const selector = { prefix: logKey(log, "key") };
  for await (const { key, value } of log.kv.list<KeyOwner>(selector)) {
    yield { key: key.at(-1) as Bytes, owner: value };
  }
}
