/**
 * Names after the log was rebuilt from a mirror, which knows no names: what the store still has of
 * them is held against the pairs that the log committed to.
 *
 *     value      kept where it opens the log's commitment, dropped otherwise
 *     pool       taken in where the log has it already, dropped where the log has another record there
 *     state      the newest version that is left, or none
 *
 * A version that the log has and the store lost stays proved by the prefix tree: its owner brings the
 * record again. With a record that is dropped go its keys, and with the last one of a name its prekeys.
 *
 * @module
 */

import { type AccountLabel } from "../crypto/account_label.ts";
import { type Bytes, toHex } from "../crypto/bytes.ts";
import { checkCommitment } from "../crypto/commitment.ts";
import { CryptoError } from "../crypto/error.ts";
import { decodeRecord, recordHash } from "../crypto/record.ts";
import { vrfProofToHash } from "../crypto/vrf.ts";
import { deleteKeyOwner, readKeyOwners } from "../kv/device_keys.ts";
import { deleteErasure, listErasures } from "../kv/erasures.ts";
import { costOf, fits } from "../kv/limits.ts";
import { type LogStore } from "../kv/log_key.ts";
import { deletePooled, type PoolEntry, readPool } from "../kv/pool.ts";
import { deletePrekeys, listPrekeyDevices } from "../kv/prekeys.ts";
import {
  deleteLabel,
  deleteValue,
  type LabelState,
  listLabels,
  listVersions,
  readValue,
  type RecordValue,
  writeLabel,
  writeValue,
} from "../kv/records.ts";
import { StoreError } from "../kv/store_error.ts";
import { commit } from "../kv/transact.ts";
import { type LoggedPair } from "./mirror.ts";

/** What became of the names. */
export interface RecoveredNames {
  /** Records that waited in the pool though the log has them: they are in place now. */
  readonly completed: number;
  /** Records that the log does not have, of a history that does not go on. */
  readonly dropped: number;
  /** Records that the log has and the store lost: their owners have to bring them again. */
  readonly lost: number;
}

type Pairs = ReadonlyMap<string, LoggedPair>;

interface Count {
  completed: number;
  dropped: number;
  /** Pairs of the log that a record in the store opens. */
  opened: number;
}

/** Holds every name against the log. Doing it again changes nothing. @throws StoreError */
export async function recoverNames(log: LogStore, pairs: Pairs): Promise<RecoveredNames> {
  const count: Count = { completed: 0, dropped: 0, opened: 0 };
  const pool = new Map(
    (await readPool(log, Number.MAX_SAFE_INTEGER)).map(({ id, entry }) => [id, entry]),
  );
  for await (const { label, state } of listLabels(log)) {
    await recoverName(log, pairs, label, state, pool, count);
  }
  const { completed, dropped, opened } = count;
  return { completed, dropped, lost: pairs.size - opened };
}

async function recoverName(
  log: LogStore,
  pairs: Pairs,
  label: AccountLabel,
  state: LabelState,
  pool: ReadonlyMap<string, PoolEntry>,
  count: Count,
): Promise<void> {
  const { opened } = count;
  const mutations: Deno.KvMutation[] = [];
  const kept: Bytes[] = [];
  const dropped: Bytes[] = [];
  let newest: LabelState | null = null;
  for (const version of await listVersions(log, label)) {
    const value = (await readValue(log, label, version))!;
    const batchIndex = indexOf(pairs, label, version, value);
    if (batchIndex === null) {
      mutations.push(deleteValue(log, label, version));
      dropped.push(value.record);
      continue;
    }
    kept.push(value.record);
    count.opened++;
    if (batchIndex !== value.batchIndex) {
      mutations.push(writeValue(log, label, version, { ...value, batchIndex }));
    }
    newest = { version, recordHash: recordHash(value.record), poolId: null };
    // Of a name that ended, the versions before were erased on purpose.
    if (decodeRecord(value.record).kind === "retire") count.opened = opened + version + 1;
  }
  const entry = state.poolId === null ? undefined : pool.get(state.poolId);
  if (state.poolId !== null && entry !== undefined) {
    const { version, record, opening, vrfProof, vrfOutput } = entry;
    const batchIndex = indexOf(pairs, label, version, entry);
    if (batchIndex !== null) {
      mutations.push(
        writeValue(log, label, version, { record, opening, vrfProof, batchIndex }),
        deletePooled(log, state.poolId),
      );
      newest = { version, recordHash: entry.recordHash, poolId: null };
      kept.push(record);
      count.completed++;
      count.opened++;
    } else if (pairs.has(toHex(vrfOutput)) || (newest?.version ?? -1) !== version - 1) {
      // The log has another record in its place, or not the one that it follows on.
      mutations.push(deletePooled(log, state.poolId));
      dropped.push(record);
    } else {
      newest = state;
      kept.push(record);
    }
  }
  if (newest === null) {
    const devices = await listPrekeyDevices(log, label);
    mutations.push(
      deleteLabel(log, label),
      ...devices.map((device) => deletePrekeys(log, label, device)),
    );
  } else if (newest.version !== state.version || newest.poolId !== state.poolId) {
    mutations.push(writeLabel(log, label, newest));
  }
  if (newest?.version !== state.version) {
    for await (const { label: erased } of listErasures(log)) {
      if (erased === label) mutations.push(deleteErasure(log, label));
    }
  }
  count.dropped += dropped.length;
  mutations.push(...await keysGone(log, label, dropped, kept));
  await commitAll(log, mutations);
}

/** The keys of a name that only dropped records have. */
async function keysGone(
  log: LogStore,
  label: AccountLabel,
  dropped: readonly Bytes[],
  kept: readonly Bytes[],
): Promise<Deno.KvMutation[]> {
  const stays = new Set(kept.flatMap(keysOf).map(toHex));
  const goes = dropped.flatMap(keysOf).filter((key) => !stays.has(toHex(key)));
  const owners = await readKeyOwners(log, goes);
  return goes.filter((_, i) => owners[i]?.label === label).map((key) => deleteKeyOwner(log, key));
}

function keysOf(record: Bytes): Bytes[] {
  return decodeRecord(record).devices
    .flatMap(({ entry: { signing, identity } }): Bytes[] => [signing, identity]);
}

/** The BATCH that holds a record, or null where the log does not have this very one. */
function indexOf(
  pairs: Pairs,
  label: AccountLabel,
  version: number,
  { record, opening, vrfProof }: Pick<RecordValue, "record" | "opening" | "vrfProof">,
): number | null {
  const pair = pairs.get(toHex(vrfOutputOf(vrfProof)));
  if (pair === undefined) return null;
  try {
    checkCommitment(pair.commitment, opening, { label, version, value: record });
    return pair.batchIndex;
  } catch (error) {
    if (error instanceof CryptoError) return null;
    throw error;
  }
}

function vrfOutputOf(vrfProof: Bytes): Bytes {
  return vrfProofToHash(vrfProof).slice(0, 32);
}

/** One commit where it fits, which it does but for a name of very many versions. */
async function commitAll(log: LogStore, mutations: readonly Deno.KvMutation[]): Promise<void> {
  if (mutations.length === 0) return;
  const half = Math.ceil(mutations.length / 2);
  if (mutations.length > 1 && !fits(costOf(mutations))) {
    await commitAll(log, mutations.slice(0, half));
    return await commitAll(log, mutations.slice(half));
  }
  if (await commit(log.kv, [], mutations) !== "committed") {
    throw new StoreError("The store does not say whether it took a name");
  }
}
