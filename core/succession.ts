/**
 * What may follow on a name's newest record.
 *
 *     nothing yet        a first record
 *     reset, for 72 h    a cancel, or the operator's word that the name ends
 *     retire             nothing
 *     anything else      what the kind of the next record asks for, except that it is too late to
 *                        cancel a reset
 *
 * The signatures are `crypto/record.ts`. The 72 hours are the service's own rule: they begin with the
 * time of the epoch that took the reset in, and nobody else's clock counts. A stolen authorization so
 * never buries the devices that it took a name from.
 *
 * @module
 */

import { type AccountLabel } from "../crypto/account_label.ts";
import { type Bytes, equal } from "../crypto/bytes.ts";
import { CryptoError } from "../crypto/error.ts";
import { decodeEpochRoot } from "../crypto/log_entry.ts";
import {
  decodeRecord,
  type IdentityRecord,
  isSignedBy,
  type VerifiedRecord,
  verifyNext,
} from "../crypto/record.ts";
import { readEntry } from "../kv/entries.ts";
import { type LabelState, readValue, type RecordValue } from "../kv/records.ts";
import { RESET_DELAY_MS } from "../wire/limits.ts";
import { acceptedRecord } from "./account.ts";
import { type Context } from "./context.ts";
import { ServiceError } from "./error.ts";

/** A record that follows on the newest one. */
export interface Succession {
  /** The record before it, or null for a first one. */
  readonly before: VerifiedRecord | null;
  /** The record. */
  readonly record: VerifiedRecord;
}

/** What a SignedRecord says. @throws ServiceError `bad_record` */
export function readRecord(bytes: Bytes): IdentityRecord {
  try {
    return decodeRecord(bytes);
  } catch (error) {
    throw asBadRecord(error);
  }
}

/**
 * Checks that a record may follow on a name's newest one.
 *
 * @param state the name's state, or null where nobody has it
 * @throws ServiceError `bad_record`, `name_taken`, `name_retired`, `record_conflict`
 */
export async function checkSuccession(
  ctx: Context,
  label: AccountLabel,
  state: LabelState | null,
  bytes: Bytes,
): Promise<Succession> {
  const before = await predecessorOf(ctx, label, state, readRecord(bytes));
  let verified: VerifiedRecord;
  try {
    const account = { origin: ctx.origin, label };
    verified = await verifyNext(account, ctx.keys.operator.publicKey, before, bytes);
  } catch (error) {
    throw asBadRecord(error);
  }
  return { before, record: verified };
}

/**
 * The record on which one has to follow that comes next, or null where nobody has the name; no signature is
 * looked at.
 *
 * @throws ServiceError `name_taken`, `name_retired`, `record_conflict`
 */
export async function predecessorOf(
  ctx: Context,
  label: AccountLabel,
  state: LabelState | null,
  record: IdentityRecord,
): Promise<VerifiedRecord | null> {
  const value = state === null ? null : await newestValue(ctx, label, state, record);
  const before = value === null ? null : await acceptedRecord(ctx, label, value.record);
  if (before === null) {
    if (record.kind !== "genesis") throw conflict("The name has no record on which this follows");
  } else {
    requireFollows(record, before);
  }
  return before;
}

/** The value of the newest record, which has to be in the log. */
async function newestValue(
  ctx: Context,
  label: AccountLabel,
  { version, poolId }: LabelState,
  record: IdentityRecord,
): Promise<RecordValue> {
  if (poolId !== null) {
    if (record.kind === "genesis") throw taken();
    throw conflict("Another record of the name waits for the log: try again");
  }
  const value = await readValue(ctx, label, version);
  if (value === null) throw new Error("bug: a name's newest record has no value");
  return value;
}

function requireFollows(record: IdentityRecord, before: VerifiedRecord): void {
  if (before.kind === "retire") throw new ServiceError("name_retired", "This name has ended");
  if (record.kind === "genesis") throw taken();
  if (record.version !== before.version + 1 || !equal(record.prev, before.hash)) {
    throw conflict("The record does not follow on the newest one of the name");
  }
}

/**
 * Holds what newly follows on a reset to the time in which it may be cancelled.
 *
 * @throws ServiceError `reset_pending`, `forbidden`, `bad_record`
 */
export async function requireInTime(
  ctx: Context,
  { before, record }: Succession,
): Promise<void> {
  if (before?.kind !== "reset") return;
  const value = await readValue(ctx, record.account.label, before.version);
  const root = value === null ? null : await readEntry(ctx, value.batchIndex + 1);
  if (root === null) throw new Error("bug: the log lost an entry");
  const isOpen = ctx.now() < decodeEpochRoot(root).timestampMs + RESET_DELAY_MS;
  if (record.kind === "cancel") {
    if (!isOpen) throw new ServiceError("forbidden", "It is too late to cancel this reset");
    return await requireOldAuth(ctx, before, record);
  }
  const isOperators = record.kind === "retire" &&
    await isSignedBy(record, "operator", ctx.keys.operator.publicKey);
  if (isOpen && !isOperators) {
    throw new ServiceError("reset_pending", "The reset may be cancelled first, for 72 hours");
  }
}

/** A cancel brings back how the owner was authenticated too; only the store still knows that. */
async function requireOldAuth(
  ctx: Context,
  reset: VerifiedRecord,
  record: VerifiedRecord,
): Promise<void> {
  const old = await readValue(ctx, record.account.label, reset.version - 1);
  if (old !== null && equal(decodeRecord(old.record).auth, record.auth)) return;
  throw new ServiceError("bad_record", "The record changes how its owner was authenticated");
}

function asBadRecord(error: unknown): unknown {
  return error instanceof CryptoError ? new ServiceError("bad_record", error.message) : error;
}

function taken(): ServiceError {
  return new ServiceError("name_taken", "The name belongs to somebody else");
}

function conflict(sentence: string): ServiceError {
  return new ServiceError("record_conflict", sentence);
}
