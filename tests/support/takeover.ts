/**
 * Mallory's device under somebody's name, as an operator would put it into the log.
 *
 * @module
 */

import { type AccountLabel } from "../../crypto/account_label.ts";
import { type Bytes } from "../../crypto/bytes.ts";
import { bindDevice } from "../../crypto/device_entry.ts";
import { type DeviceKeys, generateDeviceKeys } from "../../crypto/keys.ts";
import { type BoundDevice, nextRecord, signRecord } from "../../crypto/record.ts";
import { type Context } from "../../core/context.ts";
import { entryOf, ORIGIN } from "./service_core.ts";

/** A device that Mallory has, bound to a name. */
async function foreignDevice(
  label: AccountLabel,
  deviceId: number,
): Promise<{ keys: DeviceKeys; device: BoundDevice }> {
  const account = { origin: ORIGIN, label };
  const keys = await generateDeviceKeys();
  const entry = { ...entryOf(keys, Date.now()), deviceId };
  return { keys, device: { entry, binding: await bindDevice(account, entry, keys.signing) } };
}

/** A name with Mallory's device, signed by Mallory and by whoever the kind needs, if it can be had. */
export async function takeover(
  ctx: Context,
  label: AccountLabel,
  kind: "update" | "reset",
): Promise<Bytes> {
  const account = { origin: ORIGIN, label };
  const before = (await ctx.accounts.record(label))!;
  const { keys: { signing }, device } = await foreignDevice(label, before.version + 2);
  const record = nextRecord(before, { kind, devices: [device], issuedMs: Date.now() });
  return await signRecord(account, record, [
    { role: "self", signing },
    kind === "reset"
      ? { role: "operator", signing: ctx.keys.operator }
      : { role: "previous", signing },
  ]);
}
