/**
 * What a client believes, and why: the log's identity, its newest head, and the people it knows.
 *
 * Everything here was verified before it was stored. The head only moves forward; a pinned identity
 * does not move in this version. No stored state means first contact, where the log's key is taken on
 * trust unless the application pins it.
 *
 * @module
 */

import { type AccountLabel } from "../crypto/account_label.ts";
import { type Bundle, type VerifiedBundle, verifyBundle } from "../crypto/bundle.ts";
import { equal } from "../crypto/bytes.ts";
import { openCheckpoint, type SignedCheckpoint } from "../crypto/checkpoint.ts";
import {
  type LogIdentity,
  type LookupAnswer,
  verifyConfig,
  verifyLookup,
} from "../crypto/lookup.ts";
import { parseTlogProof } from "../crypto/proof.ts";
import { type VerifiedRecord } from "../crypto/record.ts";
import { WELL_KNOWN } from "../wire/paths.ts";
import { descriptionFromWire } from "../wire/service.ts";
import { apply, type Cell, cell, change, keep, readCell } from "./cell.ts";
import { type Contact, meet, type Pin, pinOf } from "./contact.ts";
import { ClientError, type ClientErrorCode, ofLookup, toClientError } from "./error.ts";
import { type Http } from "./http.ts";
import {
  identityOf,
  KNOWN_LOG,
  type KnownLog,
  meetLog,
  noteText,
  requireKey,
  requireSame,
} from "./known_log.ts";
import { type Store } from "./store.ts";

/** Two heads that contradict each other, each a note that the log signed. */
export type Evidence = {
  /** The head that was trusted. */
  readonly trusted: string;
  /** The head that was shown later. */
  readonly shown: string;
};

/** The beliefs of one client about one service. */
export class Trust {
  readonly #store: Store;
  readonly #now: () => number;
  readonly #log: LogIdentity;

  private constructor(store: Store, now: () => number, log: LogIdentity) {
    this.#store = store;
    this.#now = now;
    this.#log = log;
  }

  /**
   * Takes up what was believed before, or makes first contact.
   *
   * @param pinned the log's verifier key where the application ships it, or null
   * @throws ClientError `bad_option`, `log_changed`, `proof_invalid`, `bad_answer`, `network`
   */
  static async open(
    http: Http,
    store: Store,
    now: () => number,
    pinned: string | null,
  ): Promise<Trust> {
    if (pinned !== null) requireKey(pinned);
    const known = await readCell(store, KNOWN_LOG) ?? await meetLog(http, pinned);
    // Another tab may have met the log at the same moment: the first to store it is believed.
    const log = await change(store, [KNOWN_LOG], ([held]) => ({
      changes: held === null ? keep(KNOWN_LOG, known) : {},
      result: held ?? known,
    }));
    if (pinned !== null) requireSame(pinned, log.verifierKey);
    return new Trust(store, now, identityOf(log));
  }

  /** The log's origin. */
  get origin(): string {
    return this.#log.origin;
  }

  /** The newest head that was verified. */
  async head(): Promise<SignedCheckpoint> {
    const held = await readCell(this.#store, KNOWN_LOG);
    if (held === null) throw new Error("bug: the store lost the log");
    return await openCheckpoint(held.head, this.#log.origin, [this.#log.verifier]);
  }

  /**
   * Asks whether the service still is the one that was trusted: the same log, whose head has not gone
   * back. Whether its head continues ours is proved with the next lookup.
   *
   * @throws ClientError `log_changed`, `head_rolled_back`, `log_forked`, `network`
   */
  async check(http: Http): Promise<void> {
    const trusted = await this.head();
    let head: SignedCheckpoint;
    try {
      const { config } = descriptionFromWire(await http.open("GET", WELL_KNOWN));
      ({ head } = await verifyConfig(this.#log.verifier, config));
    } catch (error) {
      throw ofLookup(error);
    }
    if (head.size > trusted.size) return;
    if (head.size === trusted.size && equal(head.root, trusted.root)) return;
    throw await this.#convict(
      trusted,
      noteText(head),
      head.size < trusted.size
        ? new ClientError("head_rolled_back", "The service's log is smaller than it was")
        : new ClientError("log_forked", "The service's log is not what it was"),
    );
  }

  /** The newest pair of heads that contradict each other, or null. */
  evidence(): Promise<Evidence | null> {
    return readCell(this.#store, EVIDENCE);
  }

  /**
   * Asks about a person and believes the answer only when it verifies: the stored head moves
   * forward and the person is pinned, in one transaction.
   *
   * @param as a `stranger` is compared with a pin there may be, and gets none
   * @param ask makes the request; it is given the size of the trusted head
   * @throws ClientError `proof_invalid`, `head_rolled_back`, `log_forked`, `identity_changed`
   */
  async learn<Answer extends { readonly lookup: LookupAnswer }>(
    label: AccountLabel,
    as: "contact" | "stranger",
    ask: (from: number) => Promise<Answer>,
  ): Promise<{ readonly contact: Contact; readonly answer: Answer }> {
    for (;;) {
      const trusted = await this.head();
      const answer = await ask(trusted.size);
      const { record, head } = await this.#verify(label, answer.lookup, trusted);
      const contact = await this.#remember(record, trusted, head, as);
      if (contact !== null) return { contact, answer };
    }
  }

  /** Remembers a person who was a stranger until now. @throws ClientError `identity_changed` */
  pin({ record }: Contact): Promise<Contact> {
    const known = pinOf(record.account.label);
    return change(this.#store, [known], ([pin]) => meet(record, pin, this.#now()));
  }

  /** Verifies a bundle of a verified person. @throws ClientError `prekeys_invalid` */
  async verifyBundle(contact: Contact, bundle: Bundle): Promise<VerifiedBundle> {
    const known = pinOf(contact.record.account.label);
    const seen = (await readCell(this.#store, known))?.setNumber ?? null;
    try {
      const verified = await verifyBundle(contact.record, bundle, this.#now(), seen);
      await change(this.#store, [known], ([pin]) => {
        const setNumber = Math.max(pin?.setNumber ?? 0, verified.set.setNumber);
        const changes = pin === null ? {} : keep(known, { ...pin, setNumber });
        return { changes, result: undefined };
      });
      return verified;
    } catch (error) {
      throw toClientError(error, "prekeys_invalid");
    }
  }

  async #verify(
    label: AccountLabel,
    answer: LookupAnswer,
    trusted: SignedCheckpoint,
  ): Promise<{ record: VerifiedRecord; head: SignedCheckpoint }> {
    try {
      return await verifyLookup(this.#log, label, answer, trusted);
    } catch (error) {
      const refusal = ofLookup(error);
      if (!CONVICTING.has(refusal.code)) throw refusal;
      throw await this.#convict(trusted, parseTlogProof(answer.proof).checkpoint, refusal);
    }
  }

  /** Keeps both heads; gives the refusal back. */
  async #convict(
    trusted: SignedCheckpoint,
    shown: string,
    refusal: ClientError,
  ): Promise<ClientError> {
    await apply(this.#store, keep(EVIDENCE, { trusted: noteText(trusted), shown }));
    return refusal;
  }

  /** Null where another tab moved the head meanwhile: then the answer proves too little. */
  #remember(
    record: VerifiedRecord,
    trusted: SignedCheckpoint,
    head: SignedCheckpoint,
    as: "contact" | "stranger",
  ): Promise<Contact | null> {
    const known = pinOf(record.account.label);
    return change<readonly [Cell<KnownLog>, Cell<Pin>], Contact | null>(this.#store, [
      KNOWN_LOG,
      known,
    ], ([log, pin]) => {
      if (log === null || log.head !== noteText(trusted)) return { changes: {}, result: null };
      const { changes, result } = meet(record, pin, this.#now());
      return {
        changes: {
          ...keep(KNOWN_LOG, { ...log, head: noteText(head) }),
          ...(as === "contact" ? changes : {}),
        },
        result,
      };
    });
  }
}

/** Refusals of which both signed heads are kept: together they may convict the log. */
const CONVICTING: ReadonlySet<ClientErrorCode> = new Set(["log_forked", "head_rolled_back"]);

const EVIDENCE = cell<Evidence>("evidence");
