/**
 * Recovery: a key on paper, whose hash stands in the account's record, brings the account to a new device
 * when every other one is lost.
 *
 * @module
 */

import { type AccountLabel } from "../crypto/account_label.ts";
import { equal } from "../crypto/bytes.ts";
import { type SigningKeyPair } from "../crypto/keys.ts";
import { nextRecord, signRecord, type VerifiedRecord } from "../crypto/record.ts";
import { openRecoveryCode, recoveryHash } from "../crypto/recovery_code.ts";
import { type Account, type Registry } from "./account.ts";
import { claimName } from "./claim.ts";
import { bindNew, nextDeviceId, updateRecord } from "./devices.ts";
import { lookUpAsOwner } from "./directory.ts";
import { ClientError, toClientError } from "./error.ts";
import { type World } from "./world.ts";

export { newRecoveryCode } from "../crypto/recovery_code.ts";

/** Puts the key of a code into the record; a code before it opens nothing any more. @throws ClientError */
export async function setRecoveryKey(world: World, code: string): Promise<Account> {
  const recovery = recoveryHash(await keyOf(code));
  const isSet = (record: VerifiedRecord): boolean => equal(record.recovery, recovery);
  return await updateRecord(
    world,
    (record) => isSet(record) ? null : { devices: record.devices, recovery },
    isSet,
  );
}

/**
 * Makes this device the only one of an account whose recovery code somebody typed. The code stays good.
 *
 * @throws ClientError `bad_recovery_code`, `reset_pending`, `refused`
 */
export async function recoverAccount(
  registry: Registry,
  label: AccountLabel,
  deviceName: string,
  code: string,
): Promise<Account> {
  const recovery = await keyOf(code);
  const { now } = registry;
  return await claimName(registry, "recover", label, async (keys) => {
    const before = await recordFor(registry, label, recovery);
    const place = { deviceId: nextDeviceId(before), addedMs: now(), name: deviceName };
    const devices = [await bindNew(before.account, keys, place)];
    const next = nextRecord(before, { kind: "recover", devices, issuedMs: now() });
    const record = await signRecord(before.account, next, [
      { role: "self", signing: keys.signing },
      { role: "recovery", signing: recovery },
    ]);
    return { record, authorization: null };
  });
}

/** The newest record, which names the key. @throws ClientError `bad_recovery_code` */
async function recordFor(
  { http, trust }: Registry,
  label: AccountLabel,
  recovery: SigningKeyPair,
): Promise<VerifiedRecord> {
  let record: VerifiedRecord;
  try {
    record = await lookUpAsOwner(http, trust, label, recovery, null);
  } catch (error) {
    if (error instanceof ClientError && error.problem === "forbidden") throw notItsCode();
    throw error;
  }
  if (!equal(record.recovery, recoveryHash(recovery))) throw notItsCode();
  return record;
}

async function keyOf(code: string): Promise<SigningKeyPair> {
  try {
    return await openRecoveryCode(code);
  } catch (error) {
    throw toClientError(error, "bad_recovery_code");
  }
}

function notItsCode(): ClientError {
  return new ClientError("bad_recovery_code", "This is not the recovery code of that name");
}
