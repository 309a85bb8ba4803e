/**
 * The heads of the log that a client has seen: the one it trusts, and what becomes of any other.
 *
 * The trusted head only moves forward, and only to one that continues it. Two heads that no one history
 * has are kept, both with the log's signature.
 *
 * @module
 */

import { equal } from "../crypto/bytes.ts";
import { type SignedCheckpoint } from "../crypto/checkpoint.ts";
import { type LogIdentity, openHead, verifyConfig } from "../crypto/head.ts";
import { type LookupAnswer } from "../crypto/lookup.ts";
import { checkConsistency } from "../crypto/tree.ts";
import { consistencyFromWire, consistencyPath } from "../wire/log.ts";
import { WELL_KNOWN } from "../wire/paths.ts";
import { descriptionFromWire } from "../wire/service.ts";
import { change, keep, readCell } from "./cell.ts";
import { ClientError, type ClientErrorCode, ofLookup } from "./error.ts";
import { type Http } from "./http.ts";
import { KNOWN_LOG, noteText } from "./known_log.ts";
import { type Store } from "./store.ts";

/** The heads of one log. */
export class Heads {
  readonly #store: Store;
  readonly #log: LogIdentity;

  /** Those that a store knows; it holds the log already. */
  constructor(store: Store, log: LogIdentity) {
    this.#store = store;
    this.#log = log;
  }

  /** The trusted head as it is kept: a note. */
  async note(): Promise<string> {
    const held = await readCell(this.#store, KNOWN_LOG);
    if (held === null) throw new Error("bug: the store lost the log");
    return held.head;
  }

  /** The newest head that was verified. */
  async trusted(): Promise<SignedCheckpoint> {
    return await openHead(this.#log, await this.note());
  }

  /**
   * Asks whether the service still is the one that was trusted: the same log, whose head continues ours,
   * and is believed from then on.
   *
   * @throws ClientError `log_changed`, `head_rolled_back`, `log_forked`, `network`, `unavailable`
   */
  async check(http: Http): Promise<void> {
    const note = await this.note();
    const trusted = await openHead(this.#log, note);
    let head: SignedCheckpoint;
    try {
      const { config } = descriptionFromWire(await http.open("GET", WELL_KNOWN));
      ({ head } = await verifyConfig(this.#log.origin, this.#log.policy, config));
    } catch (error) {
      throw ofLookup(error);
    }
    if (head.size < trusted.size) {
      const refusal = new ClientError(
        "head_rolled_back",
        "The service's log is smaller than it was",
      );
      throw await this.convict(note, noteText(head), [], refusal);
    }
    if (!await this.#isOneHistory(http, trusted, head)) {
      throw new ClientError("unavailable", "The service does not show how its log has grown");
    }
    await change(this.#store, [KNOWN_LOG], ([log]) => {
      // Another tab may have gone further meanwhile.
      const changes = log?.head === note ? keep(KNOWN_LOG, { ...log, head: noteText(head) }) : {};
      return { changes, result: undefined };
    });
  }

  /**
   * Compares a head that somebody else was shown with one's own: one history must have both. False where
   * the service did not say yet.
   *
   * @throws ClientError `log_forked`, `log_changed`, `proof_invalid`
   */
  async compare(http: Http, note: string): Promise<boolean> {
    const trusted = await this.trusted();
    let other: SignedCheckpoint;
    try {
      other = await openHead(this.#log, note);
    } catch (error) {
      throw ofLookup(error);
    }
    return await this.#isOneHistory(http, trusted, other);
  }

  /**
   * Whether the service shows that one history has both heads; false where it can't be asked now.
   *
   * @throws ClientError `log_forked`, and both heads are kept
   */
  async #isOneHistory(
    http: Http,
    trusted: SignedCheckpoint,
    other: SignedCheckpoint,
  ): Promise<boolean> {
    if (other.size === trusted.size && equal(other.root, trusted.root)) return true;
    const [older, newer] = other.size < trusted.size ? [other, trusted] : [trusted, other];
    let consistency: LookupAnswer["consistency"] = [];
    try {
      if (older.size === newer.size) throw forked();
      const path = consistencyPath(older.size, newer.size);
      consistency = consistencyFromWire(await http.open("GET", path));
      checkConsistency(older.size, older.root, newer.size, newer.root, consistency);
      return true;
    } catch (error) {
      if (error instanceof ClientError && error.retryable) return false;
      throw await this.convict(noteText(trusted), noteText(other), consistency, forked());
    }
  }

  /** Keeps two heads that may convict the log; gives the refusal back. */
  async convict(
    first: string,
    second: string,
    consistency: LookupAnswer["consistency"],
    refusal: ClientError,
  ): Promise<ClientError> {
    const { keepEvidence } = await import("./evidence.ts");
    await keepEvidence(this.#store, { kind: "heads", first, second, consistency });
    return refusal;
  }
}

/** Refusals that leave two signed heads behind, which together may convict the log. */
export const CONVICTING: ReadonlySet<ClientErrorCode> = new Set(["log_forked", "head_rolled_back"]);

function forked(): ClientError {
  return new ClientError("log_forked", "The service has shown two logs that are not one");
}
