/**
 * The prekeys of each device: its newest signed set, and which one-time prekeys are left.
 *
 *     ["log", origin, "prekeys", label, device] -> DevicePrekeys, about 2.5 KiB
 *
 * One row a device, so that all devices of an account fit one commit's checks. A one-time prekey is
 * handed out at most once: where a commit's result is unknown, the key that it took counts as spent.
 *
 * @module
 */

import { type AccountLabel } from "../crypto/account_label.ts";
import { type Bytes } from "../crypto/bytes.ts";
import { type AgreementKey } from "../crypto/keys.ts";
import { randomBytes } from "../crypto/primitives.ts";
import { countRows, logKey, type LogStore, readRow, type Row, rowOf } from "./log_key.ts";
import { answered } from "./store_error.ts";
import { transact } from "./transact.ts";

/** What a device published. */
export interface DevicePrekeys {
  /** The encoded set. */
  readonly set: Bytes;
  /** The device's signature over it. */
  readonly signature: Bytes;
  /** `deviceEntryHash` that the set names. */
  readonly entryHash: Bytes;
  /** The set's number. */
  readonly setNumber: number;
  /** Start of validity, Unix milliseconds. */
  readonly notBeforeMs: number;
  /** End of validity, Unix milliseconds. */
  readonly notAfterMs: number;
  /** The one-time prekeys in the set's order, also those that are spent: paths need them all. */
  readonly opks: readonly AgreementKey[];
  /** Which of them are left. */
  readonly left: readonly number[];
}

/** A device's prekeys with the one-time prekey that was taken for the asker. */
export interface TakenPrekeys {
  /** The device. */
  readonly deviceId: number;
  /** Its prekeys. */
  readonly prekeys: DevicePrekeys;
  /** The place of the one-time prekey, or null where none was left. */
  readonly opkIndex: number | null;
}

/** A device's prekeys, or null where it published none. */
export function readPrekeys(
  log: LogStore,
  label: AccountLabel,
  deviceId: number,
): Promise<Row<DevicePrekeys> | null> {
  return readRow<DevicePrekeys>(log, prekeysKey(log, label, deviceId));
}

/** The numbers of a name's devices that have prekeys, also of those that it no longer lists. */
export async function listPrekeyDevices(log: LogStore, label: AccountLabel): Promise<number[]> {
  const devices: number[] = [];
  const selector = { prefix: logKey(log, "prekeys", label) };
  for await (const { key } of log.kv.list(selector)) devices.push(key.at(-1) as number);
  return devices;
}

/** Takes a device's prekeys away. */
export function deletePrekeys(
  log: LogStore,
  label: AccountLabel,
  deviceId: number,
): Deno.KvMutation {
  return { type: "delete", key: prekeysKey(log, label, deviceId) };
}

/** How many devices have prekeys. */
export function countPrekeys(log: LogStore): Promise<number> {
  return countRows(log, "prekeys");
}

/** That a device's prekeys are still those that were read. */
export function checkPrekeys(
  log: LogStore,
  label: AccountLabel,
  deviceId: number,
  read: Row<DevicePrekeys> | null,
): Deno.AtomicCheck {
  return { key: prekeysKey(log, label, deviceId), versionstamp: read?.versionstamp ?? null };
}

/** Replaces a device's prekeys. */
export function writePrekeys(
  log: LogStore,
  label: AccountLabel,
  deviceId: number,
  prekeys: DevicePrekeys,
): Deno.KvMutation {
  return { type: "set", key: prekeysKey(log, label, deviceId), value: prekeys };
}

/**
 * Takes the usable prekeys of every device, with a one-time prekey of each, all in one commit.
 *
 * Which one is left to chance: an order would tell the asker how many others asked.
 *
 * @param withOneTime whether one-time prekeys are taken at all
 * @param usable whether a device's prekeys may be handed out at all
 * @throws StoreError
 */
export function takePrekeys(
  log: LogStore,
  label: AccountLabel,
  deviceIds: readonly number[],
  withOneTime: boolean,
  usable: (deviceId: number, prekeys: DevicePrekeys) => boolean,
): Promise<readonly TakenPrekeys[]> {
  const keys = deviceIds.map((deviceId) => prekeysKey(log, label, deviceId));
  return transact(log.kv, async () => {
    const rows = await answered(log.kv.getMany<DevicePrekeys[]>(keys));
    const checks: Deno.AtomicCheck[] = [];
    const mutations: Deno.KvMutation[] = [];
    const taken: TakenPrekeys[] = [];
    deviceIds.forEach((deviceId, i) => {
      const row = rowOf<DevicePrekeys>(rows[i]!);
      if (row === null || !usable(deviceId, row.value)) return;
      const opkIndex = withOneTime ? oneOf(row.value.left) : null;
      taken.push({ deviceId, prekeys: row.value, opkIndex });
      if (opkIndex === null) return;
      const left = row.value.left.filter((index) => index !== opkIndex);
      checks.push(checkPrekeys(log, label, deviceId, row));
      mutations.push(writePrekeys(log, label, deviceId, { ...row.value, left }));
    });
    return mutations.length === 0 ? { done: taken } : { checks, mutations, then: taken };
  });
}

/** One at random; a slight unevenness tells nobody anything. */
function oneOf(indexes: readonly number[]): number | null {
  return indexes.length === 0 ? null : indexes[randomBytes(1)[0]! % indexes.length]!;
}

function prekeysKey(log: LogStore, label: AccountLabel, deviceId: number): Deno.KvKey {
  return logKey(log, "prekeys", label, deviceId);
}
