/**
 * A media stack for stories: the real werift adapter, which sends a frame every 20 ms once it is
 * started, and counts what it was given.
 *
 * @module
 */

import { type MediaAdapter, type MediaFailure, type MediaStats } from "../../client/adapter.ts";
import { utf8 } from "../../crypto/bytes.ts";
import { type CallKeys, CTX } from "../../crypto/schedule.ts";
import { type Mallory, type Peer, tamperedAdapter, weriftPeer } from "./werift.ts";

/** What every clear frame begins with, so that one on the wire would be found. */
export const CLEAR_FRAME = "a frame that nobody may read";

/** One side's stack. */
export class TestStack implements MediaAdapter {
  /** Whether keys ever reached it. */
  started = false;
  /** The keys it got, for tests that look for them elsewhere. */
  keys: CallKeys | null = null;
  /** Every SDP of its own that it gave. */
  readonly described: string[] = [];
  readonly #peer: Peer;
  readonly #inner: MediaAdapter;
  #promised: string | null = null;
  #sending: ReturnType<typeof setInterval> | undefined;

  /** A stack of its own, or one with Mallory in its signaling. */
  constructor(between?: Mallory) {
    this.#peer = weriftPeer();
    const { adapter } = this.#peer;
    this.#inner = between === undefined ? adapter : tamperedAdapter(adapter, between);
  }

  /** Frames that reached the decoder. */
  get framesOpened(): number {
    return this.#peer.frames.length;
  }

  /** Frames that moved either way. */
  async framesMoved(): Promise<number> {
    const { framesProtected, framesOpened } = await this.stats();
    return framesProtected + framesOpened;
  }

  /** From now on its SDP names this certificate first, beside its own. @param fingerprint hex */
  naming(fingerprint: string): this {
    this.#promised = fingerprint.toUpperCase().match(/../g)!.join(":");
    return this;
  }

  get onFailure(): ((failure: MediaFailure) => void) | null {
    return this.#inner.onFailure;
  }

  set onFailure(take: ((failure: MediaFailure) => void) | null) {
    this.#inner.onFailure = take;
  }

  async createOffer(): Promise<string> {
    return this.#described(await this.#inner.createOffer());
  }

  async createAnswer(offer: string): Promise<string> {
    return this.#described(await this.#inner.createAnswer(offer));
  }

  acceptAnswer(answer: string): Promise<void> {
    return this.#inner.acceptAnswer(answer);
  }

  connected(): ReturnType<MediaAdapter["connected"]> {
    return this.#inner.connected();
  }

  async start(keys: CallKeys): Promise<void> {
    this.started = true;
    this.keys = keys;
    await this.#inner.start(keys);
    const frame = utf8(`${CLEAR_FRAME}, number ${crypto.randomUUID()}`);
    this.#sending = setInterval(() => {
      void this.#peer.adapter.send(CTX.mic, frame);
      void this.#peer.adapter.send(CTX.camera, frame);
    }, 20);
  }

  /** Sends no more frames, as a program that died. */
  vanish(): void {
    clearInterval(this.#sending);
  }

  stats(): Promise<MediaStats> {
    return this.#inner.stats();
  }

  close(): void {
    clearInterval(this.#sending);
    this.#inner.close();
  }

  #described(sdp: string): string {
    const given = this.#promised === null
      ? sdp
      : sdp.replace(/(a=fingerprint:sha-256 ).*?(\r?\n)/, `$1${this.#promised}$2`);
    this.described.push(given);
    return given;
  }
}
