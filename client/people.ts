/**
 * The people that a client knows: how it comes to know them, follows them from record to record, and
 * remembers it. How far somebody is followed is `contact.ts`.
 *
 * Everything here was verified before it was stored. A lookup moves the trusted head and the person's pin
 * in one transaction.
 *
 * @module
 */

import { type AccountId, type AccountLabel } from "../crypto/account_label.ts";
import { type Bytes, equal } from "../crypto/bytes.ts";
import { type Bundle, type VerifiedBundle, verifyBundle } from "../crypto/bundle.ts";
import { type SignedCheckpoint } from "../crypto/checkpoint.ts";
import { type LogIdentity, openHead } from "../crypto/head.ts";
import {
  type LookupAnswer,
  type LookupResult,
  type LookupState,
  verifyLookup,
} from "../crypto/lookup.ts";
import { type VerifiedRecord } from "../crypto/record.ts";
import { type Asker, askFirst } from "./asking.ts";
import { type Cell, change, keep, readCell } from "./cell.ts";
import {
  type Contact,
  CONTACTS,
  identityChanged,
  isSamePin,
  knownBy,
  meet,
  type Meeting,
  numbersOf,
  type Pin,
  pinning,
  pinOf,
} from "./contact.ts";
import { ClientError, ofLookup, toClientError } from "./error.ts";
import { CONVICTING, type Heads, MAX_HEAD_AGE_MS } from "./heads.ts";
import { KNOWN_LOG, type KnownLog, noteText } from "./known_log.ts";
import { type Store } from "./store.ts";

/** Most proofs that one lookup takes: each shows eight earlier records. */
const MAX_PAGES = 64;
/** The same for somebody who was not asked for, and rings. */
const MAX_PAGES_OF_STRANGER = 16;

/** What the log has of a name. */
export interface Trace {
  /** Its records from the known one on, or from the first, oldest first; never none. */
  readonly records: readonly VerifiedRecord[];
  /** The record of a new identity that waits to be believed, or null. */
  readonly contested: VerifiedRecord | null;
}

/** The people of one client. */
export class People {
  readonly #store: Store;
  readonly #now: () => number;
  readonly #log: LogIdentity;
  readonly #heads: Heads;

  /** Those that a store knows; it holds the log already. */
  constructor(store: Store, now: () => number, log: LogIdentity, heads: Heads) {
    this.#store = store;
    this.#now = now;
    this.#log = log;
    this.#heads = heads;
  }

  /** Whom this client knows. */
  async contacts(): Promise<readonly AccountLabel[]> {
    return await readCell(this.#store, CONTACTS) ?? [];
  }

  /**
   * Asks about a person and believes the answer only when it verifies: the stored head moves
   * forward and the person is pinned, in one transaction.
   *
   * @param as a `stranger` is compared with a pin there may be, and gets none
   * @throws ClientError `unknown_name`, `name_retired`, `identity_changed`,
   * `proof_invalid`, `stale_head`, `quorum_missing`, `head_rolled_back`, `version_rolled_back`,
   * `log_forked`, `log_changed`, `bad_answer`, `network`, `unavailable`
   */
  async learn<Answer extends { readonly lookup: LookupAnswer }>(
    label: AccountLabel,
    as: "contact" | "stranger",
    asker: Asker<Answer>,
  ): Promise<{ readonly contact: Contact; readonly answer: Answer }> {
    const { meeting, answer } = await this.#look(label, as, asker);
    if ("contested" in meeting) throw identityChanged(meeting.contested.hash);
    return { contact: meeting, answer };
  }

  /**
   * Asks like `learn`, about a name that is one's own: what the log has of it counts, and not whether it
   * is to be believed yet.
   *
   * @throws ClientError those of `learn` but `identity_changed`
   */
  async trace<Answer extends { readonly lookup: LookupAnswer }>(
    label: AccountLabel,
    as: "contact" | "stranger",
    asker: Asker<Answer>,
  ): Promise<Trace> {
    const { meeting, records } = await this.#look(label, as, asker);
    return { records, contested: "contested" in meeting ? meeting.contested : null };
  }

  async #look<Answer extends { readonly lookup: LookupAnswer }>(
    label: AccountLabel,
    as: "contact" | "stranger",
    asker: Asker<Answer>,
  ): Promise<{
    readonly meeting: Meeting;
    readonly records: readonly VerifiedRecord[];
    readonly answer: Answer;
  }> {
    let first: Answer | null = null;
    let through: number | null = null;
    let pages: LookupState["pages"] = new Map();
    const most = as === "stranger" ? MAX_PAGES_OF_STRANGER : MAX_PAGES;
    for (let page = 0; page < most; page++) {
      const [note, pin] = await Promise.all([
        this.#heads.note(),
        readCell(this.#store, pinOf(label)),
      ]);
      const trusted = await openHead(this.#log, note);
      const state = this.#stateFor(label, trusted, pin, pages);
      const asking = { from: trusted.size, known: state.known?.record.version ?? null, through };
      const answer: Answer | null = first === null ? await askFirst(asker, asking) : null;
      const shown = answer?.lookup ?? await asker.more(asking);
      const result = await this.#verify(label, shown, state);
      const meeting = result.kind === "present"
        ? meet(pin, result.current, result.chain, this.#now())
        : null;
      const keepsPin = meeting !== null && (as === "contact" || pin !== null);
      const kept = keepsPin ? meeting : null;
      const isKept = await this.#advance(label, { note, pin }, result.head, kept);
      // Another tab moved on meanwhile: then the answer proves too little.
      if (!isKept) continue;
      first ??= answer;
      if (result.kind === "absent") throw new ClientError("unknown_name", "Nobody has that name");
      if (result.kind === "retired") throw new ClientError("name_retired", "That name has ended");
      if (result.kind === "partial") {
        ({ pages, through } = result);
        continue;
      }
      const known = state.known === null ? [] : [state.known.record];
      return { meeting: meeting!, records: [...known, ...result.chain], answer: first! };
    }
    throw new ClientError("bad_answer", "The name's history does not end");
  }

  /** Remembers a person who was a stranger until now. */
  pin(contact: Contact): Promise<Contact> {
    const { label } = contact.record.account;
    return change(this.#store, [pinOf(label), CONTACTS], ([pin, contacts]) => {
      const changes = pin === null ? pinning(label, contact.pin, contacts) : {};
      return { changes, result: contact };
    });
  }

  /**
   * Believes a new identity of a person, because the user asked them: the next lookup follows it.
   *
   * @param hash which one: another may have come meanwhile
   * @throws ClientError `unknown_name` where there is none that waits, `identity_changed` where it is
   * another one
   */
  confirm(label: AccountLabel, hash: Bytes): Promise<void> {
    return change(this.#store, [pinOf(label)], ([pin]) => {
      if (pin?.contested == null) {
        throw new ClientError("unknown_name", "No new identity of that name waits to be believed");
      }
      if (!equal(pin.contested.hash, hash)) throw identityChanged(pin.contested.hash);
      const contested = { ...pin.contested, sinceMs: 0 };
      return { changes: keep(pinOf(label), { ...pin, contested }), result: undefined };
    });
  }

  /** Verifies a bundle of a verified person. @throws ClientError `prekeys_invalid` */
  async verifyBundle(contact: Contact, bundle: Bundle): Promise<VerifiedBundle> {
    const known = pinOf(contact.record.account.label);
    const device = String(bundle.deviceId);
    const seen = (await readCell(this.#store, known))?.setNumbers[device] ?? null;
    try {
      const verified = await verifyBundle(contact.record, bundle, this.#now(), seen);
      await change(this.#store, [known], ([pin]) => {
        if (pin === null) return { changes: {}, result: undefined };
        const setNumber = Math.max(pin.setNumbers[device] ?? 0, verified.set.setNumber);
        const setNumbers = { ...pin.setNumbers, [device]: setNumber };
        return { changes: keep(known, { ...pin, setNumbers }), result: undefined };
      });
      return verified;
    } catch (error) {
      throw toClientError(error, "prekeys_invalid");
    }
  }

  #stateFor(
    label: AccountLabel,
    trusted: SignedCheckpoint,
    pin: Pin | null,
    pages: LookupState["pages"],
  ): LookupState {
    const account: AccountId = { origin: this.#log.origin, label };
    return {
      trusted,
      // A frozen view hides what is new: it must not introduce anybody.
      freshSinceMs: pin === null ? this.#now() - MAX_HEAD_AGE_MS : null,
      known: pin === null ? null : knownBy(account, pin),
      pages,
    };
  }

  async #verify(
    label: AccountLabel,
    answer: LookupAnswer,
    state: LookupState,
  ): Promise<LookupResult> {
    try {
      return await verifyLookup(this.#log, label, answer, state);
    } catch (error) {
      const refusal = ofLookup(error);
      const shown = await this.#heads.overhear(answer.proof);
      if (shown === null || !CONVICTING.has(refusal.code)) throw refusal;
      throw await this.#heads.convict(noteText(state.trusted!), shown, answer.consistency, refusal);
    }
  }

  /** Moves the head, and keeps a pin; false where another tab changed either meanwhile. */
  #advance(
    label: AccountLabel,
    before: { readonly note: string; readonly pin: Pin | null },
    head: SignedCheckpoint,
    meeting: Meeting | null,
  ): Promise<boolean> {
    type Cells = readonly [Cell<KnownLog>, Cell<Pin>, Cell<readonly AccountLabel[]>];
    const cells: Cells = [KNOWN_LOG, pinOf(label), CONTACTS];
    return change<Cells, boolean>(this.#store, cells, ([log, pin, contacts]) => {
      const isSame = log?.head === before.note && isSamePin(pin, before.pin);
      if (log === null || !isSame) return { changes: {}, result: false };
      const changes = {
        ...keep(KNOWN_LOG, { ...log, head: noteText(head) }),
        ...(meeting === null
          ? {}
          : pinning(label, { ...meeting.pin, ...numbersOf(pin) }, contacts)),
      };
      return { changes, result: true };
    });
  }
}
