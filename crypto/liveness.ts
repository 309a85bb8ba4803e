/**
 * Signs of the committer of a group call: its commits and heartbeats. Without any the call is degraded
 * after 30 s, and after 120 s nothing is sent.
 *
 * @module
 */

import { type Bytes, equal } from "./bytes.ts";
import { type GroupEffect } from "./group_effect.ts";
import { type SignedHeartbeat } from "./group_message.ts";

/** How often a committer shows that it is there. */
export const HEARTBEAT_MS = 10_000;
/** After so long without a sign of the committer, the call is degraded. */
const DEGRADED_MS = 30_000;
/** And after so long, nothing is sent any more. */
const STALE_MS = 120_000;

/** When the committer was heard, and when it is to be heard again. */
export class Liveness {
  #heardMs = 0;
  #beatMs = 0;
  #isDegraded = false;
  /** The last heartbeat that counted: an old one says nothing, however often it comes. */
  #beat: SignedHeartbeat | null = null;

  /** When the committer was heard last. */
  get heardMs(): number {
    return this.#heardMs;
  }

  /** A commit was taken, or one came in. */
  hear(nowMs: number): readonly GroupEffect[] {
    this.#heardMs = nowMs;
    if (!this.#isDegraded) return [];
    this.#isDegraded = false;
    return [{ kind: "degraded", isDegraded: false }];
  }

  /** The committer's heartbeat came. */
  hearBeat(beat: SignedHeartbeat, nowMs: number): readonly GroupEffect[] {
    const before = this.#beat;
    const isOld = before !== null && equal(before.signer, beat.signer) &&
      beat.timeMs <= before.timeMs;
    if (isOld) return [];
    this.#beat = beat;
    return this.hear(nowMs);
  }

  /** One's own next heartbeat is due so long after this. */
  rest(nowMs: number): void {
    this.#beatMs = nowMs + HEARTBEAT_MS;
  }

  /** One's own heartbeat, where it is due. */
  beat(callId: Bytes, order: number, hash: Bytes, nowMs: number): readonly GroupEffect[] {
    if (nowMs < this.#beatMs) return [];
    this.rest(nowMs);
    return [{ kind: "heartbeat", beat: { callId, order, hash, timeMs: nowMs } }];
  }

  /** Tells that nothing was heard for so long. */
  degrade(nowMs: number): readonly GroupEffect[] {
    if (this.#isDegraded || nowMs < this.#heardMs + DEGRADED_MS) return [];
    this.#isDegraded = true;
    return [{ kind: "degraded", isDegraded: true }];
  }

  /** Whether nothing may be sent any more. */
  isStale(nowMs: number): boolean {
    return nowMs >= this.#heardMs + STALE_MS;
  }

  /** When time matters next. */
  nextMs(isCommitter: boolean, isHeld: boolean): number {
    return Math.min(
      isCommitter ? this.#beatMs : Infinity,
      this.#isDegraded ? Infinity : this.#heardMs + DEGRADED_MS,
      isHeld ? Infinity : this.#heardMs + STALE_MS,
    );
  }
}
