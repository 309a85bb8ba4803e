/**
 * Gossip: what two people tell each other of the log, inside the messages that only they can read.
 *
 * Each says its newest head and the proof of its own name. A service that shows two histories has signed
 * two heads that no one history has: whoever hears the other one holds both, and so does the other side.
 * What is heard is compared and never believed: it moves no head and pins nobody.
 *
 * @module
 */

import { type Bytes, equal } from "../crypto/bytes.ts";
import { type SignedCheckpoint } from "../crypto/checkpoint.ts";
import { FIRST_CONTACT, openHead } from "../crypto/head.ts";
import { type LookupResult, verifyLookup } from "../crypto/lookup.ts";
import { formatNote } from "../crypto/note.ts";
import { formatTlogProof, parseTlogProof } from "../crypto/proof.ts";
import { type VerifiedRecord } from "../crypto/record.ts";
import { type GossipWire } from "../wire/payload.ts";
import { type Account } from "./account.ts";
import { cell, change, keep, readCell } from "./cell.ts";
import { askForProof } from "./directory.ts";
import { ClientError, ofLookup } from "./error.ts";
import { type Http, type Signer } from "./http.ts";
import { type Store } from "./store.ts";
import { type Trust } from "./trust.ts";

/** How long the service may take to explain a head that somebody else was shown, in milliseconds. */
const EXPLAINING_MS = 3_600_000;
/** How long a call waits for that, in milliseconds. */
const HEARING_MS = 3_000;
/** Most heads that wait to be explained. */
const MAX_HEARD = 32;

/** A head that somebody else was shown, and that the service has not explained yet. */
type HeardHead = {
  readonly note: string;
  /** When it was heard, Unix milliseconds. */
  readonly sinceMs: number;
};

const HEARD = cell<readonly HeardHead[]>("heard");

/** Longest proof that is sent along, in characters: offers have a largest size. */
const MAX_GOSSIP_CHARS = 6_000;

/** What one client says and hears of the log. */
export class Gossip {
  readonly #http: Http;
  readonly #trust: Trust;
  readonly #store: Store;
  readonly #now: () => number;
  #own: { readonly record: Bytes; readonly proof: string } | null = null;

  /** Nothing was said yet. */
  constructor(http: Http, trust: Trust, store: Store, now: () => number) {
    this.#http = http;
    this.#trust = trust;
    this.#store = store;
    this.#now = now;
  }

  /** Fetches the proof of one's own name, as strangers get it. @throws ClientError */
  async prepare({ label, record }: Account, signer: Signer): Promise<void> {
    const asking = { from: null, known: null, through: null };
    const { proof } = await askForProof(this.#http, signer, label, asking);
    const shown = shownRecord(await this.#verify(record, proof), record.version);
    if (shown === null || !equal(shown, record.bytes)) return;
    const outer = parseTlogProof(proof);
    const checkpoint = this.#signedByLog(await openHead(this.#trust.log, outer.checkpoint));
    this.#own = { record: record.bytes, proof: formatTlogProof({ ...outer, checkpoint }) };
  }

  /** What to say in a call: one's newest head, and the proof of one's own name. */
  async say({ record }: Account): Promise<GossipWire> {
    const head = this.#signedByLog(await this.#trust.heads.trusted());
    const own = this.#own;
    const isOwn = own !== null && equal(own.record, record.bytes);
    const fits = isOwn && own.proof.length + head.length <= MAX_GOSSIP_CHARS;
    return { head, proof: fits ? own.proof : "" };
  }

  /** A head with the log's signature alone: it convicts, whoever else signed. */
  #signedByLog({ note }: SignedCheckpoint): string {
    const { origin } = this.#trust;
    const own = note.signatures.filter(({ name }) => name === origin);
    // The shortest will do: beside Ed25519's there may be one of ML-DSA.
    own.sort((a, b) => a.signature.length - b.signature.length);
    return formatNote(note.text, own.slice(0, 1));
  }

  /**
   * Hears what somebody says in a call, and compares it with what the service showed. What the service
   * does not explain now is kept until it does.
   *
   * @param record who speaks, as the service showed them
   * @throws ClientError `log_forked`, `identity_changed`, `log_changed`, `proof_invalid`
   */
  async hear(record: VerifiedRecord, { head, proof }: GossipWire): Promise<void> {
    if (head !== "") await this.#hearHead(head);
    if (proof === "") return;
    await this.#hearHead(checkpointOf(proof));
    const shown = shownRecord(await this.#verify(record, proof), record.version);
    if (shown === null || equal(shown, record.bytes)) return;
    throw new ClientError(
      "identity_changed",
      "The service shows this person another record of them",
    );
  }

  async #hearHead(note: string): Promise<void> {
    await this.#keep(note);
    const settled = this.#settle(note);
    settled.catch(() => {});
    const patience = Promise.withResolvers<void>();
    const timer = setTimeout(patience.resolve, HEARING_MS);
    await Promise.race([settled, patience.promise]).finally(() => clearTimeout(timer));
  }

  /**
   * Asks once more for what was heard and not explained. What is not explained within an hour counts as
   * a fork: a service that has one history can always show it.
   *
   * @throws ClientError `log_forked`
   */
  async explain(): Promise<void> {
    for (const { note, sinceMs } of await readCell(this.#store, HEARD) ?? []) {
      if (await this.#settle(note) || this.#now() - sinceMs < EXPLAINING_MS) continue;
      throw new ClientError("log_forked", "The service does not explain a head that it signed");
    }
  }

  /** Compares a head, and forgets it once the service has explained it or was convicted. */
  async #settle(note: string): Promise<boolean> {
    let isExplained = true;
    try {
      isExplained = await this.#trust.heads.compare(this.#http, note);
      return isExplained;
    } finally {
      if (isExplained) {
        await change(this.#store, [HEARD], ([heard]) => {
          const left = (heard ?? []).filter((one) => one.note !== note);
          return { changes: keep(HEARD, left), result: undefined };
        });
      }
    }
  }

  /** Kept first: whoever delays the explanation must not gain by it. */
  #keep(note: string): Promise<void> {
    return change(this.#store, [HEARD], ([heard]) => {
      const held = heard ?? [];
      const isNew = held.length < MAX_HEARD && !held.some((one) => one.note === note);
      const changes = isNew ? keep(HEARD, [...held, { note, sinceMs: this.#now() }]) : {};
      return { changes, result: undefined };
    });
  }

  /** Under the log's word alone: its witnesses are asked for with every lookup of one's own. */
  async #verify({ account }: VerifiedRecord, proof: string): Promise<LookupResult> {
    const { log } = this.#trust;
    const alone = { ...log, policy: { ...log.policy, witnesses: [], groups: [], quorum: null } };
    const state = { ...FIRST_CONTACT, known: null, pages: new Map() };
    try {
      return await verifyLookup(alone, account.label, { proof, consistency: [] }, state);
    } catch (error) {
      throw ofLookup(error);
    }
  }
}

function checkpointOf(proof: string): string {
  try {
    return parseTlogProof(proof).checkpoint;
  } catch (error) {
    throw ofLookup(error);
  }
}

/** What a proof shows as a version of a name, or null where it does not show it. */
function shownRecord(result: LookupResult, version: number): Bytes | null {
  if (result.kind === "partial") return result.pages.get(version) ?? null;
  if (result.kind !== "present") return null;
  return result.chain.find((record) => record.version === version)?.bytes ?? null;
}
