/**
 * Replay protection for one frame key: a sliding window over its counters (RFC 9605, section 9.3;
 * RFC 4303, section 3.4.3).
 *
 *     fresh      ctr > highest, or within the window and not seen
 *     duplicate  within the window and seen
 *     too_old    ctr <= highest - 1024
 *
 * `check` before decrypting saves the work; only `mark`, after the tag verified, moves the window,
 * so a forged counter can never push genuine frames out of it. `mark` decides anew, which makes
 * two copies of one frame that decrypt at the same time safe.
 *
 * @module
 */

/** How many counters up to the highest one are remembered. */
export const REPLAY_WINDOW = 1024;

/** What a window says about a counter. */
export type ReplayVerdict = "fresh" | "duplicate" | "too_old";

/** The counters seen under one key. */
export class ReplayWindow {
  /** Bit `ctr % 1024` of the ring tells whether `ctr` was seen, for `ctr` within the window. */
  readonly #seen = new Uint32Array(REPLAY_WINDOW / 32);
  #highest = -1;

  /** Says whether a counter may still be accepted; changes nothing. */
  check(ctr: number): ReplayVerdict {
    if (ctr > this.#highest) return "fresh";
    if (ctr <= this.#highest - REPLAY_WINDOW) return "too_old";
    const bit = ctr % REPLAY_WINDOW;
    return this.#seen[bit >>> 5]! >>> (bit & 31) & 1 ? "duplicate" : "fresh";
  }

  /** Accepts an authenticated counter, unless it became stale since it was checked. */
  mark(ctr: number): ReplayVerdict {
    const verdict = this.check(ctr);
    if (verdict !== "fresh") return verdict;
    if (ctr > this.#highest) {
      this.#forget(ctr);
      this.#highest = ctr;
    }
    const bit = ctr % REPLAY_WINDOW;
    this.#seen[bit >>> 5]! |= 1 << (bit & 31);
    return verdict;
  }

  /** Clears the ring's places for the counters between the highest one and a new highest one. */
  #forget(ctr: number): void {
    if (ctr - this.#highest >= REPLAY_WINDOW) {
      this.#seen.fill(0);
      return;
    }
    for (let passed = this.#highest + 1; passed < ctr; passed++) {
      const bit = passed % REPLAY_WINDOW;
      this.#seen[bit >>> 5]! &= ~(1 << (bit & 31));
    }
  }
}
