/**
 * What this client says in one room: signed with its own key, sealed, and counted for each addressee.
 *
 * @module
 */

import { type Bytes } from "../crypto/bytes.ts";
import { type SigningKeyPair } from "../crypto/keys.ts";
import { EnvelopeStream, type RoomMessageKeys } from "../crypto/room_envelope.ts";

/** Most addressees whose streams are remembered. */
const MAX_STREAMS = 1_024;

/** One client's part of a room's messages. */
export class OwnVoice {
  readonly #keys: RoomMessageKeys;
  readonly #signing: SigningKeyPair;
  readonly #now: () => number;
  /** By addressee; empty for everybody. */
  readonly #streams = new Map<string, EnvelopeStream>();

  /** Nothing was said yet. */
  constructor(keys: RoomMessageKeys, signing: SigningKeyPair, now: () => number) {
    this.#keys = keys;
    this.#signing = signing;
    this.#now = now;
  }

  /** Seals a message. @param to the addressee's name, empty for everybody */
  message(payload: Bytes, to: string): Promise<Bytes> {
    const stream = this.#streams.get(to) ?? this.#newStream(to);
    this.#streams.set(to, stream);
    // Who has not been written to for longest gets a new one the next time.
    if (this.#streams.size > MAX_STREAMS) this.#streams.delete(this.#streams.keys().next().value!);
    return stream.seal("message", payload, this.#now());
  }

  /** Seals what is said at the door, where nothing was said before. */
  knock(payload: Bytes): Promise<Bytes> {
    return this.#newStream("").seal("knock", payload, this.#now());
  }

  #newStream(to: string): EnvelopeStream {
    return new EnvelopeStream(this.#keys, this.#signing, to);
  }
}
