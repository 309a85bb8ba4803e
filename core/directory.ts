/**
 * The directory: names, their records in the log, and their devices' prekeys.
 *
 * An answer speaks of the published head alone: what is committed and not published yet is not
 * there. A registration is answered only once the published head covers it, so that what was
 * answered is never lost.
 *
 * @module
 */

import { type AccountLabel } from "../crypto/account_label.ts";
import { type Bundle } from "../crypto/bundle.ts";
import { type Bytes, equal, toHex } from "../crypto/bytes.ts";
import { commit as commitTo, OPENING_BYTES, vrfInput } from "../crypto/commitment.ts";
import { deviceEntryHash } from "../crypto/device_entry.ts";
import { CryptoError } from "../crypto/error.ts";
import { encodeLookupProof, type LookupAnswer } from "../crypto/lookup.ts";
import { oneTimePrekey, PREKEY_CLOCK_SKEW_MS } from "../crypto/prekey.ts";
import { randomBytes } from "../crypto/primitives.ts";
import { formatTlogProof } from "../crypto/proof.ts";
import { recordHash, type VerifiedRecord, verifyGenesis } from "../crypto/record.ts";
import { vrfProofToHash, vrfProve } from "../crypto/vrf.ts";
import { checkKeyNew, type KeyOwner, readKeyOwners, writeKeyOwner } from "../kv/device_keys.ts";
import { readEntry } from "../kv/entries.ts";
import { newPoolId, type PoolEntry, writePooled } from "../kv/pool.ts";
import { type TakenPrekeys, takePrekeys } from "../kv/prekeys.ts";
import { type Published, readPublished } from "../kv/published.ts";
import { checkFree, type LabelState, readLabel, readValue, writeLabel } from "../kv/records.ts";
import { type Decision, transact } from "../kv/transact.ts";
import { MAX_FIRST_DEVICES, MAX_RECORD_SKEW_MS } from "../wire/limits.ts";
import { type Context } from "./context.ts";
import { ServiceError } from "./error.ts";
import { proveConsistency, proveInclusion } from "./log_proof.ts";

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
  if ("poolId" in state) await ctx.sequencer.sequenced(state.poolId);
  else if ((await publishedHead(ctx)).size <= state.batchIndex) await ctx.sequencer.settled();
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
      checks: [checkFree(ctx, label), ...keys.map(({ key }) => checkKeyNew(ctx, key))],
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

/** Proves the record of a name. @throws ServiceError `name_not_found`, `head_unknown` */
export async function lookup(
  ctx: Context,
  label: AccountLabel,
  from: number | null,
): Promise<LookupAnswer> {
  const [head, row] = await Promise.all([publishedHead(ctx), readLabel(ctx, label)]);
  requireKnown(from, head);
  const state = row?.value;
  if (state === undefined || "poolId" in state || state.batchIndex >= head.size) throw nobody();
  const { version, batchIndex } = state;
  const [value, batch, hashes, consistency] = await Promise.all([
    readValue(ctx, label, version),
    readEntry(ctx, batchIndex),
    proveInclusion(ctx, batchIndex, head.size),
    from === null ? [] : proveConsistency(ctx, from, head.size),
  ]);
  if (value === null) throw new Error("bug: the store lost a record");
  if (batch === null) throw new Error("bug: the log lost an entry");
  const { record, opening, vrfProof } = value;
  const extra = encodeLookupProof({ version, batch, vrfProof, opening, record });
  const proof = formatTlogProof({ extra, index: batchIndex, hashes, checkpoint: head.note });
  return { proof, consistency };
}

/**
 * Proves the record of a name and hands out a bundle for every device of it that has valid prekeys,
 * each with a one-time prekey taken in one transaction while there are any.
 *
 * @param caller who asks
 * @throws ServiceError `self_call`, `name_not_found`, `no_prekeys`, `head_unknown`
 * @throws StoreError
 */
export async function takeBundles(
  ctx: Context,
  caller: AccountLabel,
  label: AccountLabel,
  from: number | null,
): Promise<{ readonly lookup: LookupAnswer; readonly bundles: readonly Bundle[] }> {
  if (caller === label) throw new ServiceError("self_call", "Nobody can call themselves");
  const [answer, record] = await Promise.all([
    lookup(ctx, label, from),
    ctx.accounts.record(label),
  ]);
  if (record === null) throw nobody();
  const entryHashes = new Map(
    record.devices.map(({ entry }) => [entry.deviceId, deviceEntryHash(record.account, entry)]),
  );
  const nowMs = ctx.now();
  const taken = await takePrekeys(ctx, label, [...entryHashes.keys()], (deviceId, prekeys) => {
    const entryHash = entryHashes.get(deviceId);
    // A set that names other keys ended with them.
    return entryHash !== undefined && equal(prekeys.entryHash, entryHash) &&
      prekeys.notBeforeMs - PREKEY_CLOCK_SKEW_MS <= nowMs && nowMs <= prekeys.notAfterMs;
  });
  if (taken.length === 0) {
    throw new ServiceError("no_prekeys", "The account has published no prekeys");
  }
  return { lookup: answer, bundles: taken.map(bundleOf) };
}

/** A tlog-proof text whose extra is CONFIG, entry 0. */
export async function configProof(ctx: Context): Promise<string> {
  const head = await publishedHead(ctx);
  const [extra, hashes] = await Promise.all([
    readEntry(ctx, 0),
    proveInclusion(ctx, 0, head.size),
  ]);
  if (extra === null) throw new Error("bug: the log lost its CONFIG");
  return formatTlogProof({ extra, index: 0, hashes, checkpoint: head.note });
}

function bundleOf({ deviceId, prekeys, opkIndex }: TakenPrekeys): Bundle {
  const { set, signature, opks } = prekeys;
  const opk = opkIndex === null ? null : oneTimePrekey(opks, opkIndex);
  return { deviceId, set, signature, opk };
}

async function publishedHead(ctx: Context): Promise<Published> {
  const published = await readPublished(ctx);
  if (published === null) throw new Error("bug: the log was opened but never published");
  return published.value;
}

function requireKnown(from: number | null, head: Published): void {
  if (from === null || from <= head.size) return;
  throw new ServiceError("head_unknown", "The head that you trust is larger than this log");
}

function nobody(): ServiceError {
  return new ServiceError("name_not_found", "Nobody has that name");
}

function badRecord(sentence: string): ServiceError {
  return new ServiceError("bad_record", sentence);
}
