/**
 * What a client believes, and why: the log's identity, its newest head, and the people it knows.
 *
 * Everything here was verified before it was stored, and moves one way: the head only forward, a
 * pinned identity only by its own signatures. No stored state means first contact, where the log's
 * key is taken on trust unless the application pins it.
 *
 * @module
 */

import { type AccountLabel } from "../crypto/account_label.ts";
import { type Bundle, type VerifiedBundle, verifyBundle } from "../crypto/bundle.ts";
import { equal } from "../crypto/bytes.ts";
import { openCheckpoint, type SignedCheckpoint } from "../crypto/checkpoint.ts";
import { CryptoError } from "../crypto/error.ts";
import { decodeConfig, encodeConfig, type LogConfig } from "../crypto/log_entry.ts";
import {
  type LogIdentity,
  type LookupAnswer,
  verifyConfig,
  verifyLookup,
} from "../crypto/lookup.ts";
import { formatNote, parseVerifierKey, type Verifier } from "../crypto/note.ts";
import { ed25519Verifier } from "../crypto/note_key.ts";
import { parseTlogProof } from "../crypto/proof.ts";
import { type VerifiedRecord } from "../crypto/record.ts";
import { WELL_KNOWN } from "../wire/paths.ts";
import { descriptionFromWire } from "../wire/service.ts";
import { ClientError, type ClientErrorCode, ofLookup } from "./error.ts";
import { type Http } from "./http.ts";
import { read, type Store, write } from "./store.ts";

/** What a client remembers about a person. */
export interface Pin {
  /** The record's version. */
  readonly version: number;
  /** `recordHash` of the record. */
  readonly hash: Uint8Array<ArrayBuffer>;
  /** When the person was first seen, Unix milliseconds. */
  readonly firstSeenMs: number;
  /** The highest prekey set number seen. */
  readonly setNumber: number;
}

/** A verified person. */
export interface Contact {
  /** The proven record. */
  readonly record: VerifiedRecord;
  /** When the person was first seen, Unix milliseconds. */
  readonly firstSeenMs: number;
  /** Whether this is the first time. */
  readonly isNew: boolean;
}

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
   * @throws ClientError `log_changed`, `proof_invalid`, `bad_answer`, `network`
   */
  static async open(http: Http, store: Store, pinned: string | null): Promise<Trust> {
    if (await read(store, LOG) === null) {
      const met = await meet(http, pinned);
      // Another tab may have met the log at the same moment: the first to store it is believed.
      await store.update([LOG], ([held]) => ({
        changes: held === null ? { [LOG]: met } : {},
        result: undefined,
      }));
    }
    const { verifierKey, config } = await read(store, LOG) as StoredLog;
    if (pinned !== null && pinned !== verifierKey) throw changed();
    return new Trust(store, http.now, identity(verifierKey, decodeConfig(config)));
  }

  /** The log's origin. */
  get origin(): string {
    return this.#log.origin;
  }

  /** The newest head that was verified. */
  async head(): Promise<SignedCheckpoint> {
    const { head } = await read(this.#store, LOG) as StoredLog;
    return await openCheckpoint(head, this.#log.origin, [this.#log.verifier]);
  }

  /**
   * Asks about a person and believes the answer only when it verifies: the stored head moves
   * forward and the person is pinned, in one transaction.
   *
   * @param ask makes the request; it is given the size of the trusted head
   * @throws ClientError `proof_invalid`, `head_rolled_back`, `log_forked`, `identity_changed`
   */
  async learn<Answer extends { readonly lookup: LookupAnswer }>(
    label: AccountLabel,
    ask: (from: number) => Promise<Answer>,
  ): Promise<{ readonly contact: Contact; readonly answer: Answer }> {
    for (;;) {
      const trusted = await this.head();
      const answer = await ask(trusted.size);
      const { record, head } = await this.#verify(label, answer.lookup, trusted);
      const contact = await this.#remember(record, trusted, head);
      if (contact !== null) return { contact, answer };
    }
  }

  /** Verifies a bundle of a verified person. @throws ClientError `prekeys_invalid` */
  async verifyBundle(contact: Contact, bundle: Bundle): Promise<VerifiedBundle> {
    const key = pinKey(contact.record.account.label);
    const { setNumber: seen } = await read(this.#store, key) as unknown as Pin;
    let verified: VerifiedBundle;
    try {
      verified = await verifyBundle(contact.record, bundle, this.#now(), seen);
    } catch (cause) {
      if (!(cause instanceof CryptoError)) throw cause;
      throw new ClientError("prekeys_invalid", cause.message, { cause });
    }
    await this.#store.update([key], ([held]) => {
      const pin = held as unknown as Pin;
      const setNumber = Math.max(pin.setNumber, verified.set.setNumber);
      return { changes: { [key]: { ...pin, setNumber } }, result: undefined };
    });
    return verified;
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
      if (refusal instanceof ClientError && EVIDENCE.has(refusal.code)) {
        const shown = parseTlogProof(answer.proof).checkpoint;
        await write(this.#store, { evidence: { trusted: noteText(trusted), shown } });
      }
      throw refusal;
    }
  }

  /** Null where another tab moved the head meanwhile: then the answer proves too little. */
  #remember(
    record: VerifiedRecord,
    trusted: SignedCheckpoint,
    head: SignedCheckpoint,
  ): Promise<Contact | null> {
    const key = pinKey(record.account.label);
    return this.#store.update<Contact | null>([LOG, key], ([heldLog, heldPin]) => {
      const log = heldLog as StoredLog;
      const pin = heldPin as unknown as Pin | null;
      if (log.head !== noteText(trusted)) return { changes: {}, result: null };
      if (pin !== null && !(pin.version === record.version && equal(pin.hash, record.hash))) {
        throw new ClientError("identity_changed", "This is not the identity that was seen before");
      }
      const firstSeenMs = pin?.firstSeenMs ?? this.#now();
      const made = { version: record.version, hash: record.hash, firstSeenMs, setNumber: 0 };
      return {
        changes: {
          [LOG]: { ...log, head: noteText(head) },
          ...(pin === null ? { [key]: made } : {}),
        },
        result: { record, firstSeenMs, isNew: pin === null },
      };
    });
  }
}

const LOG = "log";
/** Refusals of which both signed heads are kept: together they may convict the log. */
const EVIDENCE: ReadonlySet<ClientErrorCode> = new Set(["log_forked", "head_rolled_back"]);

type StoredLog = {
  readonly verifierKey: string;
  readonly config: Uint8Array<ArrayBuffer>;
  readonly head: string;
};

/** First contact: the log's key is taken on trust unless pinned, its CONFIG is proved. */
async function meet(http: Http, pinned: string | null): Promise<StoredLog> {
  try {
    const description = descriptionFromWire(await http.open("GET", WELL_KNOWN));
    const verifierKey = pinned ?? description.verifier;
    if (description.verifier !== verifierKey) throw changed();
    const { config, head } = await verifyConfig(verifierOf(verifierKey), description.config);
    return { verifierKey, config: encodeConfig(config), head: noteText(head) };
  } catch (error) {
    throw ofLookup(error);
  }
}

function verifierOf(verifierKey: string): Verifier {
  return ed25519Verifier(parseVerifierKey(verifierKey));
}

function identity(verifierKey: string, config: LogConfig): LogIdentity {
  const verifier = verifierOf(verifierKey);
  return { origin: config.origin, verifier, vrfPublicKey: config.vrfPublicKey };
}

function noteText(head: SignedCheckpoint): string {
  return formatNote(head.note.text, head.note.signatures);
}

function pinKey(label: AccountLabel): string {
  return `pin/${label}`;
}

function changed(): ClientError {
  return new ClientError("log_changed", "The service's log is not the one that was trusted");
}
