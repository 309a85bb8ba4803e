/**
 * Registration: how a record gets into the log.
 *
 * A record is answered only once the published head covers it, so that what was acknowledged is never
 * lost. The same record again gets the same answer.
 *
 * @module
 */

import { type AccountLabel } from "../crypto/account_label.ts";
import { type Bytes, equal, toHex } from "../crypto/bytes.ts";
import { commit as commitTo, OPENING_BYTES, vrfInput } from "../crypto/commitment.ts";
import { CryptoError } from "../crypto/error.ts";
import { type LookupAnswer } from "../crypto/lookup.ts";
import { randomBytes } from "../crypto/primitives.ts";
import { recordHash, type VerifiedRecord, verifyGenesis } from "../crypto/record.ts";
import { vrfProofToHash, vrfProve } from "../crypto/vrf.ts";
import { checkKeyNew, type KeyOwner, readKeyOwners, writeKeyOwner } from "../kv/device_keys.ts";
import { newPoolId, type PoolEntry, writePooled } from "../kv/pool.ts";
import { checkLabel, type LabelState, readLabel, readValue, writeLabel } from "../kv/records.ts";
import { type Decision, transact } from "../kv/transact.ts";
import { MAX_FIRST_DEVICES, MAX_RECORD_SKEW_MS } from "../wire/limits.ts";
import { type Context } from "./context.ts";
import { lookup, publishedHead, requireKnown } from "./directory.ts";
import { ServiceError } from "./error.ts";

/**
 * Registers a name: verifies its first record, puts it in the log, and answers with its proof once
 * the log holds it. The same record again gets the same answer, however late it comes.
 *
 * A new record must be dated within ten minutes of now: its date is its owner's word, and callers
 * are shown it.
 *
 * @param from size of the newest head the client trusts, or null
 * @throws ServiceError `bad_record`, `name_taken`, `head_unknown`, `unavailable`
 * @throws StoreError
 */
export async function register(
  ctx: Context,
  label: AccountLabel,
  record: Bytes,
  from: number | null,
): Promise<LookupAnswer> {
  requireKnown(from, await publishedHead(ctx));
  // A repeated record is settled before anything is verified: it was verified the first time.
  let state = await ownState(ctx, label, record);
  if (state === null) {
    ctx.sequencer.requireOpen();
    const verified = await checkFirstRecord(ctx, label, record);
    state = await claim(ctx, verified, poolEntry(ctx, verified));
  }
  if (state.poolId !== null) await ctx.sequencer.sequenced(state.poolId);
  else if (!await isPublished(ctx, label, state.version)) await ctx.sequencer.settled();
  return await lookup(ctx, label, from);
}

/** The state of the name where it has this very record, or null. @throws `name_taken` */
async function ownState(
  ctx: Context,
  label: AccountLabel,
  record: Bytes,
): Promise<LabelState | null> {
  const row = await readLabel(ctx, label);
  if (row === null) return null;
  if (!equal(row.value.recordHash, recordHash(record))) {
    throw new ServiceError("name_taken", "The name belongs to somebody else");
  }
  return row.value;
}

async function checkFirstRecord(
  ctx: Context,
  label: AccountLabel,
  bytes: Bytes,
): Promise<VerifiedRecord> {
  let record: VerifiedRecord;
  try {
    record = await verifyGenesis({ origin: ctx.origin, label }, bytes);
  } catch (error) {
    if (!(error instanceof CryptoError)) throw error;
    throw badRecord(error.message);
  }
  if (Math.abs(record.issuedMs - ctx.now()) > MAX_RECORD_SKEW_MS) {
    throw badRecord("The record is dated more than ten minutes from now");
  }
  if (record.devices.length > MAX_FIRST_DEVICES) {
    throw badRecord(`A first record lists at most ${MAX_FIRST_DEVICES} devices`);
  }
  const keys = deviceKeys(record).map(({ key }) => toHex(key));
  if (new Set(keys).size !== keys.length) throw badRecord("A key is in the record twice");
  return record;
}

/** What the pool holds of a record; the opening is fresh, so the commitment tells nothing. */
function poolEntry(ctx: Context, record: VerifiedRecord): PoolEntry {
  const { account: { label }, version, hash, bytes } = record;
  const vrfProof = vrfProve(ctx.keys.vrf, vrfInput(label, version));
  const opening = randomBytes(OPENING_BYTES);
  return {
    label,
    version,
    record: bytes,
    recordHash: hash,
    opening,
    commitment: commitTo(opening, { label, version, value: bytes }),
    vrfOutput: vrfProofToHash(vrfProof).slice(0, 32),
    vrfProof,
  };
}

/** Takes the name and the keys, and puts the record into the pool, all in one commit. */
function claim(ctx: Context, record: VerifiedRecord, entry: PoolEntry): Promise<LabelState> {
  const { label, version, recordHash } = entry;
  const id = newPoolId(ctx.now());
  const state: LabelState = { version, recordHash, poolId: id };
  const keys = deviceKeys(record);
  return transact<LabelState>(ctx.kv, async (): Promise<Decision<LabelState>> => {
    // Whoever won the name first; or this call, where its commit had an unknown result.
    const held = await ownState(ctx, label, record.bytes);
    if (held !== null) return { done: held };
    const owners = await readKeyOwners(ctx, keys.map(({ key }) => key));
    // This name's own keys were claimed since its state was read: the checks will fail.
    if (owners.some((owner) => owner !== null && owner.label !== label)) {
      throw badRecord("A key of the record was seen under another device");
    }
    return {
      checks: [checkLabel(ctx, label, null), ...keys.map(({ key }) => checkKeyNew(ctx, key))],
      mutations: [
        writeLabel(ctx, label, state),
        writePooled(ctx, { id, entry }),
        ...keys.map(({ key, owner }) => writeKeyOwner(ctx, key, owner)),
      ],
      then: state,
    };
  });
}

function deviceKeys(record: VerifiedRecord): { readonly key: Bytes; readonly owner: KeyOwner }[] {
  return record.devices.flatMap(({ entry: { deviceId, signing, identity } }) => {
    const owner = { label: record.account.label, deviceId };
    return [{ key: signing, owner }, { key: identity, owner }];
  });
}

async function isPublished(ctx: Context, label: AccountLabel, version: number): Promise<boolean> {
  const [value, { size }] = await Promise.all([readValue(ctx, label, version), publishedHead(ctx)]);
  return value !== null && value.batchIndex < size;
}

function badRecord(sentence: string): ServiceError {
  return new ServiceError("bad_record", sentence);
}
