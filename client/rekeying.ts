/**
 * When the session of a call rekeys: about once a minute, after a wake-up or a change of network, and
 * when an epoch has sealed very much.
 *
 * Losing the service stops rekeys and no call: what could not be sent is said again later.
 *
 * @module
 */

import { type Bytes } from "../crypto/bytes.ts";
import { type Session } from "../crypto/session.ts";

/** How often a session rekeys and looks around, in milliseconds. */
export interface RekeyPace {
  /** From one rekey to the next. */
  readonly everyMs: number;
  /** By how much that varies, either way. */
  readonly jitterMs: number;
  /** How often it is looked whether one is due; what went unanswered is said again as often. */
  readonly tickMs: number;
  /** How long the epoch before still opens messages. */
  readonly keptMs: number;
  /** How long its frame keys still open frames, from the other side's first message in the next one on. */
  readonly graceMs: number;
}

/** The pace of a call. */
const REKEY_PACE: RekeyPace = {
  everyMs: 60_000,
  jitterMs: 10_000,
  tickMs: 5_000,
  keptMs: 30_000,
  graceMs: 5_000,
};

/** How long the other side is not told of an epoch because the stack does not take its keys. */
const STAND_MS = 1_000;

/** The rekeys of one session, from `start` to `stop`. */
export class Rekeying {
  readonly #session: Session;
  readonly #send: (box: Bytes) => Promise<void>;
  readonly #pace: RekeyPace;
  readonly #hurry = (): void => void this.#turn(true);
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #retiring = new Set<ReturnType<typeof setTimeout>>();
  /** What ends the waiting for keys to stand. */
  readonly #patient = new Set<() => void>();
  #heard = 0;
  #isStopped = false;
  #epoch = 0;
  #enteredMs = 0;
  #dueMs = 0;
  #lookedMs = 0;

  /** @param send to the other side; what it throws is tried again later */
  constructor(session: Session, send: (box: Bytes) => Promise<void>, pace = REKEY_PACE) {
    this.#session = session;
    this.#send = send;
    this.#pace = pace;
  }

  /** Begins to count. */
  start(): void {
    this.#enter(Date.now());
    this.#look();
    this.#wait();
    // Nobody says so where there is no page, and nobody has to: then time alone counts.
    globalThis.addEventListener?.("online", this.#hurry);
  }

  /** No more rekeys. */
  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    for (const timer of this.#retiring) clearTimeout(timer);
    for (const giveUp of this.#patient) giveUp();
    globalThis.removeEventListener?.("online", this.#hurry);
  }

  /** To be called after each message that the session received: what the other side left is erased in time. */
  received(): void {
    if (!this.#isStopped) this.#look();
  }

  /** To be waited for before a reply is sent: the stack takes the keys that it announces, within a second. */
  async keysStand(): Promise<void> {
    if (this.#isStopped) return;
    const patience = Promise.withResolvers<void>();
    const late = setTimeout(patience.resolve, STAND_MS);
    this.#patient.add(patience.resolve);
    await Promise.race([this.#session.keysStand(), patience.promise]);
    this.#patient.delete(patience.resolve);
    clearTimeout(late);
  }

  #look(): void {
    const { heardEpoch } = this.#session;
    if (heardEpoch === this.#heard) return;
    this.#heard = heardEpoch;
    const timer = setTimeout(() => {
      this.#retiring.delete(timer);
      this.#session.retireKeys(heardEpoch);
    }, this.#pace.graceMs);
    this.#retiring.add(timer);
  }

  #wait(): void {
    this.#lookedMs = Date.now();
    this.#timer = setTimeout(async () => {
      const sleptMs = Date.now() - this.#lookedMs - this.#pace.tickMs;
      await this.#turn(sleptMs > this.#pace.tickMs);
      // It may have been stopped while a message was on its way.
      if (!this.#isStopped) this.#wait();
    }, this.#pace.tickMs);
  }

  /** @param isNow whether a rekey is due whatever the time */
  async #turn(isNow: boolean): Promise<void> {
    const nowMs = Date.now();
    if (this.#session.epoch !== this.#epoch) this.#enter(nowMs);
    try {
      if (nowMs - this.#enteredMs >= this.#pace.keptMs) this.#session.forgetPrevious();
      const isDue = isNow || nowMs >= this.#dueMs || this.#session.isDue;
      const box = await this.#session.retry() ?? (isDue ? await this.#session.offerRekey() : null);
      if (box !== null) await this.#send(box);
    } catch {
      // The service is away, or the call has ended.
    }
  }

  #enter(nowMs: number): void {
    const { everyMs, jitterMs } = this.#pace;
    this.#epoch = this.#session.epoch;
    this.#enteredMs = nowMs;
    this.#dueMs = nowMs + everyMs + jitterMs * (2 * Math.random() - 1);
  }
}
