/**
 * Registration: how a record gets into the log.
 *
 *     first record    under the name policy
 *     reset           under the name policy, and signed by the operator here
 *     all others      by their signatures alone: nobody signs in for them
 *
 * What is cheap is refused first: its form, its date, what the name policy says of its authorization;
 * then its signatures; and only then is a VRF proof made.
 *
 * A record is answered only once the published head covers it, so that what was acknowledged is never
 * lost. The same record again gets the same answer.
 *
 * @module
 */

import { type AccountLabel } from "../crypto/account_label.ts";
import { type Bytes, toHex } from "../crypto/bytes.ts";
import { type LookupAnswer } from "../crypto/lookup.ts";
import {
  addSignature,
  type IdentityRecord,
  recordHash,
  type RecordKind,
} from "../crypto/record.ts";
import { type LabelState, readLabel, readValue } from "../kv/records.ts";
import { MAX_RECORD_SKEW_MS } from "../wire/limits.ts";
import { claim, poolEntry, standingOf } from "./claim.ts";
import { type Context } from "./context.ts";
import { lookup } from "./directory.ts";
import { eraseName } from "./erasure.ts";
import { ServiceError } from "./error.ts";
import { publishedHead, requireKnown } from "./log_read.ts";
import { type LookupQuery, WHOLE_LOOKUP } from "./lookup_proof.ts";
import { findCommitted } from "./restoration.ts";
import {
  checkSuccession,
  predecessorOf,
  readRecord,
  requireInTime,
  type Succession,
} from "./succession.ts";

/** Where a record stands, and what it is. */
interface Place extends LabelState {
  readonly kind: RecordKind;
}

/** Kinds that take a name from whoever has it, or from everybody. */
const NEEDS_AUTHORITY: readonly RecordKind[] = ["genesis", "reset"];

/**
 * Takes in the next record of a name, and answers with the name's proof once the log holds it. The
 * same record again gets its answer however late it comes.
 *
 * A new record must be dated within ten minutes of now: its date is its owner's word, and callers
 * are shown it.
 *
 * @param from size of the newest head the client trusts, or null
 * @param authorization what the name policy asks for, or null
 * @param query which records of the name the proof shows
 * @throws ServiceError `bad_record`, `name_taken`, `name_retired`, `record_conflict`, `record_lost`,
 * `reset_pending`, `authorization_required`, `forbidden`, `head_unknown`, `log_frozen`, `unavailable`
 * @throws StoreError
 */
export async function register(
  ctx: Context,
  label: AccountLabel,
  record: Bytes,
  from: number | null,
  authorization: string | null = null,
  query: LookupQuery = WHOLE_LOOKUP,
): Promise<LookupAnswer> {
  requireKnown(from, await publishedHead(ctx));
  const place = await placeOf(ctx, label, readRecord(record), record, authorization);
  return await answer(ctx, label, place, from, query);
}

/**
 * Resets a name for somebody whom the name policy believes: adds the operator's signature to a record
 * that its own device signed, and takes it in.
 *
 * @param from size of the newest head the client trusts, or null
 * @param authorization what the name policy asks for, or null
 * @param query which records of the name the proof shows
 * @throws ServiceError those of `register`; `forbidden` where names are open
 * @throws StoreError
 */
export async function resetName(
  ctx: Context,
  label: AccountLabel,
  record: Bytes,
  from: number | null,
  authorization: string | null,
  query: LookupQuery = WHOLE_LOOKUP,
): Promise<LookupAnswer> {
  requireKnown(from, await publishedHead(ctx));
  const form = readRecord(record);
  if (form.kind !== "reset") throw badRecord("Only a reset gets the operator's signature");
  const signer = { role: "operator", signing: ctx.keys.operator } as const;
  const whole = await addSignature({ origin: ctx.origin, label }, record, signer);
  const place = await placeOf(ctx, label, form, whole, authorization);
  return await answer(ctx, label, place, from, query);
}

/** The name's proof, once the published head covers a record's place. */
async function answer(
  ctx: Context,
  label: AccountLabel,
  place: Place,
  from: number | null,
  query: LookupQuery,
): Promise<LookupAnswer> {
  if (place.poolId !== null) await ctx.sequencer.sequenced(place.poolId);
  else if (!await isPublished(ctx, label, place.version)) await ctx.sequencer.settled();
  // Whoever is told that the name ended may rely on it; all others are erased as the head moves.
  if (place.kind === "retire") await eraseName(ctx, label);
  return await lookup(ctx, label, from, query);
}

/** The record's place, which it gets now unless it has one. */
async function placeOf(
  ctx: Context,
  label: AccountLabel,
  form: IdentityRecord,
  bytes: Bytes,
  authorization: string | null,
): Promise<Place> {
  const { kind, version } = form;
  // A repeated record is settled before anything is verified: it was verified the first time.
  const { row, place } = await standingOf(ctx, label, { version, bytes, hash: recordHash(bytes) });
  if (place !== null) return { ...place, kind };
  ctx.sequencer.requireOpen();
  const refusal = await refusalOf(ctx, label, form, authorization);
  // Only a record that the log holds already comes through in spite of it, and to find that out takes
  // signatures and a VRF proof: anybody could have them made, so it is done at a rate.
  if (refusal !== null && !ctx.restoring.take(ctx.now())) {
    await predecessorOf(ctx, label, row?.value ?? null, form);
    throw refusal;
  }
  const succession = await checkSuccession(ctx, label, row?.value ?? null, bytes);
  const entry = poolEntry(ctx, succession.record);
  const committed = await findCommitted(ctx, entry);
  if (committed.kind === "nothing") {
    if (refusal !== null) throw refusal;
    await requireEntitled(ctx, succession, authorization);
    return { ...await claim(ctx, succession, entry, null, row), kind };
  }
  // Either an epoch took the name's next record in since its state was read, or the store forgot it.
  const now = await readLabel(ctx, label);
  if (now?.versionstamp !== row?.versionstamp) {
    return await placeOf(ctx, label, form, bytes, authorization);
  }
  if (committed.kind === "other") {
    const message = "The log holds another record here, which its owner has to bring again first";
    throw new ServiceError("record_lost", message);
  }
  return { ...await claim(ctx, succession, entry, committed.batchIndex, row), kind };
}

/** Why a record is not acceptable as a new one, before anything of it is verified; or null. */
async function refusalOf(
  ctx: Context,
  label: AccountLabel,
  { kind, issuedMs, devices }: IdentityRecord,
  authorization: string | null,
): Promise<ServiceError | null> {
  if (Math.abs(issuedMs - ctx.now()) > MAX_RECORD_SKEW_MS) {
    return badRecord("The record is dated more than ten minutes from now");
  }
  const keys = devices.flatMap(({ entry }) => [entry.signing, entry.identity].map(toHex));
  if (new Set(keys).size !== keys.length) return badRecord("A key is in the record twice");
  // Where names are open, anybody begins one, and nobody resets one.
  const isFree = kind === "genesis" && ctx.names.kind === "open";
  if (isFree || !NEEDS_AUTHORITY.includes(kind)) return null;
  const account = { origin: ctx.origin, label };
  const { signing } = devices[0]!.entry;
  try {
    await ctx.names.recognize({ nowMs: ctx.now(), account, signing, authorization });
    return null;
  } catch (error) {
    if (error instanceof ServiceError) return error;
    throw error;
  }
}

/** What is asked of a verified new record beyond its place. @throws ServiceError */
async function requireEntitled(
  ctx: Context,
  succession: Succession,
  authorization: string | null,
): Promise<void> {
  await requireInTime(ctx, succession);
  if (!NEEDS_AUTHORITY.includes(succession.record.kind)) return;
  await ctx.names.authorize({ kv: ctx.kv, nowMs: ctx.now(), ...succession, authorization });
}

async function isPublished(ctx: Context, label: AccountLabel, version: number): Promise<boolean> {
  const [value, { size }] = await Promise.all([readValue(ctx, label, version), publishedHead(ctx)]);
  return value !== null && value.batchIndex < size;
}

function badRecord(sentence: string): ServiceError {
  return new ServiceError("bad_record", sentence);
}
