/**
 * What connects two devices of a group call: a session for the call's secrets, and a media connection.
 *
 * The device of the lower entry hash makes the offer, so there is never one from both. Where the connection
 * fails, it makes another; the session goes with it.
 *
 * @module
 */

import { type Bytes } from "../crypto/bytes.ts";
import { CryptoError } from "../crypto/error.ts";
import { type CallKeys } from "../crypto/schedule.ts";
import { type Session } from "../crypto/session.ts";
import { type MediaAdapter, type MediaStats } from "./adapter.ts";
import { ClientError, toClientError } from "./error.ts";
import { awaitPromised } from "./fingerprint.ts";
import { type GroupDevice } from "./group_devices.ts";
import {
  answerSession,
  type Handshake,
  type HandshakeParts,
  type Met,
  offerSession,
} from "./group_handshake.ts";
import { mediaError } from "./media_failure.ts";
import { Rekeying } from "./rekeying.ts";
import { withinStackTime } from "./within.ts";
import { type World } from "./world.ts";

/** How long an offer waits for its answer, an answer for its confirm, in milliseconds. */
const ANSWER_MS = 15_000;
/** Most secrets that wait for the session. */
const MAX_WAITING = 8;

/** What a link works with. */
export interface LinkParts {
  readonly world: World;
  /** The room's id. */
  readonly room: string;
  readonly other: GroupDevice;
  readonly adapter: MediaAdapter;
  /** Says something to the other side, through the room. */
  readonly send: (message: Bytes) => Promise<void>;
  /** Takes a secret of the call. */
  readonly onSecret: (message: Bytes) => void;
  /** How it goes has changed. */
  readonly onChange: () => void;
  /** It is over, and whoever makes offers may make another. */
  readonly onFailure: (error: ClientError) => void;
}

/** How far a connection is. */
export type LinkState = "connecting" | "connected" | "closed";

/** A secret that waits for the session, and where its box goes. */
interface Waiting {
  readonly secret: Bytes;
  readonly send: (box: Bytes) => Promise<void>;
}

/** The link to one other device. */
export class GroupLink {
  readonly #parts: LinkParts;
  readonly #waiting: Waiting[] = [];
  #handshake: Handshake | null = null;
  #session: Session | null = null;
  #rekeying: Rekeying | null = null;
  #theirs: Met["theirs"] | null = null;
  #state: LinkState = "connecting";
  #isStarted = false;
  #late: ReturnType<typeof setTimeout> | undefined;
  #queue: Promise<void> = Promise.resolve();

  private constructor(parts: LinkParts) {
    this.#parts = parts;
    parts.adapter.onFailure = (failure) => this.#fail(mediaError(failure));
    this.#late = setTimeout(
      () => this.#fail(new ClientError("no_answer", "A device in the call does not answer")),
      ANSWER_MS,
    );
  }

  /** Makes an offer. */
  static offer(parts: LinkParts): GroupLink {
    const link = new GroupLink(parts);
    link.#begin(() => offerSession(link.#handshakeParts()));
    return link;
  }

  /** Takes an offer up. */
  static answer(parts: LinkParts, offer: Bytes): GroupLink {
    const link = new GroupLink(parts);
    link.#begin(() => answerSession(link.#handshakeParts(), offer));
    return link;
  }

  /** How far it is. */
  get state(): LinkState {
    return this.#state;
  }

  /** Whether keys may be handed to the media: the other side's certificate is known. */
  get isMet(): boolean {
    return this.#session !== null && !this.#isStarted && this.#state !== "closed";
  }

  /** Takes a message of the handshake. */
  take(message: Bytes): void {
    this.#later(async () => {
      // Late, for a link that was given up meanwhile: the room says that a device of the call sent it.
      const met = await this.#handshake?.take(message).catch((error) => {
        if (error instanceof CryptoError && error.code === "bad_handshake") return null;
        throw error;
      });
      if (met == null) return;
      this.#handshake = null;
      this.#meet(met);
    });
  }

  /** Opens a box of the session, and hands on what is in it. */
  receive(box: Bytes, take: (payload: Bytes) => void = this.#parts.onSecret): void {
    this.#later(async () => {
      if (this.#session === null) return;
      const received = await this.#session.receive(box).catch((error) => {
        // Late as well, of the session before this one.
        if (error instanceof CryptoError && error.code === "bad_message") return null;
        throw error;
      });
      if (received === null) return;
      const { payload, reply } = received;
      this.#rekeying?.received();
      if (reply !== null) await this.#parts.send(reply);
      if (payload !== null) take(payload);
    });
  }

  /** Seals a secret as soon as there is a session, and erases it; at most eight wait. */
  seal(secret: Bytes, send: (box: Bytes) => Promise<void> = this.#parts.send): void {
    if (this.#state === "closed") return void secret.fill(0);
    if (this.#session !== null) return this.#seal(this.#session, { secret, send });
    this.#waiting.push({ secret, send });
    if (this.#waiting.length > MAX_WAITING) this.#waiting.shift()!.secret.fill(0);
  }

  #seal(session: Session, { secret, send }: Waiting): void {
    session.seal(secret).finally(() => secret.fill(0)).then(send).catch((error) => {
      if (this.#state !== "closed") this.#parts.world.refused(toClientError(error, "network"));
    });
  }

  /**
   * Waits for the connection, checks that it ends where the session says, and opens the gate.
   *
   * @param peer the other side's seat
   */
  async start(keys: CallKeys, peer: number): Promise<void> {
    this.#isStarted = true;
    try {
      await awaitPromised(this.#parts.adapter, this.#theirs!);
      await withinStackTime(this.#parts.adapter.start(keys, peer));
      if (this.#state !== "connecting") return;
      this.#state = "connected";
      this.#parts.onChange();
    } catch (error) {
      this.#fail(toClientError(error, "media_failed"));
    }
  }

  /** Counts of frames so far. */
  stats(): Promise<MediaStats> {
    return this.#parts.adapter.stats();
  }

  /** Ends it. */
  close(): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    clearTimeout(this.#late);
    this.#parts.adapter.close();
    this.#handshake?.abandon();
    this.#rekeying?.stop();
    this.#session?.wipe();
    for (const { secret } of this.#waiting.splice(0)) secret.fill(0);
  }

  #handshakeParts(): HandshakeParts {
    const { world, room, other, adapter, send } = this.#parts;
    return { world, room, other, adapter, send };
  }

  /** In its turn: one that is closed before does not begin, and nobody else would hear that it failed. */
  #begin(handshake: () => Promise<Handshake>): void {
    this.#later(async () => {
      this.#handshake = await handshake();
      if (this.#state === "closed") this.#handshake.abandon();
    }, true);
  }

  #meet({ session, theirs }: Met): void {
    if (this.#state === "closed") return session.wipe();
    clearTimeout(this.#late);
    this.#session = session;
    this.#theirs = theirs;
    this.#rekeying = new Rekeying(session, this.#parts.send);
    this.#rekeying.start();
    for (const waiting of this.#waiting.splice(0)) this.#seal(session, waiting);
    this.#parts.onChange();
  }

  /** One message at a time; one that is refused is reported and changes nothing, but for the first. */
  #later(work: () => Promise<void>, isFatal = false): void {
    this.#queue = this.#queue.then(async () => {
      if (this.#state === "closed") return;
      try {
        await work();
      } catch (thrown) {
        if (this.#hasClosed()) return;
        const error = toClientError(thrown, "handshake_refused");
        if (isFatal) this.#fail(error);
        else this.#parts.world.refused(error);
      }
    });
  }

  /** Unlike a look at the state, the compiler lets one ask again after an `await`. */
  #hasClosed(): boolean {
    return this.#state === "closed";
  }

  #fail(error: ClientError): void {
    if (this.#state === "closed") return;
    this.close();
    this.#parts.onFailure(error);
  }
}
