/**
 * The log as a page for people needs it: heads that are checked as they come, and lookups taken apart step
 * by step. What it shows was verified by the same functions that the client calls with.
 *
 * It never registers a name, calls anybody, or changes what the device believes.
 *
 * @module
 */

import { type AccountLabel, canonicalAccountLabel } from "../crypto/account_label.ts";
import { equal } from "../crypto/bytes.ts";
import { type SignedCheckpoint } from "../crypto/checkpoint.ts";
import { CryptoError } from "../crypto/error.ts";
import { advanceHead, FIRST_CONTACT, type LogIdentity, openHead } from "../crypto/head.ts";
import {
  type LookupAnswer,
  type LookupResult,
  type LookupState,
  verifyLookup,
} from "../crypto/lookup.ts";
import { parsePolicy } from "../crypto/policy_text.ts";
import { type AuditedEpoch, verifyTransition } from "../crypto/transition_audit.ts";
import { buildRoot, planRoot } from "../crypto/tree.ts";
import { lookupFromWire } from "../wire/directory.ts";
import { auditPath, consistencyFromWire, consistencyPath, epochFromWire } from "../wire/log.ts";
import { proofPath, WELL_KNOWN } from "../wire/paths.ts";
import { witnessesFromWire } from "../wire/service.ts";
import { loadAccount } from "./account.ts";
import { readCell } from "./cell.ts";
import { ClientError, ofLookup, toClientError } from "./error.ts";
import { type HeadSight, headSightOf, statedPolicy, type Subtree } from "./head_sight.ts";
import { MAX_HEAD_AGE_MS } from "./heads.ts";
import { Http, type Signer } from "./http.ts";
import { identityOf, KNOWN_LOG, meetLog } from "./known_log.ts";
import { LogFiles } from "./log_files.ts";
import { sightOf } from "./lookup_sight.ts";
import { type LookupView, provenView, refusedView } from "./lookup_view.ts";
import { reading } from "./reading.ts";
import { type Store } from "./store.ts";

export { ClientError, type ClientErrorCode } from "./error.ts";
export { type HeadSight, type HeadSignature, type Subtree } from "./head_sight.ts";
export { type LookupSight, type Step, type StepName, type VersionSight } from "./lookup_sight.ts";
export { type LookupView } from "./lookup_view.ts";
export { type PrefixSight } from "./prefix_sight.ts";
export { type AuditedEpoch } from "../crypto/transition_audit.ts";

/** How to open a view. */
export interface LogViewOptions {
  /** The service's URL. */
  readonly service: string | URL;
  /** Where this device keeps its account and what it believes; closed with the view. */
  readonly store: Store;
  /** The clock, Unix milliseconds; the platform's by default. */
  readonly now?: () => number;
}

/** Most proofs that one lookup takes: each shows eight earlier records. */
const MAX_PAGES = 64;

/** A log that is watched. */
export class LogView {
  readonly #http: Http;
  readonly #files: LogFiles;
  readonly #store: Store;
  readonly #now: () => number;
  readonly #log: LogIdentity;
  readonly #signer: Signer | null;
  #trusted: SignedCheckpoint;
  #seen: HeadSight | null = null;

  private constructor(
    { store, now = Date.now }: LogViewOptions,
    http: Http,
    log: LogIdentity,
    trusted: SignedCheckpoint,
    signer: Signer | null,
  ) {
    this.#http = http;
    this.#files = new LogFiles(http.origin);
    this.#store = store;
    this.#now = now;
    this.#log = log;
    this.#trusted = trusted;
    this.#signer = signer;
  }

  /**
   * Opens the log that this device believes, or meets it.
   *
   * @throws ClientError `bad_option`, `network`, `log_changed`, `proof_invalid`, `bad_answer`
   */
  static async open(options: LogViewOptions): Promise<LogView> {
    const { store, service, now = Date.now } = options;
    const http = new Http(service, now);
    const known = await readCell(store, KNOWN_LOG) ?? await meetLog(http, null);
    const pinned = identityOf(known);
    const account = await loadAccount(store, pinned.origin);
    const signer = account && { label: account.label, signing: account.self.keys.signing };
    try {
      const stated = parsePolicy(witnessesFromWire(await http.open("GET", WELL_KNOWN)));
      const log = { ...pinned, policy: statedPolicy(pinned.policy, stated) };
      return new LogView(options, http, log, await openHead(pinned, known.head), signer);
    } catch (error) {
      throw ofLookup(error);
    }
  }

  /** The log's origin. */
  get origin(): string {
    return this.#log.origin;
  }

  /** The name of this device, which lookups are made with; null where it has none. */
  get label(): string | null {
    return this.#signer?.label ?? null;
  }

  /**
   * Reads the newest head and verifies all that can be: signatures, that it continues the one before, that
   * the tiles lead to it, and that its newest epoch did what it says.
   *
   * @throws ClientError `log_forked`, `head_rolled_back`, `quorum_missing`, `proof_invalid`, `network`
   */
  async refresh(): Promise<HeadSight> {
    const before = this.#trusted;
    try {
      const head = await this.#advance(await this.#files.checkpoint(), before);
      const isSame = this.#seen?.size === head.size;
      const [subtrees, epoch] = isSame
        ? [this.#seen!.subtrees, this.#seen!.epoch]
        : await Promise.all([this.#subtrees(head), this.#epoch(head)]);
      const isFirst = this.#seen === null && before.size === head.size;
      const continues = isFirst ? null : before.size;
      this.#believe(head);
      this.#seen = headSightOf(this.#log.policy, head, { continues, subtrees, epoch });
      return this.#seen;
    } catch (error) {
      throw ofLookup(error);
    }
  }

  /**
   * Looks a name up, verifies the answer, and takes it apart. An answer that does not verify is shown too,
   * up to where it fails.
   *
   * @throws ClientError `bad_label`, `not_registered`, `network`, `refused`, `bad_answer`
   */
  async lookup(name: string): Promise<LookupView> {
    const label = labelOf(name);
    const { policy } = this.#log;
    const state: LookupState = {
      trusted: this.#trusted,
      freshSinceMs: policy.quorum === null ? null : this.#now() - MAX_HEAD_AGE_MS,
      known: null,
      pages: new Map(),
    };
    const answer = await this.#ask(label, state, null);
    const sight = await sightOf(this.#log, label, answer, state);
    try {
      const result = await this.#follow(label, answer, state);
      this.#believe(result.head);
      if (sight.steps.some(({ verdict }) => verdict === "failed")) {
        throw new Error("bug: a step failed of a proof that verifies");
      }
      return provenView(label, sight, result);
    } catch (error) {
      if (!(error instanceof CryptoError)) throw error;
      return refusedView(label, sight, ofLookup(error));
    }
  }

  /** Ends every request under way, and closes the store. */
  close(): void {
    this.#http.close();
    this.#files.close();
    this.#store.close();
  }

  async #ask(
    label: AccountLabel,
    { trusted }: LookupState,
    through: number | null,
  ): Promise<LookupAnswer> {
    if (this.#signer === null) throw new ClientError("not_registered", "Register a name first");
    const path = proofPath(label, { from: trusted!.size, through });
    return reading(lookupFromWire, await this.#http.signed(this.#signer, "GET", path));
  }

  /** The verdict that counts, over as many proofs as the name's history takes. */
  async #follow(
    label: AccountLabel,
    first: LookupAnswer,
    state: LookupState,
  ): Promise<LookupResult> {
    let result = await verifyLookup(this.#log, label, first, state);
    for (let page = 1; result.kind === "partial" && page < MAX_PAGES; page++) {
      const { pages, through } = result;
      const more = await this.#ask(label, state, through);
      result = await verifyLookup(this.#log, label, more, { ...state, pages });
    }
    return result;
  }

  async #advance(note: string, trusted: SignedCheckpoint): Promise<SignedCheckpoint> {
    const shown = await advanceHead(this.#log, note, FIRST_CONTACT, []);
    const hashes = shown.size > trusted.size
      ? consistencyFromWire(
        await this.#http.open("GET", consistencyPath(trusted.size, shown.size)),
      )
      : [];
    return await advanceHead(this.#log, note, { ...FIRST_CONTACT, trusted }, hashes);
  }

  /** Forwards only: a lookup and a look at the head may overtake each other. */
  #believe(head: SignedCheckpoint): void {
    if (head.size >= this.#trusted.size) this.#trusted = head;
  }

  /** The subtrees that make up the root, out of the tiles. */
  async #subtrees({ size, root }: SignedCheckpoint): Promise<readonly Subtree[]> {
    const refs = planRoot(size);
    const hashes = await this.#files.hashes(refs, size);
    if (!equal(buildRoot(size, hashes), root)) {
      throw new CryptoError("bad_proof", "The log's tiles do not lead to its head");
    }
    return refs.map((ref, i) => ({ ...ref, hash: hashes[i]! }));
  }

  async #epoch(head: SignedCheckpoint): Promise<AuditedEpoch | null> {
    const index = head.size - 1;
    if (index < 2) return null;
    const answer = epochFromWire(await this.#http.open("GET", auditPath(index, head.size)));
    return verifyTransition(head, index, answer);
  }
}

function labelOf(name: string): AccountLabel {
  try {
    return canonicalAccountLabel(name);
  } catch (error) {
    throw toClientError(error, "bad_label");
  }
}
