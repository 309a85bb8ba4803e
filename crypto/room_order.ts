/**
 * The room's numbers as one member of a group call has seen them: what comes next, and what is missing.
 *
 * Numbers are the room's own, without gaps, and the same for all. Nothing behind a gap is taken before
 * somebody has told where the call is.
 *
 * @module
 */

import { type SignedCommit } from "./commit.ts";

/** Most numbers behind a gap that are kept. */
const MAX_WAITING = 64;

/** Where a member is in its room's order. */
export class RoomOrder {
  /** Commits by their numbers, and null for what is none. */
  readonly #waiting = new Map<number, SignedCommit | null>();
  #last = 0;
  /** The highest that the room has shown, and that a member has spoken of. */
  #shown = 0;
  #claimed = 0;
  #isComing = true;
  #isUnsure = false;
  #isLost = false;

  /** The last number that was taken in. */
  get last(): number {
    return this.#last;
  }

  /** Whether one has not come in yet. */
  get isComing(): boolean {
    return this.#isComing;
  }

  /** Whether something may have happened unseen since the room began to number anew. */
  get isUnsure(): boolean {
    return this.#isUnsure;
  }

  /** Whether numbers are known of that were not seen. */
  get isBehind(): boolean {
    return this.#isComing || this.#isLost || Math.max(this.#shown, this.#claimed) > this.#last;
  }

  /** One begins the call: nothing before this number matters. */
  begin(order: number): void {
    this.#isComing = false;
    this.#last = order;
  }

  /** One has to come in again: somebody else began the call. */
  come(): void {
    this.#isComing = true;
  }

  /** The room shows what has a number: a commit, or something else. */
  show(order: number, commit: SignedCommit | null): void {
    this.reach(order);
    if (order <= this.#last) return;
    this.#waiting.set(order, commit);
    if (this.#waiting.size > MAX_WAITING) this.#waiting.delete(this.#waiting.keys().next().value!);
  }

  /** The room has got to this number. */
  reach(order: number): void {
    this.#shown = Math.max(this.#shown, order);
  }

  /** A member says that the room has got to this number; what one comes in with outweighs it. */
  claim(order: number): void {
    this.#claimed = Math.max(this.#claimed, order);
  }

  /** Takes the next number: its commit, null for what is none, undefined where it did not come yet. */
  next(): SignedCommit | null | undefined {
    const next = this.#isComing ? undefined : this.#waiting.get(this.#last + 1);
    if (next === undefined) return undefined;
    this.#waiting.delete(++this.#last);
    return next;
  }

  /** One is told where the call was at this number. */
  adopt(order: number): void {
    this.#last = Math.max(this.#last, order);
    this.#claimed = 0;
    this.reach(order);
    this.#isComing = this.#isUnsure = this.#isLost = false;
    for (const known of this.#waiting.keys()) if (known <= this.#last) this.#waiting.delete(known);
  }

  /** The room has forgotten its numbers, and has got to this one again. */
  restart(order: number): void {
    this.#waiting.clear();
    this.#last = this.#shown = order;
    this.#claimed = 0;
    this.#isUnsure = !this.#isComing;
  }

  /** Nothing happened unseen after all. */
  confirm(): void {
    this.#isUnsure = false;
  }

  /** Something happened unseen. */
  lose(): void {
    this.#isLost = true;
  }

  /** Forgets what waits. */
  clear(): void {
    this.#waiting.clear();
  }
}
