/**
 * The doorbell: the calls that ring here, a bounded number at a time. What rings beyond that is refused
 * unread, and what does not open never rings.
 *
 * @module
 */

import { type RingFrame } from "../wire/frames.ts";
import { Channel } from "./channel.ts";
import { ClientError, toClientError } from "./error.ts";
import { type IncomingCall } from "./ringing.ts";
import { type World } from "./world.ts";

/** Most calls that ring at once. */
const MAX_RINGING = 8;
/** Most calls of one caller that ring at once. */
const MAX_RINGING_OF_ONE = 2;

/** The calls that ring at one client. */
export class Doorbell {
  readonly #calls = new Channel<IncomingCall>();
  readonly #callers: string[] = [];
  readonly #refused: (error: ClientError) => void;

  /** Nothing rings yet. @param refused told of what does not get to ring */
  constructor(refused: (error: ClientError) => void) {
    this.#refused = refused;
  }

  /** Takes what the service says rings; resolves when it rings no more. */
  async ring(world: World, frame: RingFrame): Promise<void> {
    const ofOne = this.#callers.filter((from) => from === frame.from).length;
    if (this.#callers.length >= MAX_RINGING || ofOne >= MAX_RINGING_OF_ONE) {
      return this.#refused(new ClientError("refused", "Too many calls ring at once"));
    }
    this.#callers.push(frame.from);
    try {
      const { takeCall } = await loadTaking();
      const call = await takeCall(world, frame);
      if (call === null) return;
      this.#calls.push(call);
      await call.settled;
    } catch (error) {
      const failure = toClientError(error, "handshake_refused");
      // What waited is brought again where the service did not hear that it was taken in.
      const isAgain = frame.entry !== undefined && failure.code === "offer_replayed";
      if (!isAgain) this.#refused(failure);
    } finally {
      this.#callers.splice(this.#callers.indexOf(frame.from), 1);
    }
  }

  /** Loads what the first ring needs, ahead of it. */
  prepare(): void {
    // Where it can't be had now, the ring tries again, and says so.
    loadTaking().catch(() => {});
  }

  /** The calls that ring, as they come. One reader. */
  read(signal?: AbortSignal): AsyncIterable<IncomingCall> {
    return this.#calls.read(signal);
  }

  /** Nothing rings any more. */
  end(): void {
    this.#calls.end();
  }
}

/** Only who is online is rung. */
function loadTaking(): Promise<typeof import("./incoming.ts")> {
  return import("./incoming.ts");
}
