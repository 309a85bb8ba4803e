/**
 * The audit of one epoch: that its BATCH, and nothing else, turned the prefix tree of the ROOT before
 * into that of its own ROOT.
 *
 *     entries index-2, index-1, index     ROOT before (CONFIG for the first epoch), BATCH, ROOT
 *     each proved by RFC 6962 inclusion in one tree; then  before -- BATCH --> after
 *
 * Whoever audits epochs at random makes it dear to alter or remove a single name. Nothing of an answer
 * is believed but what leads to the head, which the caller verified before.
 *
 * @module
 */

import { type Bytes, equal } from "./bytes.ts";
import { type Checkpoint } from "./checkpoint.ts";
import { CryptoError } from "./error.ts";
import {
  type BatchPair,
  decodeBatch,
  decodeConfig,
  decodeEpochRoot,
  type EpochRoot,
} from "./log_entry.ts";
import { ABSENT } from "./prefix_hash.ts";
import { checkTransition, decodeTransition } from "./prefix_transition.ts";
import { checkInclusion, leafHash } from "./tree.ts";

/** An entry with its inclusion proof. */
export interface ProvenEntry {
  /** The entry's bytes. */
  readonly entry: Bytes;
  /** Its RFC 6962 inclusion proof. */
  readonly hashes: readonly Bytes[];
}

/** A server's answer about one epoch: nothing of it is believed. */
export interface EpochAnswer {
  /** The ROOT before, or CONFIG. */
  readonly before: ProvenEntry;
  /** What was added. */
  readonly batch: ProvenEntry;
  /** The ROOT that closes the epoch. */
  readonly root: ProvenEntry;
  /** An encoded TransitionProof. */
  readonly transition: Bytes;
}

/** What an audited epoch did. */
export interface AuditedEpoch {
  /** Its time, Unix milliseconds. */
  readonly timestampMs: number;
  /** How many versions it added. */
  readonly added: number;
}

/** Whether an entry of that index closes an epoch. */
export function isRootIndex(index: number): boolean {
  return Number.isSafeInteger(index) && index >= 2 && index % 2 === 0;
}

/**
 * Verifies the epoch whose ROOT is the entry `index`.
 *
 * @param head the tree in which the entries were proved, a head that is trusted
 * @throws CryptoError `bad_proof`, `malformed` for an answer that shows nothing, `bad_epoch` for one that
 * shows an epoch which no honest log has
 */
export function verifyTransition(
  head: Pick<Checkpoint, "size" | "root">,
  index: number,
  answer: EpochAnswer,
): AuditedEpoch {
  if (!isRootIndex(index)) throw badProof("No epoch ends at this entry");
  [answer.before, answer.batch, answer.root].forEach(({ entry, hashes }, i) => {
    checkInclusion(index - 2 + i, head.size, leafHash(entry), hashes, head.root);
  });
  // From here on the log itself said so: what is wrong with the entries is its own doing.
  const { before, batch, root } = entriesOf(index, answer);
  if (root.timestampMs < before.timestampMs) throw badEpoch("The log went back in time");
  const shown = checkTransition(decodeTransition(answer.transition), batch);
  if (!equal(shown.before, before.prefixRoot)) {
    throw badProof("The transition does not start at the tree before");
  }
  if (!equal(shown.after, root.prefixRoot)) {
    throw badEpoch("The BATCH does not lead to the prefix tree that the log committed to");
  }
  return { timestampMs: root.timestampMs, added: batch.length };
}

interface EpochEntries {
  readonly before: EpochRoot;
  readonly batch: readonly BatchPair[];
  readonly root: EpochRoot;
}

/** @throws CryptoError `bad_epoch` */
function entriesOf(index: number, answer: EpochAnswer): EpochEntries {
  try {
    return {
      before: rootBefore(index, answer.before.entry),
      batch: decodeBatch(answer.batch.entry),
      root: decodeEpochRoot(answer.root.entry),
    };
  } catch (error) {
    if (!(error instanceof CryptoError)) throw error;
    throw badEpoch(error.message);
  }
}

/** What stood before an epoch: the tree of the ROOT before, or none yet. */
function rootBefore(index: number, entry: Bytes): EpochRoot {
  if (index > 2) return decodeEpochRoot(entry);
  return { timestampMs: decodeConfig(entry).createdMs, prefixRoot: ABSENT };
}

function badProof(message: string): CryptoError {
  return new CryptoError("bad_proof", message);
}

function badEpoch(message: string): CryptoError {
  return new CryptoError("bad_epoch", message);
}
