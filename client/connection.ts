/**
 * A connection to the service: it outlives its sockets. What was said is said again until it was
 * answered, what comes twice is dropped, and what did not come is noticed.
 *
 *     numbered frame   seq = last + 1   taken in, and acked at the latest after 16, or after 2 s
 *                      seq <= last      seen before: dropped
 *                      seq > last + 1   the service lost one: the next socket asks for it again
 *
 * Where the service can't go on with it, every room is joined again under the same objects; messages that
 * come once more are told by their sender and id.
 *
 * @module
 */

import {
  type KnockingFrame,
  type LobbyFrame,
  type MailFrame,
  type NumberedFrame,
  type PresenceFrame,
  type RemovedFrame,
  type ResumeFailure,
  type RingFrame,
  type RoomView,
  type ServerFrame,
  type SignalFrame,
  type WelcomeFrame,
} from "../wire/frames.ts";
import { ACK_FRAMES, ACK_MS } from "../wire/limits.ts";
import { CLOSE } from "../wire/close.ts";
import { ClientError, ofProblem } from "./error.ts";
import { type Answer, Outbox, type RequestOptions, type Unsent } from "./outbox.ts";
import { type Credentials, type Loss, Socket } from "./socket.ts";

/** How many messages are remembered, so that none comes twice. */
const MAX_REMEMBERED = 1_024;

/** What happens in a room. */
export type RoomFrame =
  | (RoomView & { readonly t: "joined" | "snapshot" })
  | PresenceFrame
  | SignalFrame
  | LobbyFrame
  | KnockingFrame
  | RemovedFrame;

/** A room, as its connection sees it. */
export interface RoomListener {
  /** Takes what happens in it. */
  readonly take: (frame: RoomFrame) => void;
  /** One text for whoever sends as this member, which outlives the member's place. */
  readonly senderOf: (mid: string) => string;
  /** The connection has ended for good. */
  readonly ended: (error: ClientError) => void;
  /** The connection is another one: the room has to be joined again. Nothing is said in it until then. */
  readonly rejoin: (why: ResumeFailure) => void;
}

/** What a connection is made with. */
export interface ConnectionOptions {
  /** The service's origin. */
  readonly origin: string;
  /** The clock, Unix milliseconds. */
  readonly now: () => number;
  readonly credentials: Credentials;
  /** Takes each call for this device. */
  readonly onRing: (frame: RingFrame) => void;
  /** Takes what waited in the mailbox; a missed call is deleted there soon after. */
  readonly onMail: (frame: MailFrame) => void;
  /** The service broke the protocol, or closed the connection for good. */
  readonly onFault: (error: ClientError) => void;
}

/** A connection; it has a socket now and then. */
export class Connection {
  readonly #options: ConnectionOptions;
  readonly #outbox = new Outbox();
  readonly #rooms = new Map<string, RoomListener>();
  readonly #seen = new Set<string>();
  readonly #ended = Promise.withResolvers<void>();
  #failure: ClientError | null = null;
  #socket: Socket | null = null;
  #resume: { readonly cid: string; readonly key: string } | null = null;
  #seq = 0;
  #acked = 0;
  #ack: ReturnType<typeof setTimeout> | undefined;
  #drain: ReturnType<typeof setTimeout> | undefined;
  #isDraining = false;

  /** No socket yet. */
  constructor(options: ConnectionOptions) {
    this.#options = options;
  }

  /** Whether the service can be spoken to now. */
  get isOpen(): boolean {
    return this.#socket?.isOpen === true;
  }

  /** Why it has ended for good, or null. */
  get failure(): ClientError | null {
    return this.#failure;
  }

  /** Settles when it has. */
  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  /** Whether its last socket was left because the service's instance stops: another one waits. */
  get isDraining(): boolean {
    return this.#isDraining;
  }

  /**
   * Opens the next socket and goes on; resolves with it once the service let it in.
   *
   * @throws ClientError `network`, `unavailable`, `refused`
   */
  async connect(signal: AbortSignal): Promise<Socket> {
    const { origin, now, credentials } = this.#options;
    const socket = await Socket.open({
      origin,
      now,
      credentials,
      resume: this.#resume === null ? null : { ...this.#resume, seq: this.#seq },
      signal,
      onWelcome: (frame, socket) => this.#welcome(frame, socket),
      onFrame: (frame) => this.#take(frame),
    });
    void socket.lost.then((loss) => this.#detach(socket, loss));
    return socket;
  }

  /** Sends a frame and waits for its answer, over as many sockets as it takes. @throws ClientError */
  request(frame: Unsent, options?: RequestOptions): Promise<Answer> {
    if (this.#failure === null) return this.#outbox.request(frame, options);
    return Promise.reject(this.#failure);
  }

  /** Whether what happens in a room has a listener. */
  hears(room: string): boolean {
    return this.#rooms.has(room);
  }

  /** Routes what happens in a room to a listener, or no longer. */
  listen(room: string, listener: RoomListener | null): void {
    if (listener === null) this.#rooms.delete(room);
    else this.#rooms.set(room, listener);
    this.#outbox.release(room);
  }

  /** A room was joined again: what waited is said in it, or ends where it could not be joined. */
  rejoined(room: string, failure: ClientError | null): void {
    if (failure !== null) this.#outbox.fail(failure, room);
    this.#outbox.release(room);
  }

  /** Ends it for good: who waits is told, and it has no further socket. */
  end(error: ClientError): void {
    if (this.#failure !== null) return;
    this.#failure = error;
    // What was taken in is not to be brought to the next connection.
    if (this.#seq > this.#acked) this.#sendAck();
    this.#socket?.close();
    this.#socket = null;
    this.#stopTimers();
    this.#outbox.fail(error);
    for (const listener of [...this.#rooms.values()]) listener.ended(error);
    this.#ended.resolve();
  }

  #welcome(frame: WelcomeFrame, socket: Socket): void {
    const had = this.#resume;
    this.#resume = { cid: frame.cid, key: frame.resume };
    // A fresh token on a live socket.
    if (this.#socket === socket) return;
    this.#socket = socket;
    this.#isDraining = false;
    if (had !== null && !frame.resumed) this.#renew(frame.reason ?? "unknown");
    if (!frame.resumed) this.#seq = frame.seq;
    this.#acked = this.#seq;
    this.#outbox.attach(socket);
  }

  /** It is another connection than the one before. */
  #renew(why: ResumeFailure): void {
    for (const [room, listener] of this.#rooms) {
      this.#outbox.hold(room);
      listener.rejoin(why);
    }
  }

  #detach(socket: Socket, { isRetryable, error }: Loss): void {
    if (this.#socket !== socket) return;
    this.#socket = null;
    this.#stopTimers();
    this.#outbox.attach(null);
    if (!isRetryable) this.end(error);
  }

  #stopTimers(): void {
    clearTimeout(this.#ack);
    clearTimeout(this.#drain);
    this.#ack = undefined;
  }

  #take(frame: ServerFrame): void {
    switch (frame.t) {
      case "ack":
      case "ice":
        return this.#outbox.answer(frame.id, frame);
      case "error":
        if (frame.id !== null) this.#outbox.answer(frame.id, ofProblem(frame));
        return;
      case "drain":
        return this.#leaveWithin(Math.min(frame.after_ms, frame.jitter_ms));
      case "hello":
      case "welcome":
      case "ping":
      case "pong":
      case "bye":
        return;
      default:
        return this.#takeNumbered(frame);
    }
  }

  #takeNumbered(frame: NumberedFrame): void {
    if (frame.seq <= this.#seq) return;
    if (frame.seq > this.#seq + 1) {
      const error = new ClientError("bad_answer", "The service left something out");
      this.#options.onFault(error);
      return this.#socket?.abandon(CLOSE.heartbeat, error);
    }
    this.#seq = frame.seq;
    this.#noteAck();
    this.#route(frame);
  }

  #route(frame: NumberedFrame): void {
    switch (frame.t) {
      case "ring":
        if (this.#isNew("", `${frame.from}/${frame.device}`, frame.id)) this.#options.onRing(frame);
        return;
      case "mail":
        if (this.#isNew("", frame.from, frame.entry)) this.#options.onMail(frame);
        return;
    }
    const listener = this.#rooms.get(frame.room);
    if (
      (frame.t === "joined" || frame.t === "lobby" || frame.t === "snapshot") && frame.id !== null
    ) {
      this.#outbox.answer(frame.id, frame);
    }
    if (listener === undefined) return;
    const isSignal = frame.t === "signal";
    if (isSignal && !this.#isNew(frame.room, listener.senderOf(frame.from), frame.id)) return;
    listener.take(frame);
  }

  /** Whether a message comes for the first time, whatever became of the connections between. */
  #isNew(...message: readonly string[]): boolean {
    const key = message.join(" ");
    if (this.#seen.has(key)) return false;
    this.#seen.add(key);
    if (this.#seen.size > MAX_REMEMBERED) this.#seen.delete(this.#seen.values().next().value!);
    return true;
  }

  #noteAck(): void {
    if (this.#seq - this.#acked >= ACK_FRAMES && this.#outbox.takeTurn()) return this.#sendAck();
    this.#ack ??= setTimeout(() => this.#sendAck(), ACK_MS);
  }

  #sendAck(): void {
    clearTimeout(this.#ack);
    this.#ack = undefined;
    this.#acked = this.#seq;
    this.#socket?.send({ t: "ack", seq: this.#seq });
  }

  /** The instance stops: the next socket is made by chance before it does, so that not all come at once. */
  #leaveWithin(ms: number): void {
    const socket = this.#socket;
    clearTimeout(this.#drain);
    this.#drain = setTimeout(() => {
      this.#isDraining = true;
      socket?.abandon(CLOSE.drain);
    }, Math.random() * ms);
  }
}
