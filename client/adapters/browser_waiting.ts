/**
 * The frames of one received medium that wait for their key: a key may be later than the first frame
 * under it.
 *
 * What waits is ciphertext, of this medium and this participant by its KID, 256 of which there are.
 * It is bounded in time, number and bytes, so that whoever makes KIDs up costs that much and nothing
 * else: frames whose key is held never wait behind it, and the key is asked for once a second.
 *
 * @module
 */

/** How long a frame may wait; a picture that is older would be of no use. */
export const MAX_WAIT_MS = 1_500;
/** How many frames of one medium may wait. */
export const MAX_WAITING_FRAMES = 64;
/** How many bytes of one medium may wait. */
export const MAX_WAITING_BYTES = 512_000;
/** How long no frame opens before the application is told. */
export const MISSING_MS = 3_000;
/** Between two questions for a key, and half as much again at random: not all ask at once. */
const ASK_MS = 1_000;
/** Before the first question: the key is on its way, as a rule. */
const FIRST_ASK_MS = 100;

/** What is to be told of a frame that began to wait. */
export interface Want {
  /** Whether to ask for its key now. */
  readonly ask: boolean;
  /** Whether to tell the application. */
  readonly isMissing: boolean;
  /** How many frames were dropped to make room. */
  readonly dropped: number;
}

/** What waited for a key. */
export interface Due<Frame> {
  /** In the order in which they came. */
  readonly frames: readonly Frame[];
  /** How many were too old. */
  readonly dropped: number;
  /** Whether any frame under this key was dropped, now or earlier: the decoder must start anew. */
  readonly isBroken: boolean;
}

interface Waiting<Frame> {
  readonly kid: number;
  readonly frame: Frame;
  readonly bytes: number;
  readonly since: number;
}

/** The frames of one medium that wait. Time is milliseconds of any one clock. */
export class WaitingFrames<Frame> {
  #waiting: Waiting<Frame>[] = [];
  #bytes = 0;
  /** KIDs of which a frame was dropped. */
  readonly #broken = new Set<number>();
  /** Since when no frame opens, or null. */
  #missingSince: number | null = null;
  #isTold = false;
  #lastKept = -Infinity;
  #askAt = -Infinity;
  readonly #random: () => number;

  /** None waits. @param random at least 0 and below 1 */
  constructor(random: () => number = Math.random) {
    this.#random = random;
  }

  /** How many wait, and their bytes. */
  get size(): { readonly frames: number; readonly bytes: number } {
    return { frames: this.#waiting.length, bytes: this.#bytes };
  }

  /** Keeps a frame until its key comes; the oldest make room. */
  keep(kid: number, frame: Frame, bytes: number, now: number): Want {
    this.#waiting.push({ kid, frame, bytes, since: now });
    this.#bytes += bytes;
    const before = this.#waiting.length;
    while (this.#isOver(now)) {
      const oldest = this.#waiting.shift()!;
      this.#bytes -= oldest.bytes;
      this.#broken.add(oldest.kid);
    }
    // Whoever sent nothing for a while was not missed.
    if (now - this.#lastKept > MAX_WAIT_MS) this.opened();
    this.#lastKept = now;
    if (this.#missingSince === null) {
      this.#missingSince = now;
      this.#askAt = Math.max(this.#askAt, now + FIRST_ASK_MS * this.#random());
    }
    const ask = now >= this.#askAt;
    if (ask) this.#askAt = now + ASK_MS * (1 + this.#random() / 2);
    const isMissing = !this.#isTold && now - this.#missingSince >= MISSING_MS;
    if (isMissing) this.#isTold = true;
    return { ask, isMissing, dropped: before - this.#waiting.length };
  }

  /** A frame opened, so keys are there. */
  opened(): void {
    this.#missingSince = null;
    this.#isTold = false;
  }

  /** Takes out what waits for a key. */
  take(kid: number, now: number): Due<Frame> {
    const due = this.#waiting.filter((each) => each.kid === kid);
    this.#waiting = this.#waiting.filter((each) => each.kid !== kid);
    for (const { bytes } of due) this.#bytes -= bytes;
    const fresh = due.filter(({ since }) => now - since <= MAX_WAIT_MS);
    const dropped = due.length - fresh.length;
    const isBroken = this.#broken.delete(kid) || dropped > 0;
    if (due.length > 0 || isBroken) this.opened();
    return { frames: fresh.map(({ frame }) => frame), dropped, isBroken };
  }

  #isOver(now: number): boolean {
    const oldest = this.#waiting[0];
    return oldest !== undefined && (this.#waiting.length > MAX_WAITING_FRAMES ||
      this.#bytes > MAX_WAITING_BYTES || now - oldest.since > MAX_WAIT_MS);
  }
}
