/**
 * Names after the log was rebuilt from a mirror, which knows no names: what the store still has of
 * them is held against the pairs that the log committed to.
 *
 *     value      kept where it opens the log's commitment, dropped otherwise
 *     pool       taken in where the log has it already, dropped where the log has another record there
 *     state      the newest version that is left, or none
 *     keys       `recovered_keys.ts`
 *
 * A version that the log has and the store lost stays proved by the prefix tree: its owner brings the
 * record again. A row that nobody can read, or whose index is not proved, is as good as lost. With the last
 * record of a name go its prekeys; of those that stay no one-time prekey is left, since the store may have
 * forgotten that it handed one out.
 *
 * @module
 */

import { type AccountLabel } from "../crypto/account_label.ts";
import { equal, toHex } from "../crypto/bytes.ts";
import { checkCommitment, commit, vrfInput } from "../crypto/commitment.ts";
import { CryptoError } from "../crypto/error.ts";
import { decodeRecord, type IdentityRecord, recordHash } from "../crypto/record.ts";
import { vrfVerifiedOutput } from "../crypto/vrf.ts";
import { deleteErasure, listErasures, writeErasure } from "../kv/erasures.ts";
import { type LogStore } from "../kv/log_key.ts";
import { deletePooled, type Pooled, type PoolEntry, readPool } from "../kv/pool.ts";
import { deletePrekeys, listPrekeyDevices, readPrekeys, writePrekeys } from "../kv/prekeys.ts";
import { deletePush, listPushDevices } from "../kv/push.ts";
import {
  deleteLabel,
  deleteValue,
  type LabelState,
  listLabels,
  listValues,
  listVersions,
  readLabel,
  readValue,
  type RecordValue,
  writeLabel,
  writeValue,
} from "../kv/records.ts";
import { commitInParts } from "../kv/transact.ts";
import { type ReadMirror } from "./mirror.ts";
import { addKeys, type LeftKeys, recoverKeys } from "./recovered_keys.ts";

/** What became of the names. */
export interface RecoveredNames {
  /** Records that waited in the pool though the log has them: they are in place now. */
  readonly completed: number;
  /** Records that the log does not have, of a history that does not go on. */
  readonly dropped: number;
  /** Records that the log has and the store lost: their owners have to bring them again. */
  readonly lost: number;
}

interface Count {
  completed: number;
  dropped: number;
  /** Pairs of the log that a record in the store opens. */
  opened: number;
}

/** What the recovery of each name has at hand. */
interface Parts {
  readonly log: LogStore;
  readonly mirror: ReadMirror;
  readonly pool: ReadonlyMap<AccountLabel, readonly Pooled[]>;
  /** The version that ended each name which has to be erased. */
  readonly erasures: ReadonlyMap<AccountLabel, number>;
  readonly count: Count;
  readonly left: LeftKeys;
}

/** What the store has of a version, in a value or in the pool. */
interface Held extends Pick<RecordValue, "record" | "opening" | "vrfProof"> {
  readonly label: AccountLabel;
  readonly version: number;
}

/** A record that can be read and has its index. */
interface Readable {
  readonly form: IdentityRecord;
  /** Its index, in hexadecimal. */
  readonly vrfOutput: string;
  /** Whether the log has a record in its place. */
  readonly isTaken: boolean;
  /** The BATCH that holds it, or null where the log does not have this very one. */
  readonly batchIndex: number | null;
}

/** Holds every name against the log. Doing it again changes nothing. @throws StoreError */
export async function recoverNames(log: LogStore, mirror: ReadMirror): Promise<RecoveredNames> {
  const count: Count = { completed: 0, dropped: 0, opened: 0 };
  const left: LeftKeys = { owned: new Map(), ended: new Set() };
  const pool = Map.groupBy(
    await readPool(log, Number.MAX_SAFE_INTEGER),
    ({ entry }) => entry.label,
  );
  const erasures = new Map<AccountLabel, number>();
  for await (const { label, version } of listErasures(log)) erasures.set(label, version);
  const labels = new Set([...pool.keys(), ...erasures.keys()]);
  for await (const { label } of listLabels(log)) labels.add(label);
  for await (const label of listValues(log)) labels.add(label);
  const parts = { log, mirror, pool, erasures, count, left };
  for (const label of labels) await recoverName(parts, label);
  await recoverKeys(log, left);
  const { completed, dropped, opened } = count;
  return { completed, dropped, lost: mirror.pairs.size - opened };
}

async function recoverName(parts: Parts, label: AccountLabel): Promise<void> {
  const { log, mirror, pool, count, left } = parts;
  const { opened } = count;
  const mutations: Deno.KvMutation[] = [];
  const kept: IdentityRecord[] = [];
  let newest: LabelState | null = null;
  for (const version of await listVersions(log, label)) {
    const value = (await readValue(log, label, version))!;
    const read = readHeld(mirror, { ...value, label, version });
    if (read === null || read.batchIndex === null) {
      mutations.push(deleteValue(log, label, version));
      if (read !== null) count.dropped++;
      continue;
    }
    const { form, batchIndex } = read;
    kept.push(form);
    count.opened++;
    if (batchIndex !== value.batchIndex) {
      mutations.push(writeValue(log, label, version, { ...value, batchIndex }));
    }
    newest = { version, recordHash: recordHash(value.record), poolId: null };
    // Of a name that ended, the versions before were erased on purpose.
    if (form.kind === "retire") {
      count.opened = opened + version + 1;
      left.ended.add(label);
    }
  }
  for (const { id, entry } of pool.get(label) ?? []) {
    const { version, record, opening, vrfProof } = entry;
    const read = readHeld(mirror, entry);
    const state = { version, recordHash: recordHash(record), poolId: null };
    const isNext = newest === null ? version === 0 : version === newest.version + 1;
    if (read !== null && read.batchIndex !== null) {
      const { form, batchIndex } = read;
      mutations.push(
        writeValue(log, label, version, { record, opening, vrfProof, batchIndex }),
        deletePooled(log, id),
      );
      kept.push(form);
      newest = state;
      count.completed++;
      count.opened++;
    } else if (read !== null && !read.isTaken && isNext && isWhole(entry, read)) {
      kept.push(read.form);
      newest = { ...state, poolId: id };
    } else {
      // The log has another record in its place, or not the one that it follows on; or would take in
      // something else than the record.
      mutations.push(deletePooled(log, id));
      if (read !== null) count.dropped++;
    }
  }
  for (const form of kept) addKeys(left, label, form);
  mutations.push(
    ...await stateOf(parts, label, newest),
    ...await prekeysOf(parts, label, newest),
    ...newest === null ? await pushOf(parts, label) : [],
    ...erasureOf(parts, label, kept),
  );
  await commitInParts(log.kv, mutations);
}

/** Whether what an epoch would take into the log of an entry is the entry's record. */
function isWhole(entry: PoolEntry, { vrfOutput }: Readable): boolean {
  const { label, version, record, opening } = entry;
  return toHex(entry.vrfOutput) === vrfOutput &&
    equal(entry.recordHash, recordHash(record)) &&
    equal(entry.commitment, commit(opening, { label, version, value: record }));
}

/** Makes a name's state what is left of it. */
async function stateOf(
  { log }: Parts,
  label: AccountLabel,
  newest: LabelState | null,
): Promise<Deno.KvMutation[]> {
  if (newest === null) return [deleteLabel(log, label)];
  const state = (await readLabel(log, label))?.value ?? null;
  const isSame = state !== null && state.version === newest.version &&
    state.poolId === newest.poolId && equal(state.recordHash, newest.recordHash);
  return isSame ? [] : [writeLabel(log, label, newest)];
}

/** Takes away the prekeys of a name of which nothing is left, and the one-time prekeys of any other. */
async function prekeysOf(
  { log }: Parts,
  label: AccountLabel,
  newest: LabelState | null,
): Promise<Deno.KvMutation[]> {
  const devices = await listPrekeyDevices(log, label);
  if (newest === null) return devices.map((device) => deletePrekeys(log, label, device));
  return await Promise.all(devices.map(async (device) => {
    const { value } = (await readPrekeys(log, label, device))!;
    return writePrekeys(log, label, device, { ...value, left: [] });
  }));
}

/** Takes away the push subscriptions of a name of which nothing is left. */
async function pushOf({ log }: Parts, label: AccountLabel): Promise<Deno.KvMutation[]> {
  return (await listPushDevices(log, label)).map((device) => deletePush(log, label, device));
}

/** Notes that a name has to be erased where it ended and was not, and takes the note of any other. */
function erasureOf(
  { log, erasures }: Parts,
  label: AccountLabel,
  kept: readonly IdentityRecord[],
): Deno.KvMutation[] {
  const last = kept.at(-1);
  const noted = erasures.get(label);
  if (last?.kind === "retire") {
    const { version } = last;
    return noted === version || kept.length === 1 ? [] : [writeErasure(log, { label, version })];
  }
  return noted === undefined ? [] : [deleteErasure(log, label)];
}

/** Reads what the store has of a version; null where nobody can, or where its index is not proved. */
function readHeld(
  { config, pairs }: ReadMirror,
  { label, version, record, opening, vrfProof }: Held,
): Readable | null {
  let form: IdentityRecord;
  let vrfOutput: string;
  try {
    form = decodeRecord(record);
    vrfOutput = toHex(
      vrfVerifiedOutput(config.vrfPublicKey, vrfInput(label, version), vrfProof),
    );
  } catch (error) {
    if (error instanceof CryptoError) return null;
    throw error;
  }
  const pair = pairs.get(vrfOutput);
  if (pair === undefined) return { form, vrfOutput, isTaken: false, batchIndex: null };
  try {
    checkCommitment(pair.commitment, opening, { label, version, value: record });
    return { form, vrfOutput, isTaken: true, batchIndex: pair.batchIndex };
  } catch (error) {
    if (error instanceof CryptoError) return { form, vrfOutput, isTaken: true, batchIndex: null };
    throw error;
  }
}
