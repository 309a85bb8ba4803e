/**
 * Where each device is woken: its push subscription (RFC 8030), at most one.
 *
 *     ["log", origin, "push", label, device] -> PushRow
 *
 * The row names the device's signing key: it is nobody else's subscription, whatever becomes of the
 * name. It goes with the device; whoever reads it still asks whether the device is a current one.
 *
 * @module
 */

import { type AccountLabel } from "../crypto/account_label.ts";
import { type Bytes } from "../crypto/bytes.ts";
import { type VerifyingKey } from "../crypto/keys.ts";
import { type PushKeys } from "../crypto/web_push.ts";
import { logKey, type LogStore, readRow, type Row } from "./log_key.ts";

/** A device's subscription. */
export interface PushRow extends PushKeys {
  /** Where its push service takes messages: whoever knows it, and has the keys, can wake the device. */
  readonly endpoint: string;
  /** P-256, 65 bytes. */
  readonly p256dh: Bytes;
  /** 16 bytes. */
  readonly auth: Bytes;
  /** The signing key of the device that brought it. */
  readonly signing: VerifyingKey;
  /** When it ends as its browser says, Unix milliseconds, or null. */
  readonly expMs: number | null;
}

/** A device's subscription, or null. @throws StoreError */
export function readPush(
  log: LogStore,
  label: AccountLabel,
  deviceId: number,
): Promise<Row<PushRow> | null> {
  return readRow<PushRow>(log, pushKey(log, label, deviceId));
}

/** Replaces a device's subscription. */
export function writePush(
  log: LogStore,
  label: AccountLabel,
  deviceId: number,
  row: PushRow,
): Deno.KvMutation {
  return { type: "set", key: pushKey(log, label, deviceId), value: row };
}

/** Takes a device's subscription away. */
export function deletePush(
  log: LogStore,
  label: AccountLabel,
  deviceId: number,
): Deno.KvMutation {
  return { type: "delete", key: pushKey(log, label, deviceId) };
}

/** That a device's subscription is still the one that was read. */
export function checkPush(
  log: LogStore,
  label: AccountLabel,
  deviceId: number,
  read: Row<PushRow> | null,
): Deno.AtomicCheck {
  return { key: pushKey(log, label, deviceId), versionstamp: read?.versionstamp ?? null };
}

/** The numbers of a name's devices that have a subscription, also of those that it no longer lists. */
export async function listPushDevices(log: LogStore, label: AccountLabel): Promise<number[]> {
  const devices: number[] = [];
  const selector = { prefix: logKey(log, "push", label) };
  for await (const { key } of log.kv.list(selector)) devices.push(key.at(-1) as number);
  return devices;
}

function pushKey(log: LogStore, label: AccountLabel, deviceId: number): Deno.KvKey {
  return logKey(log, "push", label, deviceId);
}
