/**
 * An audit of the names beside the log: each name's state, versions and place in the pool agree with
 * what the log committed to, and with each other.
 *
 *     versions    value -> VRF under CONFIG's key -> pair in the BATCH -> commitment -> record, and each
 *                 record follows on the one before it
 *     retired     of a name that ended, the versions before its end may be erased, and nothing else
 *     pending     the state names a pool entry that is there, and the other way round
 *     pairs       every pair of the log belongs to one version of one name
 *     keys        every device's keys belong to that device, and no others to any
 *     prekeys     signed by a device of a name, and what is left is among them; written down as its own
 *     rows        no value, key or prekeys that no name explains
 *
 * Faults count names in the store's order instead of naming them.
 *
 * @module
 */

import { type AccountLabel } from "../crypto/account_label.ts";
import { equal, toHex } from "../crypto/bytes.ts";
import { CryptoError } from "../crypto/error.ts";
import { type LogConfig } from "../crypto/log_entry.ts";
import { type VerifiedRecord } from "../crypto/record.ts";
import { listKeyOwners } from "../kv/device_keys.ts";
import { type LogStore } from "../kv/log_key.ts";
import { readLost } from "../kv/lost.ts";
import { type PoolEntry, readPool } from "../kv/pool.ts";
import { readPrekeyOwners } from "../kv/prekey_owners.ts";
import { countPrekeys, readPrekeys } from "../kv/prekeys.ts";
import { countValues, type LabelState, listLabels } from "../kv/records.ts";
import { auditVersions, type Batches, NameFault } from "./version_audit.ts";
import { ownedUntil } from "./prekey_claim.ts";
import { openPublication } from "./prekeys.ts";

/** How many names there are. */
export interface NameCount {
  /** Names that the log holds. */
  readonly names: number;
  /** Names whose newest record waits in the pool. */
  readonly pending: number;
  /** Records that a recovery found lost, and that their owners have not brought again yet. */
  readonly lost: number;
}

/** What the names account for. */
interface Explained {
  /** Indexes whose commitment was opened, in hexadecimal. */
  readonly opened: Set<string>;
  /** Versions that were erased, each with a pair of the log that nobody opens any more. */
  erased: number;
  /** Values in the store. */
  values: number;
  /** Keys that have an owner. */
  keys: number;
  /** Devices with prekeys. */
  prekeys: number;
  /** Names of which versions were erased, whose former keys nothing shows. */
  readonly retired: Set<AccountLabel>;
}

/** Audits every name, and adds what is wrong to the faults. */
export async function auditNames(
  log: LogStore,
  config: LogConfig,
  batches: Batches,
  faults: string[],
): Promise<NameCount> {
  const pool = new Map(
    (await readPool(log, Number.MAX_SAFE_INTEGER)).map(({ id, entry }) => [id, entry]),
  );
  const explained: Explained = {
    opened: new Set(),
    erased: 0,
    values: 0,
    keys: 0,
    prekeys: 0,
    retired: new Set(),
  };
  const count = { names: 0, pending: 0, lost: 0 };
  let areSound = true;
  let number = 0;
  for await (const { label, state } of listLabels(log)) {
    number++;
    if (state.version > 0 || state.poolId === null) count.names++;
    if (state.poolId !== null) count.pending++;
    try {
      await auditName(log, config, batches, label, state, poolEntryOf(pool, state), explained);
    } catch (error) {
      areSound = false;
      if (!(error instanceof CryptoError) && !(error instanceof NameFault)) throw error;
      faults.push(`Name ${number}: ${error.message}`);
    }
  }
  if (pool.size > 0) faults.push(`The pool has ${pool.size} entries that no name knows`);
  // Behind a name with a fault, nobody knows what is its own.
  if (areSound) count.lost = await auditRest(log, batches, explained, faults);
  return count;
}

/** The entry that a state names, which is then accounted for. */
function poolEntryOf(pool: Map<string, PoolEntry>, { poolId }: LabelState): PoolEntry | null {
  if (poolId === null) return null;
  const entry = pool.get(poolId) ?? null;
  pool.delete(poolId);
  return entry;
}

/** @throws NameFault, CryptoError */
async function auditName(
  log: LogStore,
  config: LogConfig,
  batches: Batches,
  label: AccountLabel,
  state: LabelState,
  entry: PoolEntry | null,
  explained: Explained,
): Promise<void> {
  const { records, erased, opened, keys } = await auditVersions(log, config, batches, {
    label,
    state,
    entry,
  });
  for (const vrfOutput of opened) explained.opened.add(toHex(vrfOutput));
  explained.values += opened.length;
  explained.erased += erased;
  explained.keys += keys;
  if (erased > 0) explained.retired.add(label);
  const newest = records.at(-1)!;
  // The devices before a reset may come back, and keep their prekeys until that is decided.
  for (const { entry } of [...newest.devices, ...newest.contesting]) {
    explained.prekeys += await auditPrekeys(log, newest, entry);
  }
}

/** Finds what is there besides that which the names explain, and how many records are still lost. */
async function auditRest(
  log: LogStore,
  batches: Batches,
  explained: Explained,
  faults: string[],
): Promise<number> {
  let pairs = 0;
  for (const batch of batches.values()) pairs += batch.length;
  const known = explained.opened.size + explained.erased;
  const lost = pairs - known;
  if (lost < 0 || lost > await readLost(log)) {
    faults.push(`The log has ${pairs} pairs, and the names explain ${known}`);
  }
  const values = await countValues(log) - explained.values;
  if (values > 0) faults.push(`The store has ${values} values that no name knows`);
  let keys = -explained.keys;
  for await (const { owner } of listKeyOwners(log)) {
    if (!explained.retired.has(owner.label)) keys++;
  }
  if (keys > 0) faults.push(`The store has ${keys} keys that are no device's`);
  const prekeys = await countPrekeys(log) - explained.prekeys;
  if (prekeys > 0) faults.push(`The store has ${prekeys} sets of prekeys that are no device's`);
  return lost;
}

/** @returns how many sets of prekeys the device has, none or one @throws NameFault, CryptoError */
async function auditPrekeys(
  log: LogStore,
  record: VerifiedRecord,
  entry: VerifiedRecord["devices"][number]["entry"],
): Promise<number> {
  const held = (await readPrekeys(log, record.account.label, entry.deviceId))?.value;
  if (held === undefined) return 0;
  const { set, prekeys } = await openPublication(record, entry, held);
  const isSame = equal(prekeys.entryHash, held.entryHash) &&
    prekeys.setNumber === held.setNumber && prekeys.notBeforeMs === held.notBeforeMs &&
    prekeys.notAfterMs === held.notAfterMs;
  if (!isSame) throw new NameFault("its prekeys are not what their set says");
  const owned = ownedUntil(
    { label: record.account.label, deviceId: entry.deviceId },
    set.notAfterMs,
  );
  // One that has ended is forgotten by the store, so nobody misses it.
  const isOwned = (await readPrekeyOwners(log, [set.spk, set.kpk])).every((row) =>
    row === null || row.value.label === owned.label && row.value.deviceId === owned.deviceId &&
      row.value.expMs === owned.expMs
  );
  if (!isOwned) throw new NameFault("its prekeys are written down as another device's");
  // Ascending, so none twice; and the last is there.
  const isLeft = held.left.every((index, i) => index > (held.left[i - 1] ?? -1)) &&
    (held.left.at(-1) ?? -1) < held.opks.length;
  if (!isLeft) throw new NameFault("its prekeys that are left are not among its prekeys");
  return 1;
}
