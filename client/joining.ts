/**
 * A device that another one may have put into its account meanwhile: its keys are kept until the log
 * says whether it did.
 *
 * @module
 */

import { type Bytes, equal } from "../crypto/bytes.ts";
import { parseVerifyingKey, type SigningKeyPair } from "../crypto/keys.ts";
import {
  ACCOUNT,
  type Account,
  accountOf,
  claimPlace,
  JOINING,
  lookUpOwn,
  type Registry,
  type StoredJoin,
} from "./account.ts";
import { change, forget, keep, readCell } from "./cell.ts";
import { ClientError } from "./error.ts";

/** After how long a record that names this device can't come any more, in milliseconds. */
const HOPE_MS = 20 * 60_000;

/** Keeps a device's keys before it agrees to stand in an account. @throws ClientError `refused` */
export function keepJoining({ store }: Registry, joining: StoredJoin): Promise<void> {
  return change(store, [ACCOUNT], ([held]) => {
    if (held !== null) {
      throw new ClientError("refused", "This device already has another account");
    }
    return { changes: keep(JOINING, joining), result: undefined };
  });
}

/**
 * The account, if the log has this device in it by now; null where it has not, or nothing waits.
 *
 * @throws ClientError
 */
export async function finishJoining(registry: Registry): Promise<Account | null> {
  const { store, trust, now } = registry;
  const held = await readCell(store, JOINING);
  if (held === null) return null;
  const { label, deviceId, signing, identity, signingKey, addedMs } = held;
  const pair: SigningKeyPair = { publicKey: parseVerifyingKey(signingKey), privateKey: signing };
  try {
    const record = await lookUpOwn(registry, label, { label, signing: pair });
    const stored = { label, deviceId, record: record.bytes, signing, identity };
    const account = accountOf(stored, trust.origin);
    if (!isOwn(account, signingKey)) return null;
    await claimPlace(store, stored);
    await forgetJoining(registry);
    return account;
  } catch (error) {
    const isOut = error instanceof ClientError &&
      (error.problem === "unknown_device" || error.code === "device_removed");
    if (!isOut) throw error;
    // Not in it, or not yet: after a while it can't come any more.
    if (now() > addedMs + HOPE_MS) await forgetJoining(registry);
    return null;
  }
}

function isOwn({ self }: Account, signingKey: Bytes): boolean {
  return equal(self.entry.signing, signingKey);
}

function forgetJoining({ store }: Registry): Promise<void> {
  return change(store, [], () => ({ changes: forget(JOINING), result: undefined }));
}
