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
import { FIRST_CONTACT, openHead } from "../crypto/head.ts";
import { type LookupResult, verifyLookup } from "../crypto/lookup.ts";
import { formatTlogProof, parseTlogProof } from "../crypto/proof.ts";
import { type VerifiedRecord } from "../crypto/record.ts";
import { type GossipWire } from "../wire/payload.ts";
import { type Account } from "./account.ts";
import { askForProof } from "./name_request.ts";
import { ClientError, ofLookup, toClientError } from "./error.ts";
import { type Http, type Signer } from "./http.ts";
import { noteUnder } from "./known_log.ts";
import { type Trust } from "./trust.ts";

/** How long a call waits for the service to explain a head, in milliseconds. */
const HEARING_MS = 3_000;
/** Longest proof that is sent along, in characters: offers have a largest size. */
const MAX_GOSSIP_CHARS = 6_000;

/** What one client says and hears of the log. */
export class Gossip {
  readonly #http: Http;
  readonly #trust: Trust;
  #own: { readonly record: Bytes; readonly proof: string } | null = null;

  /** Nothing was said yet. */
  constructor(http: Http, trust: Trust) {
    this.#http = http;
    this.#trust = trust;
  }

  /** Fetches the proof of one's own name, as strangers get it. @throws ClientError */
  async prepare({ label, record }: Account, signer: Signer): Promise<void> {
    const asking = { from: null, known: null, through: null };
    const { proof } = await askForProof(this.#http, signer, label, asking);
    const shown = shownRecord(await this.#verify(record, proof), record.version);
    if (shown === null || !equal(shown, record.bytes)) return;
    const outer = parseTlogProof(proof);
    const { log, origin } = this.#trust;
    const checkpoint = noteUnder(origin, await openHead(log, outer.checkpoint));
    this.#own = { record: record.bytes, proof: formatTlogProof({ ...outer, checkpoint }) };
  }

  /** What to say in a call: one's newest head, and the proof of one's own name. */
  async say({ record }: Account): Promise<GossipWire> {
    const head = noteUnder(this.#trust.origin, await this.#trust.heads.trusted());
    const own = this.#own;
    const isOwn = own !== null && equal(own.record, record.bytes);
    const fits = isOwn && own.proof.length + head.length <= MAX_GOSSIP_CHARS;
    return { head, proof: fits ? own.proof : "" };
  }

  /**
   * Hears what somebody says in a call, and compares it with what the service showed. A call waits three
   * seconds for the service to explain a head.
   *
   * @param record who speaks, as the service showed them
   * @param late told of what comes out after that
   * @throws ClientError `log_forked`, `identity_changed`, `log_changed`, `proof_invalid`
   */
  async hear(
    record: VerifiedRecord,
    { head, proof }: GossipWire,
    late: (error: ClientError) => void,
  ): Promise<void> {
    const notes = [head, proof === "" ? "" : checkpointOf(proof)].filter((note) => note !== "");
    await this.#hearHeads(notes, late);
    if (proof === "") return;
    const shown = shownRecord(await this.#verify(record, proof), record.version);
    if (shown === null || equal(shown, record.bytes)) return;
    throw new ClientError(
      "identity_changed",
      "The service shows this person another record of them",
    );
  }

  async #hearHeads(
    notes: readonly string[],
    late: (error: ClientError) => void,
  ): Promise<void> {
    const hearAll = async (): Promise<void> => {
      for (const note of new Set(notes)) await this.#trust.heads.hear(this.#http, note);
    };
    let isLate = false;
    const patience = Promise.withResolvers<void>();
    const timer = setTimeout(() => {
      isLate = true;
      patience.resolve();
    }, HEARING_MS);
    const explained = hearAll().finally(() => clearTimeout(timer));
    explained.catch((error) => {
      if (isLate) late(toClientError(error, "proof_invalid"));
    });
    await Promise.race([explained, patience.promise]);
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
