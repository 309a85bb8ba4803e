/**
 * An audit of one name's versions: what the log committed to, and that each follows on the last.
 *
 * @module
 */

import { type AccountLabel } from "../crypto/account_label.ts";
import { type Bytes, equal, toHex } from "../crypto/bytes.ts";
import { checkCommitment, vrfInput } from "../crypto/commitment.ts";
import { type BatchPair, type LogConfig } from "../crypto/log_entry.ts";
import { decodeRecord, type VerifiedRecord, verifyNext } from "../crypto/record.ts";
import { vrfVerifiedOutput } from "../crypto/vrf.ts";
import { readKeyOwners } from "../kv/device_keys.ts";
import { type LogStore } from "../kv/log_key.ts";
import { type PoolEntry } from "../kv/pool.ts";
import { type LabelState, readValue, type RecordValue } from "../kv/records.ts";
import { acceptedRecord } from "./account.ts";

/** The log's BATCHes by their index. */
export type Batches = ReadonlyMap<number, readonly BatchPair[]>;

/** Something wrong with one name. */
export class NameFault extends Error {}

/** A name as the store has it. */
export interface AuditedName {
  readonly label: AccountLabel;
  readonly state: LabelState;
  /** What the pool has of it, or null. */
  readonly entry: PoolEntry | null;
}

/** What an audit of a name's versions shows. */
export interface VersionAudit {
  /** The records that are there, oldest first. */
  readonly records: readonly VerifiedRecord[];
  /** How many were erased. */
  readonly erased: number;
  /** The indexes of those that the log holds. */
  readonly opened: readonly Bytes[];
  /** How many different keys their devices have. */
  readonly keys: number;
}

/** Audits every version of a name. @throws NameFault, CryptoError */
export async function auditVersions(
  log: LogStore,
  config: LogConfig,
  batches: Batches,
  { label, state, entry }: AuditedName,
): Promise<VersionAudit> {
  const records: VerifiedRecord[] = [];
  const opened: Bytes[] = [];
  const keys = new Set<string>();
  let erased = 0;
  let before: VerifiedRecord | null = null;
  for (let version = 0; version <= state.version; version++) {
    const isPending = state.poolId !== null && version === state.version;
    const held = isPending ? entry : await readValue(log, label, version);
    if (held === null) {
      if (isPending) throw new NameFault("it waits for a pool entry that is not there");
      if (records.length > 0 || version === state.version) {
        throw new NameFault("its value is missing");
      }
      erased++;
      continue;
    }
    const record: VerifiedRecord = erased === 0
      ? await verifyNext({ origin: log.origin, label }, config.operatorKey, before, held.record)
      : await auditEnd(log, label, held.record);
    if (record.version !== version) throw new NameFault("its state has another version");
    const vrfOutput = vrfVerifiedOutput(
      config.vrfPublicKey,
      vrfInput(label, version),
      held.vrfProof,
    );
    if ("batchIndex" in held) {
      auditPair(batches, label, version, vrfOutput, held);
      opened.push(vrfOutput);
    } else {
      auditPooled(label, version, vrfOutput, held);
    }
    for (const key of await auditKeys(log, label, record)) keys.add(key);
    records.push(record);
    before = record;
  }
  if (!equal(before!.hash, state.recordHash)) throw new NameFault("its state is of another record");
  return { records, erased, opened, keys: erased > 0 ? 0 : keys.size };
}

/** What is left of a name behind erased versions can only be its end. */
async function auditEnd(log: LogStore, label: AccountLabel, bytes: Bytes): Promise<VerifiedRecord> {
  if (decodeRecord(bytes).kind !== "retire") throw new NameFault("its value is missing");
  return await acceptedRecord(log, label, bytes);
}

function auditPair(
  batches: Batches,
  label: AccountLabel,
  version: number,
  vrfOutput: Bytes,
  value: RecordValue,
): void {
  const batch = batches.get(value.batchIndex);
  if (batch === undefined) throw new NameFault("its BATCH is not in the log");
  const pair = batch.find((pair) => equal(pair.vrfOutput, vrfOutput));
  if (pair === undefined) throw new NameFault("its BATCH does not hold it");
  checkCommitment(pair.commitment, value.opening, { label, version, value: value.record });
}

function auditPooled(
  label: AccountLabel,
  version: number,
  vrfOutput: Bytes,
  entry: PoolEntry,
): void {
  if (entry.label !== label || entry.version !== version) {
    throw new NameFault("its pool entry is another name's");
  }
  if (!equal(vrfOutput, entry.vrfOutput)) throw new NameFault("its pool entry has another index");
  checkCommitment(entry.commitment, entry.opening, { label, version, value: entry.record });
}

/** The keys of a record's devices, in hexadecimal. @throws NameFault */
async function auditKeys(
  log: LogStore,
  label: AccountLabel,
  { devices }: VerifiedRecord,
): Promise<string[]> {
  const keys = devices.flatMap(({ entry }) => [entry.signing, entry.identity]);
  const owners = await readKeyOwners(log, keys);
  owners.forEach((owner, i) => {
    const { deviceId } = devices[Math.floor(i / 2)]!.entry;
    if (owner?.label === label && owner.deviceId === deviceId) return;
    throw new NameFault("a key of it is not registered as its device's");
  });
  return keys.map(toHex);
}
