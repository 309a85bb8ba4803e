/**
 * Which device has which key, after the log was rebuilt: what the records say that are left, and
 * nothing else.
 *
 *     a key of a record that is left       its device's, also where the row was lost or changed
 *     a key of no record that is left      nobody's, until its owner brings the record again
 *     a former key of a name that ended    stays, since nothing is left that shows it
 *
 * @module
 */

import { type AccountLabel } from "../crypto/account_label.ts";
import { type Bytes, toHex } from "../crypto/bytes.ts";
import { type IdentityRecord } from "../crypto/record.ts";
import { deleteKeyOwner, type KeyOwner, listKeyOwners, writeKeyOwner } from "../kv/device_keys.ts";
import { type LogStore } from "../kv/log_key.ts";
import { commitInParts } from "../kv/transact.ts";

/** A key and its device. */
interface OwnedKey {
  readonly key: Bytes;
  readonly owner: KeyOwner;
}

/** What the records say that are left. */
export interface LeftKeys {
  /** Every key of them, by its hexadecimal. */
  readonly owned: Map<string, OwnedKey>;
  /** Names that ended. */
  readonly ended: Set<AccountLabel>;
}

/** Adds the keys of a record. */
export function addKeys(left: LeftKeys, label: AccountLabel, { devices }: IdentityRecord): void {
  for (const { entry: { deviceId, signing, identity } } of devices) {
    for (const key of [signing, identity] as const) {
      left.owned.set(toHex(key), { key, owner: { label, deviceId } });
    }
  }
}

/** Makes the rows what the records say. Doing it again changes nothing. @throws StoreError */
export async function recoverKeys(log: LogStore, { owned, ended }: LeftKeys): Promise<void> {
  const missing = new Map(owned);
  const gone: Bytes[] = [];
  for await (const { key, owner } of listKeyOwners(log)) {
    const name = toHex(key);
    const said = owned.get(name)?.owner;
    if (said === undefined) {
      if (!ended.has(owner.label)) gone.push(key);
    } else if (said.label === owner.label && said.deviceId === owner.deviceId) {
      missing.delete(name);
    }
  }
  await commitInParts(log.kv, [
    ...gone.map((key) => deleteKeyOwner(log, key)),
    ...Array.from(missing.values(), ({ key, owner }) => writeKeyOwner(log, key, owner)),
  ]);
}
