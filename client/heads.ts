/**
 * The heads of the log that a client has seen: the one it trusts, and those that the log signed and has
 * not explained yet.
 *
 * The trusted head only moves forward, and only to one that continues it. Any other that the log signed,
 * shown by the service or told by somebody, is kept until the service shows that one history has both.
 * Two heads that no one history has are evidence.
 *
 * @module
 */

import { equal } from "../crypto/bytes.ts";
import { type SignedCheckpoint } from "../crypto/checkpoint.ts";
import { type LogIdentity, openHead, verifyConfig } from "../crypto/head.ts";
import { type LookupAnswer } from "../crypto/lookup.ts";
import { parseTlogProof } from "../crypto/proof.ts";
import { checkConsistency } from "../crypto/tree.ts";
import { consistencyFromWire, consistencyPath } from "../wire/log.ts";
import { WELL_KNOWN } from "../wire/paths.ts";
import { descriptionFromWire } from "../wire/service.ts";
import { cell, change, keep, readCell } from "./cell.ts";
import { type Debt, Debts } from "./debt.ts";
import { ClientError, type ClientErrorCode, ofLookup } from "./error.ts";
import { type Http } from "./http.ts";
import { KNOWN_LOG, noteText, noteUnder } from "./known_log.ts";
import { type Store } from "./store.ts";

/** How old the witnesses' word may be for somebody who is met for the first time, in milliseconds. */
export const MAX_HEAD_AGE_MS = 3_600_000;

const HEARD = cell<readonly Debt[]>("heard");

/** The heads of one log. */
export class Heads {
  readonly #store: Store;
  readonly #log: LogIdentity;
  readonly #heard: Debts;

  /** Those that a store knows; it holds the log already. */
  constructor(store: Store, log: LogIdentity) {
    this.#store = store;
    this.#log = log;
    this.#heard = new Debts(store, HEARD);
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

  /** The head that the service shows now, with its policy's signatures. @throws ClientError */
  async newest(http: Http): Promise<SignedCheckpoint> {
    try {
      const { config } = descriptionFromWire(await http.open("GET", WELL_KNOWN));
      return (await verifyConfig(this.#log.origin, this.#log.policy, config)).head;
    } catch (error) {
      throw ofLookup(error);
    }
  }

  /**
   * Trusts a head that the service shows, if it continues the trusted one.
   *
   * @throws ClientError `head_rolled_back`, `log_forked`, `unavailable`
   */
  async follow(http: Http, head: SignedCheckpoint): Promise<void> {
    const note = await this.note();
    const trusted = await openHead(this.#log, note);
    if (head.size < trusted.size) {
      const message = "The service's log is smaller than it was";
      const refusal = new ClientError("head_rolled_back", message);
      throw await this.convict(note, noteText(head), [], refusal);
    }
    if (!await this.#isOneHistory(http, trusted, head)) {
      await this.#keep(head);
      throw new ClientError("unavailable", "The service does not show how its log has grown");
    }
    await change(this.#store, [KNOWN_LOG], ([log]) => {
      // Another tab may have gone further meanwhile.
      const changes = log?.head === note ? keep(KNOWN_LOG, { ...log, head: noteText(head) }) : {};
      return { changes, result: undefined };
    });
  }

  /**
   * Keeps a head that somebody else was shown, and asks the service to explain it.
   *
   * @throws ClientError `log_forked`, `log_changed`, `proof_invalid`
   */
  async hear(http: Http, note: string): Promise<void> {
    // Before it is asked about: whoever delays the explanation must not gain by it.
    const heard = await this.#keep(await this.#open(note));
    await this.#isExplained(http, heard);
  }

  /** The head under an answer that was refused: kept where the log signed it, and given as a note. */
  async overhear(proof: string): Promise<string | null> {
    try {
      return await this.#keep(await this.#open(parseTlogProof(proof).checkpoint));
    } catch (error) {
      if (error instanceof ClientError && error.code === "store_failed") throw error;
      // What the log did not sign convicts nobody.
      return null;
    }
  }

  /** The heads that the service has not explained yet: notes. */
  heard(): Promise<readonly string[]> {
    return this.#heard.all();
  }

  /**
   * Asks a service that is there for the explanation that it owes. What it does not explain within an
   * hour counts as a fork: a service that has one history can always show it.
   *
   * @throws ClientError `log_forked`
   */
  async explain(http: Http, note: string, nowMs: number): Promise<void> {
    if (await this.#isExplained(http, note)) return;
    if (!await this.#heard.refused(note, nowMs)) return;
    const message = "The service does not explain a head that it signed";
    const refusal = new ClientError("log_forked", message);
    throw await this.convict(await this.note(), note, [], refusal);
  }

  /** Keeps two heads that may convict the log; gives the refusal back. */
  async convict(
    first: string,
    second: string,
    consistency: LookupAnswer["consistency"],
    refusal: ClientError,
  ): Promise<ClientError> {
    const { keepEvidence } = await import("./evidence.ts");
    await keepEvidence(this.#store, this.#log, { kind: "heads", first, second, consistency });
    return refusal;
  }

  async #open(note: string): Promise<SignedCheckpoint> {
    try {
      return await openHead(this.#log, note);
    } catch (error) {
      throw ofLookup(error);
    }
  }

  async #keep(head: SignedCheckpoint): Promise<string> {
    // Under the log's name alone: who else signed it makes no other head of it.
    const note = noteUnder(this.#log.origin, head);
    await this.#heard.owe(note);
    return note;
  }

  /** Whether a heard head has one history with ours; then it is forgotten. */
  async #isExplained(http: Http, note: string): Promise<boolean> {
    const isOne = await this.#isOneHistory(http, await this.trusted(), await this.#open(note));
    if (isOne) await this.#heard.paid(note);
    return isOne;
  }

  /**
   * Whether the service shows that one history has both heads; false where it does not say.
   *
   * @throws ClientError `log_forked`, and both heads are kept
   */
  async #isOneHistory(
    http: Http,
    trusted: SignedCheckpoint,
    other: SignedCheckpoint,
  ): Promise<boolean> {
    const forked = (consistency: LookupAnswer["consistency"]): Promise<ClientError> => {
      const message = "The service has shown two logs that are not one";
      const refusal = new ClientError("log_forked", message);
      return this.convict(noteText(trusted), noteText(other), consistency, refusal);
    };
    const [older, newer] = other.size < trusted.size ? [other, trusted] : [trusted, other];
    if (older.size === newer.size) {
      if (equal(older.root, newer.root)) return true;
      throw await forked([]);
    }
    let consistency: LookupAnswer["consistency"];
    try {
      const path = consistencyPath(older.size, newer.size);
      consistency = consistencyFromWire(await http.open("GET", path));
    } catch (error) {
      if (error instanceof ClientError && error.code === "closed") throw error;
      // It disowns a head that its log signed; any other failure may be an outage.
      if (error instanceof ClientError && error.problem === "head_unknown") throw await forked([]);
      return false;
    }
    try {
      checkConsistency(older.size, older.root, newer.size, newer.root, consistency);
      return true;
    } catch {
      throw await forked(consistency);
    }
  }
}

/** Refusals that leave two signed heads behind, which together may convict the log. */
export const CONVICTING: ReadonlySet<ClientErrorCode> = new Set(["log_forked", "head_rolled_back"]);
