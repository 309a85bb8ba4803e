/**
 * A call whose media connection was interrupted: new ways to the other side are looked for, by
 * descriptions that the session seals, until the call goes on or is given up.
 *
 *     restart   { kind, step: "offer", round, sdp, fingerprints }     from the caller alone
 *     restart   { kind, step: "answer", round, sdp, fingerprints }    to the newest round
 *
 * The certificate stays the one that was promised in the handshake, whatever a description says, and
 * DTLS, keys and counters go on: only the ways of packets change.
 *
 * @module
 */

import { type Description, type RestartPayload } from "../wire/payload.ts";
import { type MediaAdapter } from "./adapter.ts";
import { ClientError, toClientError } from "./error.ts";
import { awaitPromised, checkSameCertificate, describe } from "./fingerprint.ts";
import { withinStackTime } from "./within.ts";

/** How an interruption goes on, in milliseconds. */
export interface ReconnectionPace {
  /** How long a connection may come back by itself. */
  readonly patienceMs: number;
  /** From one try to the next. */
  readonly everyMs: number;
  /** When the call is given up. */
  readonly giveUpMs: number;
}

const PACE: ReconnectionPace = { patienceMs: 1_000, everyMs: 6_000, giveUpMs: 30_000 };

/** The call that may be interrupted. */
export interface InterruptibleCall {
  readonly adapter: MediaAdapter;
  /** Whether this side placed the call: it alone offers. */
  readonly isCaller: boolean;
  /** What the other side promised in the handshake. */
  readonly theirs: Description;
  readonly send: (payload: RestartPayload) => Promise<void>;
  readonly fail: (error: ClientError) => void;
  readonly onChange: (isInterrupted: boolean) => void;
}

/** Watches over the media connection of one call, from when it stands to `stop`. */
export class Reconnection {
  readonly #call: InterruptibleCall;
  readonly #pace: ReconnectionPace;
  #round = 0;
  #isInterrupted = false;
  #isOver = false;
  #timers: ReturnType<typeof setTimeout>[] = [];
  #turn: Promise<void> = Promise.resolve();

  constructor(call: InterruptibleCall, pace = PACE) {
    this.#call = call;
    this.#pace = pace;
    call.adapter.onInterruption = (isInterrupted) =>
      isInterrupted ? this.#interrupted() : this.#restored();
  }

  /** No more tries. */
  stop(): void {
    this.#isOver = true;
    this.#call.adapter.onInterruption = null;
    this.#clear();
  }

  /** Takes a description of the other side. @throws ClientError `bad_answer` for one out of place */
  take(payload: RestartPayload): void {
    const { isCaller } = this.#call;
    if ((payload.step === "answer") !== isCaller) {
      throw new ClientError("bad_answer", "Only the caller offers new ways");
    }
    // One that was overtaken by a later round is of no use any more.
    if (isCaller ? payload.round !== this.#round : payload.round <= this.#round) return;
    if (!isCaller) this.#round = payload.round;
    this.#inTurn(async () => {
      checkSameCertificate(this.#call.theirs, payload);
      const { adapter, send } = this.#call;
      if (payload.round !== this.#round) return;
      if (isCaller) return await withinStackTime(adapter.acceptAnswer(payload.sdp));
      const sdp = await withinStackTime(adapter.createAnswer(payload.sdp));
      void send(restart("answer", payload.round, sdp)).catch(() => {});
    });
  }

  #interrupted(): void {
    if (this.#isOver || this.#isInterrupted) return;
    this.#isInterrupted = true;
    const { adapter, fail, isCaller, onChange } = this.#call;
    const { giveUpMs, patienceMs } = this.#pace;
    onChange(true);
    const lost = () => fail(new ClientError("media_failed", "The media connection was lost"));
    this.#after(giveUpMs, lost);
    if (isCaller && adapter.restart !== undefined) this.#after(patienceMs, () => this.#try());
  }

  #try(): void {
    this.#after(this.#pace.everyMs, () => this.#try());
    this.#inTurn(async () => {
      if (!this.#isInterrupted) return;
      const round = ++this.#round;
      const sdp = await withinStackTime(this.#call.adapter.restart!());
      // Where the service is away too, the next try says it again.
      void this.#call.send(restart("offer", round, sdp)).catch(() => {});
    });
  }

  #restored(): void {
    if (this.#isOver || !this.#isInterrupted) return;
    this.#isInterrupted = false;
    this.#clear();
    this.#inTurn(async () => {
      const { adapter, theirs, onChange } = this.#call;
      await awaitPromised(adapter, theirs);
      if (!this.#isInterrupted) onChange(false);
    });
  }

  /** One at a time; what fails here ends the call. */
  #inTurn(work: () => Promise<void>): void {
    this.#turn = this.#turn.then(async () => {
      if (this.#isOver) return;
      try {
        await work();
      } catch (error) {
        if (!this.#isOver) this.#call.fail(toClientError(error, "media_failed"));
      }
    });
  }

  #after(milliseconds: number, work: () => void): void {
    this.#timers.push(setTimeout(work, milliseconds));
  }

  #clear(): void {
    this.#timers.forEach((timer) => clearTimeout(timer));
    this.#timers = [];
  }
}

function restart(step: RestartPayload["step"], round: number, sdp: string): RestartPayload {
  return { kind: "restart", step, round, ...describe(sdp) };
}
