/**
 * What a member of a group call lacks, and whom it asks: once a second, the committer first and then the
 * others in turn. And how often it answers others.
 *
 * @module
 */

import { type Bytes, equal, toHex } from "./bytes.ts";
import { type ChainHead } from "./commit.ts";
import { seatOf, successors } from "./roster.ts";

/** How often something missing is asked for, and the same one is answered. */
const ASK_MS = 1_000;
/** How long a secret is asked for before another epoch takes its place. */
const LOST_MS = 4_000;

/** One member's questions. */
export class Inquiry {
  readonly #answeredMs = new Map<string, number>();
  #askMs: number | null = null;
  #asked = 0;
  #isAsked = false;
  #missingMs: number | null = null;

  /** Something is missing: it is asked for when it has not come by itself. */
  open(nowMs: number): void {
    this.#askMs ??= nowMs + ASK_MS;
  }

  /** Nothing is missing any more. */
  close(): void {
    this.#askMs = null;
    this.#isAsked = false;
  }

  /** Whether it was asked for: meanwhile frames may have come that did not open. */
  get isAsked(): boolean {
    return this.#isAsked;
  }

  /** Whether it is time to ask. */
  isDue(nowMs: number): boolean {
    return this.#askMs !== null && nowMs >= this.#askMs;
  }

  /** The secret of the last commit is missing, or no longer. */
  miss(isMissing: boolean, nowMs: number): void {
    this.#missingMs = isMissing ? nowMs : null;
  }

  /** When a secret that nobody gives is lost, because nobody may have it any more. */
  get lostMs(): number {
    return this.#missingMs === null ? Infinity : this.#missingMs + LOST_MS;
  }

  /** Whom to ask now: a device, or null for whoever has a seat. */
  next(head: ChainHead | null, self: Bytes, jitter: number, nowMs: number): Bytes | null {
    this.#isAsked = true;
    this.#askMs = nowMs + ASK_MS * (0.9 + 0.2 * jitter);
    if (head === null) return null;
    const line = successors(head.roster, seatOf(head.roster, self)!.index);
    const committer = line.findIndex(({ entry }) => equal(entry, head.commit.signer));
    const to = line[(Math.max(0, committer) + this.#asked++) % Math.max(1, line.length)];
    return to?.entry ?? null;
  }

  /** Whether somebody may be answered again; counts it. */
  answers(to: Bytes, nowMs: number): boolean {
    if (nowMs < (this.#answeredMs.get(toHex(to)) ?? -Infinity) + ASK_MS) return false;
    for (const [name, atMs] of this.#answeredMs) {
      if (nowMs >= atMs + ASK_MS) this.#answeredMs.delete(name);
    }
    this.#answeredMs.set(toHex(to), nowMs);
    return true;
  }

  /** When to ask next. */
  get nextMs(): number {
    return this.#askMs ?? Infinity;
  }
}
