/**
 * A device that another one may have put into its account meanwhile: its keys are kept until the log
 * says whether it did.
 *
 * @module
 */

import { equal } from "../crypto/bytes.ts";
import { parseVerifyingKey, type SigningKeyPair } from "../crypto/keys.ts";
import { type VerifiedRecord } from "../crypto/record.ts";
import {
  ACCOUNT,
  type Account,
  accountOf,
  claimPlace,
  hasAccount,
  JOINING,
  lookUpOwn,
  type Registry,
  type StoredJoin,
} from "./account.ts";
import { change, forget, keep, readCell } from "./cell.ts";
import { ClientError } from "./error.ts";
import { type Store } from "./store.ts";
import { type Trace } from "./people.ts";

/** Keeps a device's keys before it agrees to stand in an account. @throws ClientError `refused` */
export function keepJoining({ store }: Registry, joining: StoredJoin): Promise<void> {
  return change(store, [ACCOUNT], ([held]) => {
    if (held !== null) throw hasAccount();
    return { changes: keep(JOINING, joining), result: undefined };
  });
}

/**
 * The account, if the log has this device in it by now; null where it has not, or nothing waits.
 *
 * The record that adds it has to follow on the one that the old device named: an account of the same name
 * that somebody else shows is another one. No clock decides when there is no more hope: the keys are kept
 * until the log holds another record in that place, or this device begins something else.
 *
 * @throws ClientError
 */
export async function finishJoining(registry: Registry): Promise<Account | null> {
  const { store, trust } = registry;
  const held = await readCell(store, JOINING);
  if (held === null) return null;
  const { label, deviceId, signing, identity, signingKey } = held;
  const pair: SigningKeyPair = { publicKey: parseVerifyingKey(signingKey), privateKey: signing };
  let trace: Trace;
  try {
    trace = await lookUpOwn(registry, label, { label, signing: pair });
  } catch (error) {
    // So says the service, which shows the log to the account's devices only: not in it, or not yet.
    if (error instanceof ClientError && error.problem === "unknown_device") return null;
    throw error;
  }
  const { records, contested } = trace;
  const newest = records.at(-1)!;
  if (newest.version <= held.version) return null;
  const adding = records.find(({ version }) => version === held.version + 1);
  if (adding === undefined || !equal(adding.prev, held.recordHash)) {
    await forgetJoining(store, held);
    throw new ClientError("proof_invalid", "The log shows another account than the other device's");
  }
  if (!lists(adding, held) || !lists(newest, held)) {
    await forgetJoining(store, held);
    return null;
  }
  // Whom somebody else would have to ask has said so on the other device.
  if (contested !== null) await trust.people.confirm(label, contested.hash);
  const stored = { label, deviceId, record: newest.bytes, signing, identity };
  await claimPlace(store, stored);
  await forgetJoining(store, held);
  return accountOf(stored, trust.origin);
}

function lists({ devices }: VerifiedRecord, { deviceId, signingKey }: StoredJoin): boolean {
  return devices.some(({ entry }) =>
    entry.deviceId === deviceId && equal(entry.signing, signingKey)
  );
}

/** Forgets a join, unless another tab began one meanwhile. */
function forgetJoining(store: Store, { signingKey, recordHash }: StoredJoin): Promise<void> {
  return change(store, [JOINING], ([held]) => {
    const isSame = held !== null && equal(held.signingKey, signingKey) &&
      equal(held.recordHash, recordHash);
    return { changes: isSame ? forget(JOINING) : {}, result: undefined };
  });
}
