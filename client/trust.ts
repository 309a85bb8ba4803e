/**
 * What a client believes, and why: the log's identity, its newest head, and the people it knows.
 *
 * Everything here was verified before it was stored. The head only moves forward, and a person is
 * followed from record to record. No stored state means first contact, where the log's key is taken on
 * trust unless the application pins it.
 *
 * @module
 */

import { type AccountId, type AccountLabel } from "../crypto/account_label.ts";
import { type Bundle, type VerifiedBundle, verifyBundle } from "../crypto/bundle.ts";
import { equal } from "../crypto/bytes.ts";
import { type SignedCheckpoint } from "../crypto/checkpoint.ts";
import { type LogIdentity, openHead, verifyConfig } from "../crypto/head.ts";
import {
  type LookupAnswer,
  type LookupResult,
  type LookupState,
  verifyLookup,
} from "../crypto/lookup.ts";
import { type LogPolicy } from "../crypto/policy.ts";
import { parseTlogProof } from "../crypto/proof.ts";
import { type VerifiedRecord } from "../crypto/record.ts";
import { checkConsistency } from "../crypto/tree.ts";
import { consistencyFromWire, consistencyPath } from "../wire/log.ts";
import { WELL_KNOWN } from "../wire/paths.ts";
import { descriptionFromWire } from "../wire/service.ts";
import { type Cell, change, keep, readCell } from "./cell.ts";
import { type Contact, CONTACTS, knownBy, meet, type Meeting, type Pin, pinOf } from "./contact.ts";
import { ClientError, type ClientErrorCode, ofLookup, toClientError } from "./error.ts";
import { type Http } from "./http.ts";
import { identityOf, KNOWN_LOG, type KnownLog, meetLog, noteText, underPin } from "./known_log.ts";
import { type Changes, type Store } from "./store.ts";

/** How old the witnesses' word may be for somebody who is met for the first time, in milliseconds. */
export const MAX_HEAD_AGE_MS = 3_600_000;
/** Most proofs that one lookup takes: each shows eight earlier records. */
const MAX_PAGES = 64;

/** What a lookup names to the service. */
export interface Asking {
  /** The size of the trusted head. */
  readonly from: number;
  /** The version that is known, or null. */
  readonly known: number | null;
  /** The last earlier record that is asked for, or null for the newest ones. */
  readonly through: number | null;
}

/** How a lookup asks. */
export interface Asker<Answer extends { readonly lookup: LookupAnswer }> {
  /** Makes the request. */
  readonly ask: (asking: Asking) => Promise<Answer>;
  /** Asks for more of the name's history. */
  readonly more: (asking: Asking) => Promise<LookupAnswer>;
}

/** What the log has of a name. */
export interface Trace {
  /** Its records from the known one on, or from the first, oldest first; never none. */
  readonly records: readonly VerifiedRecord[];
  /** Whether the newest waits to be believed. */
  readonly isContested: boolean;
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
   * @param pinned what the application ships, or null
   * @throws ClientError `log_changed`, `proof_invalid`, `bad_answer`, `network`
   */
  static async open(
    http: Http,
    store: Store,
    now: () => number,
    pinned: LogPolicy | null,
  ): Promise<Trust> {
    const known = await readCell(store, KNOWN_LOG) ?? await meetLog(http, pinned);
    // Another tab may have met the log at the same moment: the first to store it is believed.
    const log = await change(store, [KNOWN_LOG], ([held]) => {
      const result = underPin(held ?? known, pinned);
      return { changes: keep(KNOWN_LOG, result), result };
    });
    return new Trust(store, now, identityOf(log));
  }

  /** The log. */
  get log(): LogIdentity {
    return this.#log;
  }

  /** The log's origin. */
  get origin(): string {
    return this.#log.origin;
  }

  /** The newest head that was verified. */
  async head(): Promise<SignedCheckpoint> {
    return await openHead(this.#log, await this.#headNote());
  }

  /** Whom this client knows. */
  async contacts(): Promise<readonly AccountLabel[]> {
    return await readCell(this.#store, CONTACTS) ?? [];
  }

  /**
   * Asks whether the service still is the one that was trusted: the same log, whose head continues ours,
   * and is believed from then on.
   *
   * @throws ClientError `log_changed`, `head_rolled_back`, `log_forked`, `network`, `unavailable`
   */
  async check(http: Http): Promise<void> {
    const note = await this.#headNote();
    const trusted = await openHead(this.#log, note);
    let head: SignedCheckpoint;
    try {
      const { config } = descriptionFromWire(await http.open("GET", WELL_KNOWN));
      ({ head } = await verifyConfig(this.origin, this.#log.policy, config));
    } catch (error) {
      throw ofLookup(error);
    }
    if (head.size < trusted.size) {
      const refusal = new ClientError(
        "head_rolled_back",
        "The service's log is smaller than it was",
      );
      throw await this.#convict(note, noteText(head), [], refusal);
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
   * Asks about a person and believes the answer only when it verifies: the stored head moves
   * forward and the person is pinned, in one transaction.
   *
   * @param as a `stranger` is compared with a pin there may be, and gets none
   * @throws ClientError `unknown_name`, `name_retired`, `proof_invalid`, `stale_head`,
   * `head_rolled_back`, `log_forked`, `identity_changed`
   */
  async learn<Answer extends { readonly lookup: LookupAnswer }>(
    label: AccountLabel,
    as: "contact" | "stranger",
    asker: Asker<Answer>,
  ): Promise<{ readonly contact: Contact; readonly answer: Answer }> {
    const { meeting, answer } = await this.#look(label, as, asker);
    if ("refusal" in meeting) throw meeting.refusal;
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
    return { records, isContested: "refusal" in meeting };
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
    for (let page = 0; page < MAX_PAGES; page++) {
      const [note, pin] = await Promise.all([
        this.#headNote(),
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
   * Believes the new identity of a person, because the user asked them: the next lookup follows it.
   *
   * @throws ClientError `unknown_name` where there is none that waits
   */
  confirm(label: AccountLabel): Promise<void> {
    return change(this.#store, [pinOf(label)], ([pin]) => {
      if (pin?.contested == null) {
        throw new ClientError("unknown_name", "No new identity of that name waits to be believed");
      }
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

  async #headNote(): Promise<string> {
    const held = await readCell(this.#store, KNOWN_LOG);
    if (held === null) throw new Error("bug: the store lost the log");
    return held.head;
  }

  #stateFor(
    label: AccountLabel,
    trusted: SignedCheckpoint,
    pin: Pin | null,
    pages: LookupState["pages"],
  ): LookupState {
    const account: AccountId = { origin: this.origin, label };
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
      if (!CONVICTING.has(refusal.code)) throw refusal;
      const shown = parseTlogProof(answer.proof).checkpoint;
      throw await this.#convict(noteText(state.trusted!), shown, answer.consistency, refusal);
    }
  }

  /**
   * Compares a head that somebody else was shown with one's own: one history must have both. False where
   * the service did not say yet.
   *
   * @throws ClientError `log_forked`, `log_changed`, `proof_invalid`
   */
  async compare(http: Http, note: string): Promise<boolean> {
    const trusted = await this.head();
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
      throw await this.#convict(noteText(trusted), noteText(other), consistency, forked());
    }
  }

  /** Keeps both heads; gives the refusal back. */
  async #convict(
    first: string,
    second: string,
    consistency: LookupAnswer["consistency"],
    refusal: ClientError,
  ): Promise<ClientError> {
    const { keepEvidence } = await import("./evidence.ts");
    await keepEvidence(this.#store, { kind: "heads", first, second, consistency });
    return refusal;
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

/** Refusals that leave two signed heads behind, which together may convict the log. */
const CONVICTING: ReadonlySet<ClientErrorCode> = new Set(["log_forked", "head_rolled_back"]);

function forked(): ClientError {
  return new ClientError("log_forked", "The service has shown two logs that are not one");
}

/** Asks; a plain "nobody" proves nothing. */
async function askFirst<Answer extends { readonly lookup: LookupAnswer }>(
  { ask }: Asker<Answer>,
  asking: Asking,
): Promise<Answer> {
  try {
    return await ask(asking);
  } catch (error) {
    if (!(error instanceof ClientError) || error.problem !== "name_not_found") throw error;
    throw new ClientError("proof_invalid", "The service denies a name without a proof");
  }
}

/** The changes that keep a pin, and its name among the contacts. */
function pinning(
  label: AccountLabel,
  pin: Pin,
  contacts: readonly AccountLabel[] | null,
): Changes {
  const known = contacts ?? [];
  const listed = known.includes(label) ? {} : keep(CONTACTS, [...known, label]);
  return { ...keep(pinOf(label), pin), ...listed };
}

/** Set numbers are noted beside lookups, and never go back. */
function numbersOf(pin: Pin | null): Pick<Pin, "setNumbers"> | Record<string, never> {
  return pin === null ? {} : { setNumbers: pin.setNumbers };
}

function isSamePin(a: Pin | null, b: Pin | null): boolean {
  if (a === null || b === null) return a === b;
  return equal(a.record, b.record) && a.contested?.sinceMs === b.contested?.sinceMs;
}
