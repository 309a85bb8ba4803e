/**
 * Whether somebody whose signaling is lost is still there: they are while frames of theirs open.
 *
 * That somebody left or is away is the service's word, and losing a signaling connection ends no call. So a
 * call ends when no frame has come for as long, or when there are no media yet.
 *
 * @module
 */

import { type MediaAdapter } from "./adapter.ts";
import { ClientError, toClientError } from "./error.ts";

/** How long nothing may come from somebody who left before the call is given up, in milliseconds. */
const LEFT_MS = 3_000;
/** The same for somebody whose signaling is lost and may come back, in milliseconds. */
const AWAY_MS = 15_000;
/** How often it is looked whether a frame has come, in milliseconds. */
const LOOK_MS = 500;

/** Waits for a silence of the other side, while there is reason to. */
export class Silence {
  readonly #adapter: MediaAdapter;
  readonly #fell: (error: ClientError) => void;
  /** Since somebody left or is away: what is waited for then; null while they are there. */
  #waiting: { readonly ms: number } | null = null;
  #isOver = false;

  /** Nobody is missed yet. @param fell told once nothing has come for too long */
  constructor(adapter: MediaAdapter, fell: (error: ClientError) => void) {
    this.#adapter = adapter;
    this.#fell = fell;
  }

  /** The other side left. */
  left(): void {
    this.#await(LEFT_MS);
  }

  /** The other side's signaling is lost. */
  away(): void {
    this.#await(AWAY_MS);
  }

  /** The other side is there again. */
  back(): void {
    this.#waiting = null;
  }

  /** Nobody is missed any more. */
  end(): void {
    this.#isOver = true;
    this.#waiting = null;
  }

  #await(ms: number): void {
    if (this.#isOver || this.#waiting?.ms === ms) return;
    this.#waiting = { ms };
    this.#listen(this.#waiting).catch((error) => this.#fell(toClientError(error, "media_failed")));
  }

  async #listen(waiting: { readonly ms: number }): Promise<void> {
    // Looked at often: a last frame at the start must not double the time.
    let opened = -1;
    let heardMs = performance.now();
    while (performance.now() - heardMs < waiting.ms) {
      const { framesOpened } = await this.#adapter.stats();
      if (framesOpened !== opened) heardMs = performance.now();
      opened = framesOpened;
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
      if (this.#waiting !== waiting) return;
    }
    this.#fell(new ClientError("peer_offline", "The person is not there any more"));
  }
}
