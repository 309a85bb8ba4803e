/**
 * An audit of the names beside the log: each name's state, value and place in the pool agree with
 * what the log committed to, and with each other.
 *
 *     sequenced   value -> VRF under CONFIG's key -> pair in the BATCH -> commitment -> record
 *     pending     the state names a pool entry that is there, and the other way round
 *     pairs       every pair of the log belongs to one name
 *     keys        every device's keys belong to that device
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
import { readKeyOwners } from "../kv/device_keys.ts";
import { type LogStore } from "../kv/log_key.ts";
import { type PoolEntry, readPool } from "../kv/pool.ts";
import { type LabelState, listLabels, readValue } from "../kv/records.ts";

/** How many names there are. */
export interface NameCount {
  /** Names that the log holds. */
  readonly names: number;
  /** Names whose record waits in the pool. */
  readonly pending: number;
  /** Names whose value was erased, so that nothing but their state is left. */
  readonly erased: number;
}

type Batches = ReadonlyMap<number, readonly BatchPair[]>;

/** The parts of a value or a pool entry that are audited alike. */
type Committed = Pick<PoolEntry, "record" | "opening" | "vrfProof">;

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
  const count = { names: 0, pending: 0, erased: 0 };
  const opened = new Set<string>();
  let number = 0;
  for await (const { label, state } of listLabels(log)) {
    number++;
    try {
      if (state.poolId === null) {
        count.names++;
        const batch = batchOf(batches, state);
        const value = await readValue(log, label, state.version);
        if (value === null) count.erased++;
        else opened.add(await auditSequenced(log, config, batch, label, state, value));
      } else {
        count.pending++;
        const entry = pool.get(state.poolId);
        pool.delete(state.poolId);
        await auditPending(log, config, label, state, entry);
      }
    } catch (error) {
      if (!(error instanceof CryptoError) && !(error instanceof NameFault)) throw error;
      faults.push(`Name ${number}: ${error.message}`);
    }
  }
  if (pool.size > 0) faults.push(`The pool has ${pool.size} entries that no name knows`);
  let pairs = 0;
  for (const batch of batches.values()) pairs += batch.length;
  const explained = opened.size + count.erased;
  if (pairs !== explained) {
    faults.push(`The log has ${pairs} pairs, and the names explain ${explained}`);
  }
  return count;
}

/** The BATCH that a state names, also where the value is erased. @throws NameFault */
function batchOf(batches: Batches, state: LabelState): readonly BatchPair[] {
  if (state.version !== 0) throw new NameFault("it has a version that this log cannot hold");
  const batch = state.batchIndex === null ? undefined : batches.get(state.batchIndex);
  if (batch === undefined) throw new NameFault("its BATCH is not in the log");
  return batch;
}

/** @returns the pair's index in hexadecimal @throws NameFault, CryptoError */
async function auditSequenced(
  log: LogStore,
  config: LogConfig,
  batch: readonly BatchPair[],
  label: AccountLabel,
  state: LabelState,
  value: Committed,
): Promise<string> {
  const vrfOutput = await auditRecord(log, config, label, state, value);
  const pair = batch.find((pair) => equal(pair.vrfOutput, vrfOutput));
  if (pair === undefined) throw new NameFault("its BATCH does not hold it");
  const { version } = state;
  checkCommitment(pair.commitment, value.opening, { label, version, value: value.record });
  return toHex(vrfOutput);
}

async function auditPending(
  log: LogStore,
  config: LogConfig,
  label: AccountLabel,
  state: LabelState,
  entry: PoolEntry | undefined,
): Promise<void> {
  if (entry === undefined) throw new NameFault("it waits for a pool entry that is not there");
  if (state.batchIndex !== null) throw new NameFault("it is in the pool and in the log at once");
  if (entry.label !== label || entry.version !== state.version) {
    throw new NameFault("its pool entry is another name's");
  }
  const vrfOutput = await auditRecord(log, config, label, state, entry);
  if (!equal(vrfOutput, entry.vrfOutput)) throw new NameFault("its pool entry has another index");
  const { version } = state;
  checkCommitment(entry.commitment, entry.opening, { label, version, value: entry.record });
}

/** @returns the name's index @throws NameFault, CryptoError */
async function auditRecord(
  log: LogStore,
  config: LogConfig,
  label: AccountLabel,
  state: LabelState,
  value: Committed,
): Promise<Bytes> {
  const record = await verifyGenesis({ origin: log.origin, label }, value.record);
  if (!equal(record.hash, state.recordHash)) throw new NameFault("its state is of another record");
  if (record.version !== state.version) throw new NameFault("its state has another version");
  await auditKeys(log, label, record);
  const alpha = vrfInput(label, state.version);
  return vrfVerify(config.vrfPublicKey, alpha, value.vrfProof).slice(0, 32);
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

/** Something wrong with one name. */
class NameFault extends Error {}
