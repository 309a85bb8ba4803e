/**
 * Recovery: rebuilds a log whose store was rolled back, damaged or lost, out of a mirror.
 *
 *     read the mirror up to a head that the log's key signed, and prove it       `mirror.ts`
 *     freeze; wipe the tree
 *     replay every epoch: entries, tiles, prefix tree, ROOT, one commit each     `auditor.ts`
 *     names: keep what the log committed to, complete or drop the rest           `recovered_names.ts`
 *     heads, and the end of the freeze, in one commit
 *
 * It never goes back behind a head that this log signed, and nothing is believed but the log's key.
 * Whatever interrupts it, the log stays frozen, and the next attempt goes on with what was replayed,
 * or wipes it again. What was stored before is not trusted to be whole: rows that are not of their form
 * are lost, and the heads are read by `stored_heads.ts`. No service may be running.
 *
 * @module
 */

import { equal } from "../crypto/bytes.ts";
import { type Checkpoint, openCheckpoint, type SignedCheckpoint } from "../crypto/checkpoint.ts";
import { CryptoError } from "../crypto/error.ts";
import { formatNote } from "../crypto/note.ts";
import { formatVerifierKey } from "../crypto/note_key.ts";
import { checkPolicy, type LogPolicy, policyVerifiers } from "../crypto/policy.ts";
import { deleteFrozen, readFrozen, replaceFrozen } from "../kv/frozen.ts";
import { type LogStore } from "../kv/log_key.ts";
import { writeLost } from "../kv/lost.ts";
import { deleteAudited, deletePublished, readPublished, writePublished } from "../kv/published.ts";
import { wellFormed } from "../kv/row_shape.ts";
import { writeSigned } from "../kv/signed_head.ts";
import { StoreError } from "../kv/store_error.ts";
import { commit } from "../kv/transact.ts";
import { deleteMisfits, wipeTree } from "../kv/wiped_tables.ts";
import { openAuditor } from "./auditor.ts";
import { type TreeHead } from "./log_proof.ts";
import { type LogSource } from "./log_source.ts";
import { type ReadMirror, readMirror, RecoveryError } from "./mirror.ts";
import { type RecoveredNames, recoverNames } from "./recovered_names.ts";
import { withoutCosignatures } from "./signing.ts";
import { isContinued, readStoredHeads, type StoredHead, type StoredHeads } from "./stored_heads.ts";
import { ExamineError } from "./witness_role.ts";

export { RecoveryError } from "./mirror.ts";

/** What a log is recovered from. */
export interface RecoveryParts {
  /** The store, and the log's origin. */
  readonly log: LogStore;
  /** The mirror's files. */
  readonly source: LogSource;
  /** The mirror's newest checkpoint. */
  readonly checkpoint: string;
  /** When a head may be published: the log's own keys, and its witnesses where it has some. */
  readonly policy: LogPolicy;
  /** The clock, Unix milliseconds. */
  readonly now: () => number;
}

/** What a recovery did. */
export interface Recovery extends RecoveredNames {
  /** Entries that the store had in common with the mirror. */
  readonly kept: number;
  /** Entries of the log now. */
  readonly size: number;
  /** Entries that the published head covers; 0 where none may be published yet. */
  readonly published: number;
}

/**
 * Recovers a log.
 *
 * @throws RecoveryError where the mirror is of no use. Found before anything was wiped, it leaves the
 * store as it was; found by the replay, it leaves the log frozen, and its tree wiped or replayed in part
 * @throws LogSourceError, StoreError where it can be tried again; by then the log may be frozen and wiped
 */
export async function recoverLog(parts: RecoveryParts): Promise<Recovery> {
  const { log, source, policy, now } = parts;
  const mirrored = await openMirrored(parts);
  const stored = await readStoredHeads(log, policy);
  const { committed: head, published: shown, audited, signed } = stored;
  const known = [shown, signed, audited].filter((one) => one !== null);
  const isMet = isMetBy(policy, mirrored);
  if (
    head !== null && head.size > mirrored.size && await isContinued(log, head, [mirrored, ...known])
  ) {
    // The mirror has nothing that the store lacks: whoever said otherwise has to say it again.
    const mended = shown?.isWhole === false ? publish(parts, mirrored, isMet) : [];
    await commitOrThrow(log, [deleteFrozen(log), ...mended]);
    const published = (await readPublished(log))?.value.size ?? 0;
    return { kept: head.size, size: head.size, published, completed: 0, dropped: 0, lost: 0 };
  }
  const sizes = [...known, ...head === null ? [] : [head]].map(({ size }) => size);
  const mirror = await readMirror(source, mirrored, sizes);
  for (const one of known) requireContinued(one, mirrored, mirror, isMet && policy.quorum !== null);

  const { wasReplaying, evidence } = await beginRecovery(log, now());
  const isBeginning = head !== null && isIn(mirror, head);
  if (!wasReplaying || head !== null && !isBeginning) await wipeTree(log);
  // What the freeze was for stays until it is over.
  const reason = "its recovery was not finished";
  const replaying = { reason, atMs: now(), evidence, isReplaying: true };
  await commitOrThrow(log, [replaceFrozen(log, replaying)]);
  await deleteMisfits(log);
  await rebuild(parts, mirrored);
  const names = await recoverNames(log, mirror);
  const published = await finish(parts, mirrored, mirror, stored, isMet, names.lost);
  return { ...names, kept: isBeginning ? head.size : 0, size: mirrored.size, published };
}

/** The mirror's checkpoint, which this log's own key must have signed. @throws RecoveryError */
async function openMirrored({ log, checkpoint, policy }: RecoveryParts): Promise<SignedCheckpoint> {
  try {
    const head = await openCheckpoint(checkpoint, log.origin, policyVerifiers(policy));
    if (head.size % 2 === 1) return head;
  } catch (error) {
    if (!(error instanceof CryptoError)) throw error;
    throw new RecoveryError("The mirror's checkpoint is not signed by this log's key");
  }
  throw new RecoveryError("The mirror's checkpoint is none of this log: it ends on no ROOT");
}

/**
 * Requires that the mirror continues a head that this store signed. Where it contradicts one, two
 * histories were signed: then the one goes on that the witnesses cosigned.
 */
function requireContinued(
  one: TreeHead,
  mirrored: SignedCheckpoint,
  mirror: ReadMirror,
  isWitnessed: boolean,
): void {
  if (isIn(mirror, one)) return;
  if (one.size > mirrored.size) {
    throw new RecoveryError(
      `The mirror ends at size ${mirrored.size}, below ${one.size} that this store signed`,
    );
  }
  if (isWitnessed) return;
  throw new RecoveryError(
    `The mirror contradicts the head of size ${one.size} that this store signed: give the policy ` +
      "of the log's witnesses, so that theirs is the history that goes on",
  );
}

function isIn({ roots }: ReadMirror, { size, root }: TreeHead): boolean {
  const theirs = roots.get(size);
  return theirs !== undefined && equal(theirs, root);
}

function isMetBy(policy: LogPolicy, head: SignedCheckpoint): boolean {
  try {
    checkPolicy(policy, head, null);
    return true;
  } catch (error) {
    if (error instanceof CryptoError) return false;
    throw error;
  }
}

/** Freezes the log; tells whether an earlier recovery wiped it, so that its tree is a replayed one. */
async function beginRecovery(
  log: LogStore,
  nowMs: number,
): Promise<{ readonly wasReplaying: boolean; readonly evidence: string | null }> {
  const frozen = wellFormed("frozen", await readFrozen(log));
  if (frozen === null) {
    const reason = "its recovery has begun";
    const begun = { reason, atMs: nowMs, evidence: null, isReplaying: false };
    await commitOrThrow(log, [replaceFrozen(log, begun)]);
  }
  return { wasReplaying: frozen?.isReplaying === true, evidence: frozen?.evidence ?? null };
}

/** Replays the mirror from where the store is. */
async function rebuild({ log, source, now }: RecoveryParts, mirrored: Checkpoint): Promise<void> {
  try {
    await openAuditor({ log, source, now })(mirrored);
  } catch (error) {
    if (!(error instanceof ExamineError)) throw error;
    throw new RecoveryError(error.message);
  }
}

/** Moves the heads to the mirror's, ends the freeze, and says how much is published. */
async function finish(
  parts: RecoveryParts,
  mirrored: SignedCheckpoint,
  mirror: ReadMirror,
  { published, audited }: StoredHeads,
  isMet: boolean,
  lost: number,
): Promise<number> {
  const { log, now } = parts;
  const { size, root } = mirrored;
  const note = withoutCosignatures(noteOf(mirrored), log.origin);
  const signed = { size, root, note, atMs: now() };
  const mutations = [writeSigned(log, signed), deleteFrozen(log), writeLost(log, lost)];
  const stays = (head: StoredHead | null) => head?.isWhole === true && isIn(mirror, head);
  if (!stays(published) || isMet && published!.size < size) {
    mutations.push(...publish(parts, mirrored, isMet));
  }
  if (!stays(audited)) mutations.push(deleteAudited(log));
  await commitOrThrow(log, mutations);
  return (await readPublished(log))?.value.size ?? 0;
}

/** Publishes the mirror's head where that may be; otherwise nothing is published. */
function publish(
  { log, policy }: RecoveryParts,
  mirrored: SignedCheckpoint,
  isMet: boolean,
): Deno.KvMutation[] {
  if (!isMet) return [deletePublished(log)];
  const { size, root } = mirrored;
  const verifierKey = formatVerifierKey(policy.logs[0]!);
  return writePublished(log, { size, root, note: noteOf(mirrored), verifierKey }, false);
}

function noteOf({ note }: SignedCheckpoint): string {
  return formatNote(note.text, note.signatures);
}

async function commitOrThrow(log: LogStore, mutations: readonly Deno.KvMutation[]): Promise<void> {
  if (await commit(log.kv, [], mutations) !== "committed") {
    throw new StoreError("The store does not say whether the log was recovered: try again");
  }
}
