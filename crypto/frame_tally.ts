/**
 * What became of frames, in numbers.
 *
 * Retransmissions make copies of frames that came already, and there is nothing wrong with those: so
 * duplicates are no refusals, and whatever stands among the refusals deserves a look.
 *
 * @module
 */

import { type CryptoErrorCode } from "./error.ts";

/** Counts of frames so far. */
export interface FrameStats {
  /** Frames protected. */
  readonly framesProtected: number;
  /** Bytes of those frames on the wire. */
  readonly bytesProtected: number;
  /** Frames opened. */
  readonly framesOpened: number;
  /** Bytes of those frames on the wire. */
  readonly bytesOpened: number;
  /** Frames refused in either direction, by `CryptoError` code; without duplicates. */
  readonly refused: Readonly<Record<string, number>>;
  /** Frames refused because their counter had been seen: retransmissions, as a rule. */
  readonly duplicates: number;
}

/** Counts frames. */
export class FrameTally {
  readonly #refused = new Map<string, number>();
  #framesProtected = 0;
  #bytesProtected = 0;
  #framesOpened = 0;
  #bytesOpened = 0;
  #duplicates = 0;

  /** One was protected. @param bytes its length on the wire */
  protect(bytes: number): void {
    this.#framesProtected++;
    this.#bytesProtected += bytes;
  }

  /** One was opened. @param bytes its length on the wire */
  open(bytes: number): void {
    this.#framesOpened++;
    this.#bytesOpened += bytes;
  }

  /** One was refused. */
  refuse(code: CryptoErrorCode): void {
    if (code === "duplicate_frame") this.#duplicates++;
    else this.#refused.set(code, (this.#refused.get(code) ?? 0) + 1);
  }

  /** A snapshot. */
  stats(): FrameStats {
    return {
      framesProtected: this.#framesProtected,
      bytesProtected: this.#bytesProtected,
      framesOpened: this.#framesOpened,
      bytesOpened: this.#bytesOpened,
      refused: Object.fromEntries(this.#refused),
      duplicates: this.#duplicates,
    };
  }
}
