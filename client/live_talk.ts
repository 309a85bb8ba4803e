/**
 * What the two people of a call write to each other.
 *
 * The session opens messages in any order and says nothing of those that never came, so a text has its number
 * inside: whoever hands them on can't turn them round, and what they keep back is noticed with the next one.
 *
 * @module
 */

import { type Bytes } from "../crypto/bytes.ts";
import { type ChatPayload, MAX_CHAT_BYTES, payloadToBytes } from "../wire/payload.ts";
import { type Said } from "./call.ts";
import { Channel } from "./channel.ts";
import { expect } from "./argument.ts";
import { ClientError } from "./error.ts";

/** The texts of a call, both ways. */
export class LiveTalk {
  readonly #said = new Channel<Said>();
  /** How many were sent. */
  #sent = 0;
  /** The number that the next one of the other side should have. */
  #next = 0;
  /** One is sealed and sent after the other: their numbers go up with the session's. */
  #turn: Promise<void> = Promise.resolve();

  /** Sends a text with the next number. @throws ClientError `bad_option`, and what `send` throws */
  async say(text: string, send: (payload: Bytes) => Promise<void>): Promise<void> {
    // The other side would take it for a fault of the service, and count it as missing.
    expect(typeof text === "string", "What is said is a text");
    const bytesOf = (n: number): Bytes => payloadToBytes({ kind: "chat", n, text });
    // The largest number, so that what is too long does not depend on how much was said.
    if (text === "" || bytesOf(Number.MAX_SAFE_INTEGER).length > MAX_CHAT_BYTES) {
      throw new ClientError("bad_option", "A text is empty, or has more than 4 kB");
    }
    const turn = this.#turn.then(() => send(bytesOf(this.#sent++)));
    this.#turn = turn.catch(() => {});
    await turn;
  }

  /** Takes a text of the other side. @throws ClientError `room_message_refused` where a later one was there */
  take({ n, text }: ChatPayload): void {
    if (n < this.#next) {
      throw new ClientError("room_message_refused", "A text came after a later one");
    }
    const missing = n - this.#next;
    // One for which there is no room is missed by the next.
    if (this.#said.push({ text, missing })) this.#next = n + 1;
  }

  /** The other side's texts, as they come. One reader. */
  read(signal?: AbortSignal): AsyncIterable<Said> {
    return this.#said.read(signal);
  }

  /** No more come. */
  end(): void {
    this.#said.end();
  }
}
