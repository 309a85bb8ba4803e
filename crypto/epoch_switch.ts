/**
 * From a new epoch's commit to sending in it: once everybody has acknowledged it, and else after 1.5 s.
 *
 * Whoever misses the new keys goes on with the old ones, but not after somebody left: there it ends
 * 2 s after the commit, keys or no keys.
 *
 * @module
 */

import { type Bytes } from "./bytes.ts";
import { ackIndex, encodeAck, encodeSwitch } from "./group_message.ts";
import { constantTimeEqual } from "./primitives.ts";
import { type Secret } from "./secret.ts";

/** How long acknowledgements are waited for. */
const ACKS_MS = 1_500;
/** How long old keys are used after a leave. */
const LEAVE_CAP_MS = 2_000;

/** One epoch on its way into use. */
export class EpochSwitch {
  /** When acknowledgements are no longer waited for. */
  readonly atMs: number;
  /** When the old keys are no longer used, whatever happens; or null. */
  readonly capMs: number | null;
  readonly #hash: Bytes;
  readonly #missing: Set<number>;
  #auth: Secret | null = null;
  #isReleased = false;

  /**
   * @param missing whose acknowledgements are needed
   * @param before the switch that was still under way: what it promised is kept
   */
  constructor(
    hash: Bytes,
    missing: readonly number[],
    isLeave: boolean,
    nowMs: number,
    before: EpochSwitch | null,
  ) {
    this.#hash = hash;
    this.#missing = new Set(missing);
    this.atMs = Math.min(nowMs + ACKS_MS, before?.atMs ?? Infinity);
    const cap = Math.min(isLeave ? nowMs + LEAVE_CAP_MS : Infinity, before?.capMs ?? Infinity);
    this.capMs = cap === Infinity ? null : cap;
    before?.wipe();
  }

  /** The epoch's keys are there. Takes ownership of `auth`. */
  know(auth: Secret): void {
    this.#auth = auth;
  }

  /** Counts an acknowledgement; true where it was the last one. @throws CryptoError `malformed` */
  ack(bytes: Bytes): boolean {
    const index = ackIndex(bytes);
    if (this.#auth === null || !this.#missing.has(index)) return false;
    if (!constantTimeEqual(bytes, encodeAck(this.#auth, index, this.#hash))) return false;
    this.#missing.delete(index);
    return this.#missing.size === 0;
  }

  /** What the signer says when all acknowledgements are in; null before the keys are there. */
  message(): Bytes | null {
    return this.#auth === null ? null : encodeSwitch(this.#auth, this.#hash);
  }

  /** The signer says that all acknowledgements are in. */
  release(bytes: Bytes): void {
    const expected = this.message();
    if (expected !== null && constantTimeEqual(bytes, expected)) this.#isReleased = true;
  }

  /** Whether it is time to send in the new epoch. */
  isDue(nowMs: number): boolean {
    return this.#isReleased || nowMs >= this.atMs;
  }

  /** Whether nothing may be sent with the old keys any more. */
  isOver(nowMs: number): boolean {
    return this.capMs !== null && nowMs >= this.capMs;
  }

  wipe(): void {
    this.#auth?.wipe();
    this.#auth = null;
  }
}
