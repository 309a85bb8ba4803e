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
 * or wipes it again. What was stored before is not trusted to be whole. No service may be running.
 *
 * @module
 */

import { equal } from "../crypto/bytes.ts";
import { type Checkpoint, openCheckpoint, type SignedCheckpoint } from "../crypto/checkpoint.ts";
import { CryptoError } from "../crypto/error.ts";
import { formatNote } from "../crypto/note.ts";
import { formatVerifierKey } from "../crypto/note_key.ts";
import { checkPolicy, type LogPolicy, policyVerifiers } from "../crypto/policy.ts";
import { hashesFromTiles, planTiles } from "../crypto/tile.ts";
import { buildRoot, planRoot } from "../crypto/tree.ts";
import { deleteFrozen, type Frozen, readFrozen, replaceFrozen, writeFrozen } from "../kv/frozen.ts";
import { readHead } from "../kv/head.ts";
import { type LogStore } from "../kv/log_key.ts";
import { writeLost } from "../kv/lost.ts";
import { deleteAudited, readAudited, readPublished, writePublished } from "../kv/published.ts";
import { readSigned, writeSigned } from "../kv/signed_head.ts";
import { StoreError } from "../kv/store_error.ts";
import { readTiles } from "../kv/tiles.ts";
import { commit } from "../kv/transact.ts";
import { wipeTree } from "../kv/wiped_tables.ts";
import { openAuditor } from "./auditor.ts";
import { type TreeHead } from "./freeze.ts";
import { type LogSource } from "./log_source.ts";
import { type ReadMirror, readMirror, RecoveryError } from "./mirror.ts";
import { type RecoveredNames, recoverNames } from "./recovered_names.ts";
import { withoutCosignatures } from "./signing.ts";
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
 * @throws RecoveryError where the mirror is of no use, and nothing was changed that matters
 * @throws LogSourceError, StoreError where it can be tried again
 */
export async function recoverLog(parts: RecoveryParts): Promise<Recovery> {
  const { log, source, policy, now } = parts;
  const mirrored = await openMirrored(parts);
  const head = (await readHead(log))?.value ?? null;
  const known = [await readPublished(log), await readSigned(log), await readAudited(log)]
    .flatMap((row) => row === null ? [] : [row.value]);
  if (
    head !== null && head.size > mirrored.size && await isSound(log, head, [mirrored, ...known])
  ) {
    // The mirror has nothing that the store lacks: whoever said otherwise has to say it again.
    await commitOrThrow(log, [deleteFrozen(log)]);
    const published = (await readPublished(log))?.value.size ?? 0;
    return { kept: head.size, size: head.size, published, completed: 0, dropped: 0, lost: 0 };
  }
  const stored = head === null ? [] : [head];
  const mirror = await readMirror(source, mirrored, [...known, ...stored].map(({ size }) => size));
  const isMet = isMetBy(policy, mirrored);
  for (const one of known) requireContinued(one, mirrored, mirror, isMet && policy.quorum !== null);

  const wasUnderWay = await beginRecovery(log, now());
  const isBeginning = head !== null && isIn(mirror, head);
  if (!wasUnderWay || head !== null && !isBeginning) await wipeTree(log);
  await commitOrThrow(log, [replaceFrozen(log, underWay(now()))]);
  await rebuild(parts, mirrored);
  const names = await recoverNames(log, mirror.pairs);
  const published = await finish(parts, mirrored, mirror, isMet, names.lost);
  return { ...names, kept: isBeginning ? head.size : 0, size: mirrored.size, published };
}

/** Whether the committed tree continues all these heads. */
async function isSound(log: LogStore, head: TreeHead, all: readonly TreeHead[]): Promise<boolean> {
  for (const { size, root } of [head, ...all]) {
    if (size > head.size) return false;
    try {
      const refs = planRoot(size);
      const tiles = await readTiles(log, planTiles(refs, size));
      if (!equal(buildRoot(size, hashesFromTiles(refs, tiles)), root)) return false;
    } catch (error) {
      // A tile that is missing or too short.
      if (error instanceof CryptoError) return false;
      throw error;
    }
  }
  return true;
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

const UNDER_WAY = "its recovery was not finished";

function underWay(atMs: number): Frozen {
  return { reason: UNDER_WAY, atMs, evidence: null };
}

/** Freezes the log; whether an earlier recovery wiped it already, so that its tree is a replayed one. */
async function beginRecovery(log: LogStore, nowMs: number): Promise<boolean> {
  const frozen = await readFrozen(log);
  if (frozen?.value.reason === UNDER_WAY) return true;
  await writeFrozen(log, { ...underWay(nowMs), reason: "its recovery has begun" });
  return false;
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
  { log, policy, now }: RecoveryParts,
  mirrored: SignedCheckpoint,
  mirror: ReadMirror,
  isMet: boolean,
  lost: number,
): Promise<number> {
  const { size, root } = mirrored;
  const note = formatNote(mirrored.note.text, mirrored.note.signatures);
  const signed = { size, root, note: withoutCosignatures(note, log.origin), atMs: now() };
  const mutations = [writeSigned(log, signed), deleteFrozen(log), writeLost(log, lost)];
  const held = (await readPublished(log))?.value ?? null;
  if (isMet && (held === null || held.size < size || !isIn(mirror, held))) {
    const verifierKey = formatVerifierKey(policy.logs[0]!);
    mutations.push(...writePublished(log, { size, root, note, verifierKey }, false));
  }
  const audited = await readAudited(log);
  if (audited !== null && !isIn(mirror, audited.value)) mutations.push(deleteAudited(log));
  await commitOrThrow(log, mutations);
  return (await readPublished(log))?.value.size ?? 0;
}

async function commitOrThrow(log: LogStore, mutations: readonly Deno.KvMutation[]): Promise<void> {
  if (await commit(log.kv, [], mutations) !== "committed") {
    throw new StoreError("The store does not say whether the log was recovered: try again");
  }
}
