/**
 * Evidence against a log, and its judgement: two heads that it signed and no one history has, or an
 * epoch of it that no honest log has.
 *
 *     equal sizes, other roots          the notes alone convict
 *     from < to, consistency proof      the proof leads from the newer note's root to a root at `from`
 *                                       that is not the older note's
 *     epoch                             entries that are proved under a signed head and break the rules
 *
 * A consistency proof reconstructs both roots, the older one as the newer tree has it. So an honest
 * proof of the newer history convicts the older note, whoever handed it over. From size 1 it begins with
 * the older root itself; there the hash of the newer tree's entry 0 may stand in front, which makes it
 * that entry's inclusion proof. Without a proof, the log has only failed to explain itself.
 *
 * @module
 */

import { type Bytes, equal } from "./bytes.ts";
import { type SignedCheckpoint } from "./checkpoint.ts";
import { CryptoError } from "./error.ts";
import { type LogIdentity, openHead } from "./head.ts";
import { type EpochAnswer, verifyTransition } from "./transition_audit.ts";
import { consistencyRoots } from "./tree.ts";

/** Two heads of one log that contradict each other, or that the log could not explain. */
export type HeadsEvidence = {
  /** Tells the kinds apart. */
  readonly kind: "heads";
  /** The head that was trusted, or that somebody else was shown: a note. */
  readonly first: string;
  /** The head that was shown beside it: a note. */
  readonly second: string;
  /**
   * What was given as the consistency proof between them; empty where nothing was. Before one from size
   * 1 the hash of the newer tree's entry 0 may stand.
   */
  readonly consistency: readonly Bytes[];
};

/** An epoch with what shows that it is in the log. */
export type EpochEvidence = {
  /** Tells the kinds apart. */
  readonly kind: "epoch";
  /** The head under which its entries are proved: a note. */
  readonly head: string;
  /** The index of its ROOT. */
  readonly index: number;
  /** Its entries with their proofs, and its transition. */
  readonly answer: EpochAnswer;
};

/** Something that may convict a log. */
export type Evidence = HeadsEvidence | EpochEvidence;

/** What evidence comes to. */
export type Judgement =
  /** The log signed two histories. */
  | "forked"
  /** The log signed an epoch that breaks its own rules. */
  | "falsified"
  /** No fault is shown: one history has all of it. */
  | "consistent"
  /** The log signed it, and what came with it explains nothing. */
  | "unexplained";

/**
 * Judges evidence under the log's keys alone.
 *
 * @throws CryptoError `bad_note`, `other_log`, `malformed`, `bad_checkpoint` where it is not of this log
 */
export async function judgeEvidence(
  log: Pick<LogIdentity, "origin" | "policy">,
  evidence: Evidence,
): Promise<Judgement> {
  if (evidence.kind === "epoch") {
    return judgeEpoch(await openHead(log, evidence.head), evidence);
  }
  const { first, second, consistency } = evidence;
  const heads = await Promise.all([first, second].map((note) => openHead(log, note)));
  const [older, newer] = heads.sort((a, b) => a.size - b.size) as [
    SignedCheckpoint,
    SignedCheckpoint,
  ];
  if (older.size === newer.size) return equal(older.root, newer.root) ? "consistent" : "forked";
  const roots = rootsOf(older, newer.size, consistency);
  if (roots === null || !equal(roots.newer, newer.root)) return "unexplained";
  return equal(roots.older, older.root) ? "consistent" : "forked";
}

/** What the proof leads to; a hash in front of one from size 1 says what the newer tree has there. */
function rootsOf(
  older: SignedCheckpoint,
  newerSize: number,
  consistency: readonly Bytes[],
): ReturnType<typeof consistencyRoots> {
  const plain = consistencyRoots(older.size, older.root, newerSize, consistency);
  const [first, ...path] = consistency;
  if (plain !== null || older.size > 1 || first === undefined) return plain;
  return consistencyRoots(1, first, newerSize, path);
}

function judgeEpoch(head: SignedCheckpoint, { index, answer }: EpochEvidence): Judgement {
  try {
    verifyTransition(head, index, answer);
    return "consistent";
  } catch (error) {
    if (!(error instanceof CryptoError)) throw error;
    return error.code === "bad_epoch" ? "falsified" : "unexplained";
  }
}
