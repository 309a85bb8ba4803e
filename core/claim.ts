/**
 * Claiming the next place of a name: the record goes into the pool, or where the log holds it already
 * beside its BATCH; its new devices' keys get their owner, and the name its new state, all in one
 * commit.
 *
 *     opening = HMAC-SHA256(openings key, v8 label || u32 version || record_hash)[0..16)
 *
 * The opening is derived, not drawn, because a store that is restored from a backup forgets what the log
 * already committed to: the owner brings the record again, and the service can open the commitment
 * again. To whoever has not the service's secret it is as good as random.
 *
 * @module
 */

import { type AccountLabel } from "../crypto/account_label.ts";
import { type Bytes, equal, utf8 } from "../crypto/bytes.ts";
import { Writer } from "../crypto/codec.ts";
import { commit as commitTo, OPENING_BYTES, vrfInput } from "../crypto/commitment.ts";
import { hmacSha256 } from "../crypto/primitives.ts";
import { type VerifiedRecord } from "../crypto/record.ts";
import { vrfOutputOf, vrfProve } from "../crypto/vrf.ts";
import { checkKeyNew, type KeyOwner, readKeyOwners, writeKeyOwner } from "../kv/device_keys.ts";
import { writeErasure } from "../kv/erasures.ts";
import { type Row } from "../kv/log_key.ts";
import { newPoolId, type PoolEntry, writePooled } from "../kv/pool.ts";
import { deletePrekeys, listPrekeyDevices } from "../kv/prekeys.ts";
import { deletePush, listPushDevices } from "../kv/push.ts";
import {
  checkLabel,
  type LabelState,
  readLabel,
  readValue,
  writeLabel,
  writeValue,
} from "../kv/records.ts";
import { type Decision, transact } from "../kv/transact.ts";
import { type Context } from "./context.ts";
import { ServiceError } from "./error.ts";
import { requireNoPrekeys } from "./prekey_claim.ts";
import { checkSuccession, type Succession } from "./succession.ts";

/** A record by what names it. */
export interface RecordName {
  /** Its version. */
  readonly version: number;
  /** Its bytes. */
  readonly bytes: Bytes;
  /** `recordHash` of them. */
  readonly hash: Bytes;
}

/** A name's state, and where the name already has one certain record. */
export interface Standing {
  /** The state. */
  readonly row: Row<LabelState> | null;
  /** The record's own place, or null where the name does not have it. */
  readonly place: LabelState | null;
}

/** A public key that gets an owner. */
interface ClaimedKey {
  readonly key: Bytes;
  readonly owner: KeyOwner;
}

/** How a name stands to a record. */
export async function standingOf(
  ctx: Context,
  label: AccountLabel,
  { version, bytes, hash }: RecordName,
): Promise<Standing> {
  const row = await readLabel(ctx, label);
  if (row === null || version > row.value.version) return { row, place: null };
  if (version === row.value.version) {
    return { row, place: equal(row.value.recordHash, hash) ? row.value : null };
  }
  const value = await readValue(ctx, label, version);
  const isOurs = value !== null && equal(value.record, bytes);
  return { row, place: isOurs ? { version, recordHash: hash, poolId: null } : null };
}

/**
 * Claims the place of a record that was checked against the state as it stood. Where the name moved on
 * meanwhile, it is checked again.
 *
 * @param batchIndex the BATCH that holds the record already, or null
 * @param checkedOn the state that it was checked against
 * @throws ServiceError `bad_record`, and those of `checkSuccession`
 * @throws StoreError
 */
export function claim(
  ctx: Context,
  succession: Succession,
  entry: PoolEntry,
  batchIndex: number | null,
  checkedOn: Row<LabelState> | null,
): Promise<LabelState> {
  const { record } = succession;
  const { label, version, recordHash, opening, vrfProof } = entry;
  const id = newPoolId(ctx.now());
  const poolId = batchIndex === null ? id : null;
  const state: LabelState = { version, recordHash, poolId };
  const place = batchIndex === null
    ? writePooled(ctx, { id, entry })
    : writeValue(ctx, label, version, { record: record.bytes, opening, vrfProof, batchIndex });
  return transact<LabelState>(ctx.kv, async (): Promise<Decision<LabelState>> => {
    const { row, place: held } = await standingOf(ctx, label, record);
    if (held !== null) return { done: held };
    if (row?.versionstamp !== checkedOn?.versionstamp) {
      await checkSuccession(ctx, label, row?.value ?? null, record.bytes);
    }
    const keys = await unclaimedKeys(ctx, record);
    // A record that the log holds already came before whatever was published while it was lost.
    const noPrekeys = batchIndex === null
      ? await requireNoPrekeys(ctx, keys.map(({ key }) => key), ctx.now())
      : [];
    return {
      checks: [
        checkLabel(ctx, label, row),
        ...keys.map(({ key }) => checkKeyNew(ctx, key)),
        ...noPrekeys,
      ],
      mutations: [
        writeLabel(ctx, label, state),
        place,
        ...keys.map(({ key, owner }) => writeKeyOwner(ctx, key, owner)),
        ...await leftBehind(ctx, succession),
      ],
      then: state,
    };
  });
}

/** What the pool holds of a record. */
export function poolEntry(ctx: Context, record: VerifiedRecord): PoolEntry {
  const { account: { label }, version, hash, bytes } = record;
  const vrfProof = vrfProve(ctx.keys.vrf, vrfInput(label, version));
  const opening = openingOf(ctx, label, version, hash);
  return {
    label,
    version,
    record: bytes,
    recordHash: hash,
    opening,
    commitment: commitTo(opening, { label, version, value: bytes }),
    vrfOutput: vrfOutputOf(vrfProof),
    vrfProof,
  };
}

function openingOf(ctx: Context, label: AccountLabel, version: number, hash: Bytes): Bytes {
  const body = new Writer().v8(utf8(label)).u32(version).raw(hash).bytes();
  return hmacSha256(ctx.keys.openings.expose(), body).slice(0, OPENING_BYTES);
}

/** The record's keys that nobody has yet, at most one device's; those that others have are refused. */
async function unclaimedKeys(ctx: Context, record: VerifiedRecord): Promise<ClaimedKey[]> {
  const { label } = record.account;
  const keys = record.devices.flatMap(({ entry: { deviceId, signing, identity } }) => {
    const owner = { label, deviceId };
    return [{ key: signing, owner }, { key: identity, owner }];
  });
  const owners = await readKeyOwners(ctx, keys.map(({ key }) => key));
  const unclaimed = keys.filter((_, i) => owners[i] === null);
  keys.forEach(({ owner: { deviceId } }, i) => {
    const held = owners[i] ?? null;
    if (held === null || held.label === label && held.deviceId === deviceId) return;
    throw badRecord("A key of the record was seen under another device");
  });
  return unclaimed;
}

/** What goes with a record: prekeys and push subscriptions of devices that can't come back, and a note of what ends. */
async function leftBehind(
  ctx: Context,
  { before, record }: Succession,
): Promise<Deno.KvMutation[]> {
  if (before === null) return [];
  const { label } = record.account;
  // The devices before a reset may come back by a cancel, and go on with their prekeys.
  const kept = new Set(
    [...record.devices, ...record.contesting].map(({ entry }) => entry.deviceId),
  );
  const [prekeys, pushed] = await Promise.all([
    listPrekeyDevices(ctx, label),
    listPushDevices(ctx, label),
  ]);
  const isGone = (device: number) => !kept.has(device);
  const mutations = [
    ...prekeys.filter(isGone).map((device) => deletePrekeys(ctx, label, device)),
    ...pushed.filter(isGone).map((device) => deletePush(ctx, label, device)),
  ];
  if (record.kind !== "retire") return mutations;
  return [...mutations, writeErasure(ctx, { label, version: record.version })];
}

function badRecord(sentence: string): ServiceError {
  return new ServiceError("bad_record", sentence);
}
