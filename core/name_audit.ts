/**
 * An audit of the names beside the log: each name's state, value and place in the pool agree with
 * what the log committed to, and with each other.
 *
 *     sequenced   value -> VRF under CONFIG's key -> pair in the BATCH -> commitment -> record
 *     pending     the state names a pool entry that is there, and the other way round
 *     pairs       every pair of the log belongs to one name
 *     keys        every device's keys belong to that device, and no others to any
 *     prekeys     signed by a device of a name in the log, and what is left is among them
 *     rows        no value, key or prekeys that no name explains
 *
 * Faults count names in the store's order instead of naming them.
 *
 * @module
 */

import { type AccountLabel } from "../crypto/account_label.ts";
import { type Bytes, equal, toHex } from "../crypto/bytes.ts";
import { checkCommitment, vrfInput } from "../crypto/commitment.ts";
import { CryptoError } from "../crypto/error.ts";
import { type BatchPair, type LogConfig } from "../crypto/log_entry.ts";
import { type VerifiedRecord, verifyGenesis } from "../crypto/record.ts";
import { vrfVerify } from "../crypto/vrf.ts";
import { countKeyOwners, readKeyOwners } from "../kv/device_keys.ts";
import { type LogStore } from "../kv/log_key.ts";
import { type PoolEntry, readPool } from "../kv/pool.ts";
import { countPrekeys, readPrekeys } from "../kv/prekeys.ts";
import {
  countValues,
  type LabelState,
  listLabels,
  readValue,
  type RecordValue,
} from "../kv/records.ts";
import { openPublication } from "./prekeys.ts";

/** How many names there are. */
export interface NameCount {
  /** Names that the log holds. */
  readonly names: number;
  /** Names whose record waits in the pool. */
  readonly pending: number;
}

type Batches = ReadonlyMap<number, readonly BatchPair[]>;

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
  const count = { names: 0, pending: 0 };
  const opened = new Set<string>();
  const explained = { keys: 0, prekeys: 0 };
  let areSound = true;
  let number = 0;
  for await (const { label, state } of listLabels(log)) {
    number++;
    try {
      if (state.poolId !== null) {
        count.pending++;
        const entry = pool.get(state.poolId);
        pool.delete(state.poolId);
        const record = await auditPending(log, config, label, state, entry);
        explained.keys += keysOf(record);
      } else {
        count.names++;
        const { vrfOutput, record } = await auditSequenced(log, config, batches, label, state);
        opened.add(toHex(vrfOutput));
        explained.keys += keysOf(record);
        explained.prekeys += await auditPrekeys(log, record);
      }
    } catch (error) {
      areSound = false;
      if (!(error instanceof CryptoError) && !(error instanceof NameFault)) throw error;
      faults.push(`Name ${number}: ${error.message}`);
    }
  }
  if (pool.size > 0) faults.push(`The pool has ${pool.size} entries that no name knows`);
  let pairs = 0;
  for (const batch of batches.values()) pairs += batch.length;
  if (pairs !== opened.size) {
    faults.push(`The log has ${pairs} pairs, and the names explain ${opened.size}`);
  }
  // Behind a name with a fault, nobody knows what is its own.
  if (areSound) await auditRest(log, { values: count.names, ...explained }, faults);
  return count;
}

/** Finds what is there besides that which the names explain. */
async function auditRest(
  log: LogStore,
  explained: { readonly values: number; readonly keys: number; readonly prekeys: number },
  faults: string[],
): Promise<void> {
  const values = await countValues(log) - explained.values;
  if (values > 0) faults.push(`The store has ${values} values that no name knows`);
  const keys = await countKeyOwners(log) - explained.keys;
  if (keys > 0) faults.push(`The store has ${keys} keys that are no device's`);
  const prekeys = await countPrekeys(log) - explained.prekeys;
  if (prekeys > 0) faults.push(`The store has ${prekeys} sets of prekeys that are no device's`);
}

/** What an audit of one record shows. */
interface AuditedRecord {
  /** The record. */
  readonly record: VerifiedRecord;
  /** The name's index. */
  readonly vrfOutput: Bytes;
}

/** @throws NameFault, CryptoError */
async function auditSequenced(
  log: LogStore,
  config: LogConfig,
  batches: Batches,
  label: AccountLabel,
  state: LabelState,
): Promise<AuditedRecord> {
  if (state.version !== 0) throw new NameFault("it has a version that this log cannot hold");
  const value = await readValue(log, label, state.version);
  if (value === null) throw new NameFault("its value is missing");
  const batch = batches.get(value.batchIndex);
  if (batch === undefined) throw new NameFault("its BATCH is not in the log");
  const audited = await auditRecord(log, config, label, state, value);
  const pair = batch.find((pair) => equal(pair.vrfOutput, audited.vrfOutput));
  if (pair === undefined) throw new NameFault("its BATCH does not hold it");
  const { version } = state;
  checkCommitment(pair.commitment, value.opening, { label, version, value: value.record });
  return audited;
}

async function auditPending(
  log: LogStore,
  config: LogConfig,
  label: AccountLabel,
  state: LabelState,
  entry: PoolEntry | undefined,
): Promise<VerifiedRecord> {
  if (entry === undefined) throw new NameFault("it waits for a pool entry that is not there");
  if (entry.label !== label || entry.version !== state.version) {
    throw new NameFault("its pool entry is another name's");
  }
  const { record, vrfOutput } = await auditRecord(log, config, label, state, entry);
  if (!equal(vrfOutput, entry.vrfOutput)) throw new NameFault("its pool entry has another index");
  const { version } = state;
  checkCommitment(entry.commitment, entry.opening, { label, version, value: entry.record });
  return record;
}

/** @throws NameFault, CryptoError */
async function auditRecord(
  log: LogStore,
  config: LogConfig,
  label: AccountLabel,
  state: LabelState,
  value: Pick<RecordValue, "record" | "vrfProof">,
): Promise<AuditedRecord> {
  const record = await verifyGenesis({ origin: log.origin, label }, value.record);
  if (!equal(record.hash, state.recordHash)) throw new NameFault("its state is of another record");
  if (record.version !== state.version) throw new NameFault("its state has another version");
  await auditKeys(log, label, record);
  const alpha = vrfInput(label, state.version);
  const vrfOutput = vrfVerify(config.vrfPublicKey, alpha, value.vrfProof).slice(0, 32);
  return { record, vrfOutput };
}

async function auditKeys(
  log: LogStore,
  label: AccountLabel,
  record: VerifiedRecord,
): Promise<void> {
  for (const { entry } of record.devices) {
    const owners = await readKeyOwners(log, [entry.signing, entry.identity]);
    for (const owner of owners) {
      if (owner?.label === label && owner.deviceId === entry.deviceId) continue;
      throw new NameFault("a key of it is not registered as its device's");
    }
  }
}

function keysOf(record: VerifiedRecord): number {
  return 2 * record.devices.length;
}

/** @returns how many devices have prekeys @throws NameFault, CryptoError */
async function auditPrekeys(log: LogStore, record: VerifiedRecord): Promise<number> {
  let count = 0;
  for (const { entry } of record.devices) {
    const held = (await readPrekeys(log, record.account.label, entry.deviceId))?.value;
    if (held === undefined) continue;
    count++;
    const { prekeys } = await openPublication(record, entry, held);
    const isSame = equal(prekeys.entryHash, held.entryHash) &&
      prekeys.setNumber === held.setNumber && prekeys.notBeforeMs === held.notBeforeMs &&
      prekeys.notAfterMs === held.notAfterMs;
    if (!isSame) throw new NameFault("its prekeys are not what their set says");
    // Ascending, so none twice; and the last is there.
    const isLeft = held.left.every((index, i) => index > (held.left[i - 1] ?? -1)) &&
      (held.left.at(-1) ?? -1) < held.opks.length;
    if (!isLeft) throw new NameFault("its prekeys that are left are not among its prekeys");
  }
  return count;
}

/** Something wrong with one name. */
class NameFault extends Error {}
