/**
 * Resets: a name for somebody who lost every device, by the word of whom the name policy believes; and
 * cancelling one, by a device that was there before.
 *
 *     reset     fresh keys, signed by them and by the operator; whoever knows the person has to agree
 *     cancel    exactly the devices before the reset, signed by one of them, within 72 hours
 *
 * @module
 */

import { type AccountLabel } from "../crypto/account_label.ts";
import { type Bytes } from "../crypto/bytes.ts";
import { HASH_BYTES } from "../crypto/primitives.ts";
import { nextRecord, signRecord, type VerifiedRecord } from "../crypto/record.ts";
import { type Account, followRecord, type Registry } from "./account.ts";
import { authorizationFor, type Authorize, namePolicyOf } from "./authorization.ts";
import { claimName } from "./claim.ts";
import { bindNew, nextDeviceId } from "./devices.ts";
import { lookUpAsOwner, submitRecord } from "./directory.ts";
import { bringing } from "./name_request.ts";
import { ClientError } from "./error.ts";
import { type World } from "./world.ts";

/** Whoever had the recovery key of the name has it no more. */
const NO_RECOVERY: Bytes = new Uint8Array(HASH_BYTES);

/**
 * Resets a name to this device, with fresh keys.
 *
 * @throws ClientError `authorization_required`, `unknown_name`, `name_retired`, `reset_pending`, `refused`
 */
export function resetAccount(
  registry: Registry,
  label: AccountLabel,
  deviceName: string,
  authorize: Authorize,
): Promise<Account> {
  const { http, trust, now } = registry;
  return claimName(registry, "reset", label, async (keys) => {
    const method = await namePolicyOf(http);
    if (method === "open") {
      throw new ClientError("refused", "Nobody there can say whose a name is: none is reset");
    }
    const { signing } = keys;
    const { token, auth } = await authorizationFor(method, signing.publicKey, authorize);
    const before = await lookUpAsOwner(http, trust, label, signing, token);
    const deviceId = nextDeviceId(before);
    const place = { deviceId, addedMs: now(), name: deviceName };
    const devices = [await bindNew(before.account, keys, place)];
    const change = {
      kind: "reset",
      devices,
      recovery: NO_RECOVERY,
      auth,
      issuedMs: now(),
    } as const;
    const record = await signRecord(before.account, nextRecord(before, change), [
      { role: "self", signing },
    ]);
    return { record, authorization: token };
  });
}

/**
 * Cancels a reset of this account: it has exactly the devices from before again. Where there is none to
 * cancel, or another device was faster, the account is only looked up.
 *
 * @throws ClientError `device_removed`, and `refused` where it is too late
 */
export async function cancelReset(world: World): Promise<Account> {
  const { store, http, trust, now } = world;
  for (let attempt = 0;; attempt++) {
    const { label, record: { bytes } } = world.account;
    const { records } = await trust.people.trace(label, "contact", bringing(http, label, bytes));
    const at = records.findLastIndex(({ kind }) => kind === "reset" || kind === "cancel");
    const [before, reset, next] = [records[at - 1], records[at], records[at + 1]];
    if (reset?.kind !== "reset") return await world.refresh();
    if (before === undefined || next !== undefined) {
      throw new ClientError("refused", "It is too late to cancel this reset");
    }
    // The account was this record, also where this device did not hear of it.
    const account = await followRecord(store, world.account, before);
    try {
      const cancel = await signCancel(account, before, reset, now());
      const { record } = await submitRecord(http, trust, label, cancel);
      return await followRecord(store, account, record);
    } catch (error) {
      const isLate = error instanceof ClientError && error.problem === "record_conflict";
      if (!isLate || attempt > 0) throw error;
    }
  }
}

/** All that the account had before the reset, and nothing of it. */
function signCancel(
  { self }: Account,
  { devices, recovery, auth }: VerifiedRecord,
  reset: VerifiedRecord,
  issuedMs: number,
): Promise<Bytes> {
  const { signing } = self.keys;
  const record = nextRecord(reset, { kind: "cancel", devices, recovery, auth, issuedMs });
  return signRecord(reset.account, record, [
    { role: "self", signing },
    { role: "previous", signing },
  ]);
}
