/**
 * Retirement: the end of a name, for everybody and for good, and of all that this device has of it.
 *
 * The record that ends it is stored before it is sent, because a service that lost its answer tells the
 * name's end to that record only. Nothing is erased here before the log proves it.
 *
 * @module
 */

import { type Bytes } from "../crypto/bytes.ts";
import { nextRecord, signRecord } from "../crypto/record.ts";
import { ACCOUNT, JOINING, NEXT } from "./account.ts";
import { cell, change, forget, keep, readCell } from "./cell.ts";
import { CLAIM } from "./claim.ts";
import { submitRecord } from "./directory.ts";
import { ClientError } from "./error.ts";
import { forgetPrekeys, SETS } from "./prekey_sets.ts";
import { type Store } from "./store.ts";
import { type World } from "./world.ts";

/** The record that ends the name, from when it was made until the log has it. */
const ENDING = cell<Bytes>("account/ending");

/** Ends the account's name, and wipes the account. @throws ClientError `reset_pending`, `device_removed` */
export async function retireAccount(world: World): Promise<void> {
  const { store, http, trust } = world;
  const { label } = world.account;
  const unfinished = await readCell(store, ENDING);
  for (let attempt = 0;; attempt++) {
    const isOld = attempt === 0 && unfinished !== null;
    const record = isOld ? unfinished : await makeEnding(world);
    try {
      await submitRecord(http, trust, label, record);
    } catch (error) {
      if (!(error instanceof ClientError)) throw error;
      // The log proves the end; by a problem only the service says so.
      if (error.code === "name_retired" && error.problem === null) return await wipe(store);
      const isLate = error.problem === "record_conflict" || error.problem === "bad_record";
      if (!isLate || attempt > 1) throw error;
      continue;
    }
    throw new ClientError("proof_invalid", "The log does not hold the end of this name");
  }
}

/** Makes and stores the record that follows on the newest one. */
async function makeEnding(world: World): Promise<Bytes> {
  const { record, self } = await world.refresh();
  const next = nextRecord(record, { kind: "retire", devices: [], issuedMs: world.now() });
  const bytes = await signRecord(record.account, next, [
    { role: "previous", signing: self.keys.signing },
  ]);
  await change(world.store, [], () => ({ changes: keep(ENDING, bytes), result: undefined }));
  return bytes;
}

/** Erases the account and every key of it; what is known of others stays. */
function wipe(store: Store): Promise<void> {
  return change(store, [SETS], ([sets]) => {
    const cells = [ACCOUNT, NEXT, JOINING, CLAIM, ENDING];
    const changes = Object.assign(forgetPrekeys(sets), ...cells.map(forget));
    return { changes, result: undefined };
  });
}
