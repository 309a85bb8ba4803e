/**
 * A comparison of a short code as its call drives it.
 *
 * A try needs both people to press a button, so that each one is seen, and an epoch of the session has one:
 * who is in between guesses once a try, of 24 bits. What is wrong with a message ends the try; a reveal that
 * was not committed to ends the call, and so does a person who says that the codes differ.
 *
 * @module
 */

import { CryptoError } from "../crypto/error.ts";
import { sasBase, type SasParty } from "../crypto/sas.ts";
import { SasExchange } from "../crypto/sas_exchange.ts";
import { type ShortCode, shortCode } from "../crypto/sas_table.ts";
import { type Session } from "../crypto/session.ts";
import {
  type Description,
  type GossipWire,
  type HangupReason,
  type SasPayload,
} from "../wire/payload.ts";
import { Channel } from "./channel.ts";
import { type Comparison, type ComparisonState } from "./comparison.ts";
import { type Verdict } from "./contact.ts";
import { ClientError, toClientError } from "./error.ts";
import { type Compared, noteVerdict } from "./verdict.ts";
import { type World } from "./world.ts";

/** Tries of one call: who needs more compares the safety number. */
const MAX_TRIES = 3;

/** One side of a call, as it was when the call began. */
export interface CallSide {
  /** The record under which it is in the call. */
  readonly record: Compared;
  /** What it sealed into its offer or answer. */
  readonly said: Description & GossipWire;
}

/** Both sides of a call, and where it is kept what the user finds out. */
export interface CallSides {
  readonly own: CallSide;
  readonly peer: CallSide;
  readonly world: Pick<World, "store" | "now">;
}

/** The call that a comparison is part of. */
export interface ComparedCall {
  readonly session: Session;
  readonly sides: CallSides;
  readonly send: (payload: SasPayload) => Promise<void>;
  /** Ends the call. */
  readonly fail: (error: ClientError, reason: HangupReason) => void;
}

/** A comparison that its call drives; applications see `Comparison`. */
export class LiveComparison implements Comparison {
  readonly #call: ComparedCall;
  readonly #states = new Channel<ComparisonState>();
  #state: ComparisonState = "idle";
  #code: ShortCode | null = null;
  #exchange: SasExchange | null = null;
  /** The epoch of the exchange. */
  #epoch = 0;
  #tries = 0;
  #isOver = false;

  /** Nothing is under way yet. */
  constructor(call: ComparedCall) {
    this.#call = call;
    this.#states.push(this.#state);
  }

  get state(): ComparisonState {
    return this.#state;
  }

  get code(): ShortCode | null {
    return this.#code;
  }

  states(signal?: AbortSignal): AsyncIterable<ComparisonState> {
    return this.#states.read(signal);
  }

  async begin(): Promise<void> {
    if (this.#isOver) throw new ClientError("closed", "The call has ended");
    if (this.#state === "asked" && this.#exchange?.state === "asked") {
      this.#count();
      return await this.#agree();
    }
    const { epoch } = this.#call.session;
    const isUnderWay = this.#state === "waiting" || this.#state === "shown";
    if (isUnderWay && epoch === this.#epoch || this.#state === "same") {
      throw new ClientError("refused", "A comparison is under way, or done");
    }
    if (epoch === this.#epoch) {
      throw new ClientError("unavailable", "There is one comparison a minute: try again soon");
    }
    this.#count();
    const exchange = this.#open(epoch);
    this.#move("waiting");
    await this.#send("commit", exchange.begin());
  }

  async say(verdict: "same" | "different"): Promise<void> {
    if (this.#state !== "shown") throw new ClientError("refused", "There is no code to compare");
    if (verdict === "same") {
      await this.#note("verified");
      return this.#move("same");
    }
    this.#move("different");
    // The call ends whether or not it can be written down.
    this.#call.fail(
      new ClientError("code_mismatch", "The two people saw different codes"),
      "mismatch",
    );
    await this.#note("mismatch");
  }

  /** Takes a step of the other side. @throws ClientError `comparison_refused`; then the try has failed */
  async take({ step, epoch, value }: SasPayload): Promise<void> {
    try {
      if (step === "commit") return await this.#takeCommitment(epoch, value);
      // Of a try that was given up for another one.
      if (this.#exchange === null || epoch !== this.#epoch) throw outOfOrder();
      if (step === "reveal") return this.#show(this.#exchange.takeReveal(value));
      const { reveal, code } = this.#exchange.takeNonce(value);
      // Shown whether or not the other side hears of it.
      this.#show(code);
      await this.#send("reveal", reveal);
    } catch (error) {
      if (!(error instanceof CryptoError)) throw error;
      const refusal = new ClientError("comparison_refused", error.message, { cause: error });
      if (error.code === "sas_reveal") this.#call.fail(refusal, "failed");
      this.#code = null;
      this.#move("failed");
      throw refusal;
    }
  }

  /** The call has ended. */
  end(): void {
    this.#isOver = true;
    this.#exchange?.wipe();
    this.#states.end();
  }

  async #takeCommitment(epoch: number, commitment: SasPayload["value"]): Promise<void> {
    // Only where nothing was answered yet: whoever has an answer knows their code, and may want another.
    const hasAgreed = this.#exchange?.state === "committed";
    if (this.#exchange !== null && epoch === this.#epoch) {
      if (!this.#exchange.takeCommitment(commitment)) return;
      return hasAgreed ? await this.#agree() : this.#move("asked");
    }
    const { session } = this.#call;
    // Nobody is in an epoch that the other side has not; and of one that is over there are no keys.
    if (epoch < session.epoch && epoch > this.#epoch) {
      this.#exchange?.wipe();
      this.#exchange = null;
      return this.#move("asked");
    }
    if (epoch !== session.epoch || epoch <= this.#epoch) throw outOfOrder();
    this.#open(epoch).takeCommitment(commitment);
    if (!hasAgreed || this.#tries >= MAX_TRIES) return this.#move("asked");
    this.#count();
    await this.#agree();
  }

  async #agree(): Promise<void> {
    const nonce = this.#exchange!.agree();
    this.#move("waiting");
    await this.#send("nonce", nonce);
  }

  /** One more try that this person takes part in. @throws ClientError `refused` */
  #count(): void {
    if (this.#tries >= MAX_TRIES) {
      throw new ClientError("refused", "Too many comparisons: compare the safety number instead");
    }
    this.#tries++;
  }

  #open(epoch: number): SasExchange {
    const { session, sides: { own, peer } } = this.#call;
    const { self } = session.keys;
    const roster = (self === 0 ? [own, peer] : [peer, own]).map(partyOf);
    const base = sasBase(session.exporter, { callId: session.callId, epoch, roster });
    this.#epoch = epoch;
    this.#code = null;
    this.#exchange?.wipe();
    this.#exchange = new SasExchange(base, self, 1 - self);
    return this.#exchange;
  }

  async #send(step: SasPayload["step"], value: SasPayload["value"]): Promise<void> {
    try {
      await this.#call.send({ kind: "sas", step, epoch: this.#epoch, value });
    } catch (error) {
      if (this.#state === "waiting") this.#move("failed");
      throw toClientError(error, "network");
    }
  }

  async #note(standing: Verdict["standing"]): Promise<void> {
    const { world, peer: { record } } = this.#call.sides;
    await noteVerdict(world, record, standing);
  }

  #show(code: SasPayload["value"]): void {
    this.#code = shortCode(code);
    this.#exchange?.wipe();
    this.#move("shown");
  }

  #move(state: ComparisonState): void {
    this.#state = state;
    this.#states.push(state);
  }
}

function partyOf({ record: { account, hash }, said: { fingerprints, head } }: CallSide): SasParty {
  const ofHex = (hex: string) => Uint8Array.from(hex.match(/../g)!, (byte) => parseInt(byte, 16));
  return { account, recordHash: hash, fingerprints: fingerprints.map(ofHex), head };
}

function outOfOrder(): CryptoError {
  return new CryptoError("sas_order", "A message of a comparison came out of its order");
}
