/**
 * Missed calls: what the service says that somebody did while no device was there to ring.
 *
 * Nothing proves it: the service may make one up, or keep one back. Each entry of the mailbox is told
 * once, however often it is brought. Nothing here calls anybody back by itself.
 *
 * @module
 */

import { parseAccountLabel } from "../crypto/account_label.ts";
import { Channel } from "./channel.ts";
import { ClientError } from "./error.ts";

/** How many entries are remembered: all of a mailbox, several times. */
const MAX_REMEMBERED = 512;

/** Somebody called in vain: the service's word, which nothing proves. */
export interface MissedCall {
  /** Who called, as the service says: look them up before anything is made of it. */
  readonly label: string;
  /** When, as the service says, Unix milliseconds. */
  readonly at: number;
  /**
   * Whether it may ring still and can't be taken here, since no socket can be opened: it is no longer
   * missed once it has rung.
   */
  readonly isWaiting: boolean;
}

/** What a mailbox says of a call. */
export interface CallNote {
  /** Names the entry. */
  readonly entry: string;
  /** The caller's label. */
  readonly from: string;
  /** When, Unix milliseconds. */
  readonly atMs: number;
}

/** The missed calls of one client. */
export class MissedCalls {
  readonly #calls = new Channel<MissedCall>();
  readonly #told = new Set<string>();
  readonly #refused: (error: ClientError) => void;

  /** None yet. @param refused told of a note that names nobody */
  constructor(refused: (error: ClientError) => void) {
    this.#refused = refused;
  }

  /** Takes what a mailbox says; whether it was new. */
  take({ entry, from, atMs }: CallNote, isWaiting = false): boolean {
    if (this.#told.has(entry)) return false;
    this.#told.add(entry);
    if (this.#told.size > MAX_REMEMBERED) this.#told.delete(this.#told.values().next().value!);
    try {
      this.#calls.push({ label: parseAccountLabel(from), at: atMs, isWaiting });
    } catch (cause) {
      this.#refused(new ClientError("bad_answer", "A missed call is of nobody", { cause }));
    }
    return true;
  }

  /** The calls, as they come. One reader. */
  read(signal?: AbortSignal): AsyncIterable<MissedCall> {
    return this.#calls.read(signal);
  }

  /** Nothing more comes. */
  end(): void {
    this.#calls.end();
  }
}
