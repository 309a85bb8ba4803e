/**
 * One device's end of a slot where two devices meet: messages of the one side, read by the other.
 *
 * The slot is the service's, and so is every word about it: what a message is worth, its opener knows.
 *
 * @module
 */

import { toBase64Url } from "../crypto/base64.ts";
import { type Bytes } from "../crypto/bytes.ts";
import { linkMessagesFromWire } from "../wire/link.ts";
import { LINK_TTL_MS } from "../wire/limits.ts";
import { linkPath } from "../wire/paths.ts";
import { ClientError, toClientError } from "./error.ts";
import { type Http } from "./http.ts";
import { reading } from "./reading.ts";

/** How often a side asks for what the other wrote, in milliseconds. */
const POLL_MS = 500;

/** Which of the two devices this is. */
export type Side = "new" | "old";

/** One end of a slot. */
export class LinkSlot {
  readonly #http: Http;
  readonly #slot: string;
  readonly #side: Side;
  readonly #signal: AbortSignal;
  readonly #late = AbortSignal.timeout(LINK_TTL_MS);
  #written = 0;
  readonly #unread: Bytes[] = [];
  #read = 0;

  /** @param signal ends waiting */
  constructor(http: Http, slot: Bytes, side: Side, signal: AbortSignal) {
    this.#http = http;
    this.#slot = toBase64Url(slot);
    this.#side = side;
    this.#signal = AbortSignal.any([signal, this.#late]);
  }

  /** Writes the next message, also when waiting was given up. @throws ClientError */
  async write(message: Bytes): Promise<void> {
    const path = `${linkPath(this.#slot, this.#side)}/${this.#written++}`;
    const body = { message: toBase64Url(message) };
    await this.#patiently(this.#late, () => this.#http.open("PUT", path, body));
  }

  /** Waits for the other device's next message. @throws ClientError */
  async next(): Promise<Bytes> {
    const path = linkPath(this.#slot, this.#side === "new" ? "old" : "new");
    while (this.#unread.length === 0) {
      const answer = await this.#patiently(this.#signal, () => {
        return this.#http.open("GET", `${path}?after=${this.#read}`);
      });
      const messages = reading(linkMessagesFromWire, answer);
      this.#read += messages.length;
      this.#unread.push(...messages);
      if (messages.length === 0) await pause(this.#signal);
    }
    return this.#unread.shift()!;
  }

  /** Asks until there is an answer: one that was lost is asked for again. */
  async #patiently(signal: AbortSignal, ask: () => Promise<unknown>): Promise<unknown> {
    for (;;) {
      if (signal.aborted) throw over();
      try {
        return await ask();
      } catch (error) {
        const failure = toClientError(error, "network");
        if (failure.problem === "link_gone") throw over();
        if (!failure.retryable) throw failure;
        await pause(signal);
      }
    }
  }
}

function pause(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, POLL_MS);
    signal.addEventListener("abort", done);
  });
}

function over(): ClientError {
  return new ClientError("link_failed", "The other device is not there, or no longer");
}
