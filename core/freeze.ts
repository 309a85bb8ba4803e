/**
 * The freeze: where a store turns out to be behind what this log signed, or beside it, nothing is
 * signed and nothing taken in any more, here and on every other instance, now and after every start,
 * until the log was recovered.
 *
 * A log that went on would sign a second history. What is published stays readable: it is true.
 *
 * @module
 */

import { equal } from "../crypto/bytes.ts";
import { CryptoError } from "../crypto/error.ts";
import { checkConsistency } from "../crypto/tree.ts";
import { type Frozen, readFrozen, writeFrozen } from "../kv/frozen.ts";
import { type LogStore } from "../kv/log_key.ts";
import { ServiceError } from "./error.ts";
import { readConsistency, type TreeHead } from "./log_proof.ts";
import { type Facts, type Report } from "./report.ts";

export type { TreeHead };

/** Longest evidence that is kept with a freeze, in characters: a head with its log's signatures. */
const MAX_EVIDENCE_CHARS = 16_384;

/** Watches over one log. */
export interface Freeze {
  /** Why the log is frozen, or null where it is not. */
  frozen(): Frozen | null;
  /** Requires that no instance froze the log. @throws ServiceError `log_frozen`; StoreError */
  look(): Promise<void>;
  /** Freezes the log; what it returns is to be thrown. */
  freeze(reason: string, evidence?: string | null): Promise<ServiceError>;
  /**
   * Requires that the tree at `to` is the tree at `from` with entries behind it; freezes otherwise.
   *
   * @param what the tree at `to`, as a sentence begins
   * @throws ServiceError `log_frozen`; StoreError
   */
  requireExtends(from: TreeHead, to: TreeHead, what: string): Promise<void>;
}

/** A refusal of whoever writes to a frozen log. */
export function frozenRefusal(): ServiceError {
  return new ServiceError("log_frozen", "The log is frozen until its operator has recovered it");
}

const FROZEN: Facts = { level: "error", event: "log_frozen" };

/** Watches over a log. @param report is given a sentence for the operator */
export function openFreeze(
  log: LogStore,
  now: () => number,
  report: Report,
): Freeze {
  let frozen: Frozen | null = null;
  /** Whether the store has it too. */
  let isWritten = false;

  async function look(): Promise<void> {
    const row = await readFrozen(log);
    if (row !== null) {
      if (frozen === null) report(`The log is frozen: ${row.value.reason}`, FROZEN);
      frozen = row.value;
      isWritten = true;
    } else if (frozen !== null && !isWritten) {
      // The store did not take it when it was found.
      await writeFrozen(log, frozen);
      isWritten = true;
    }
    // Where the row is gone again, the log was recovered; but this process still has what it read
    // before, so it stays as it is until it is started anew.
    if (frozen !== null) throw frozenRefusal();
  }

  async function freeze(reason: string, evidence: string | null = null): Promise<ServiceError> {
    // Memory first: this instance stops, also while the store does not answer.
    if (frozen === null) {
      // Whatever else is shown, the freeze itself has to fit the store.
      const isKept = evidence !== null && evidence.length <= MAX_EVIDENCE_CHARS;
      frozen = { reason, atMs: now(), evidence: isKept ? evidence : null, isReplaying: false };
      report(`The log is frozen: ${reason}`, FROZEN);
    }
    try {
      await writeFrozen(log, frozen);
      isWritten = true;
    } catch {
      report("The store does not take the freeze yet: other instances do not know of it", {
        level: "error",
        event: "freeze_not_stored",
      });
    }
    return frozenRefusal();
  }

  async function requireExtends(from: TreeHead, to: TreeHead, what: string): Promise<void> {
    if (to.size < from.size) {
      throw await freeze(`${what} has size ${to.size}, below ${from.size} that was signed`);
    }
    if (to.size === from.size) {
      if (equal(to.root, from.root)) return;
      throw await freeze(`${what} of size ${to.size} has another root than was signed`);
    }
    try {
      const proof = await readConsistency(log, from.size, to.size);
      checkConsistency(from.size, from.root, to.size, to.root, proof);
    } catch (error) {
      // A tile that is too short, or hashes that lead elsewhere. What the store throws passes.
      if (!(error instanceof CryptoError)) throw error;
      throw await freeze(`${what} of size ${to.size} does not extend size ${from.size}`);
    }
  }

  return { frozen: () => frozen, look, freeze, requireExtends };
}
