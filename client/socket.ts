/**
 * One authenticated WebSocket to the service: requests with their answers, and what arrives unasked.
 *
 * A socket lives until it is lost; making the next one is the client's business. Losing it never
 * touches media.
 *
 * @module
 */

import { toBase64Url } from "../crypto/base64.ts";
import { randomBytes } from "../crypto/primitives.ts";
import { CLOSE, mayReconnect } from "../wire/close.ts";
import { type ClientFrame, type RingFrame, type ServerFrame } from "../wire/frames.ts";
import { serverFrameFromWire } from "../wire/server_frame.ts";
import { ACK_FRAMES, HEARTBEAT_MS } from "../wire/limits.ts";
import { SOCKET, SUBPROTOCOL } from "../wire/paths.ts";
import { dpopProof } from "./dpop.ts";
import { ClientError, ofProblem, toClientError } from "./error.ts";
import { type Http, RENEW_EARLY_MS, type Signer } from "./http.ts";

/** How long the service may take to answer a frame, in milliseconds. */
const ANSWER_TIMEOUT_MS = 10_000;
/** Longest time between two sign-ins, in milliseconds. */
const MAX_RENEW_MS = 24 * 3_600_000;
/** How long the service may take to let a new socket in, in milliseconds. */
const WELCOME_TIMEOUT_MS = 15_000;

/** A frame that waits for an answer. */
type Request = Extract<ClientFrame, { readonly id: string }>;
/** The same before it has its id. */
export type Unsent = Request extends infer F ? F extends Request ? Omit<F, "id"> : never : never;
/** What answers a request. */
export type Answer = Extract<ServerFrame, { readonly t: "ack" | "joined" }>;
/** What happens in a room. */
export type RoomFrame = Extract<ServerFrame, { readonly t: "presence" | "signal" }>;

/** What a socket is made with. */
export interface SocketOptions {
  /** The clock, Unix milliseconds. */
  readonly now: () => number;
  /** Closes the socket. */
  readonly signal: AbortSignal;
  /** Takes each call for this device. */
  readonly onRing: (frame: RingFrame) => void;
}

/** An authenticated socket. */
export class Socket {
  readonly #socket: WebSocket;
  readonly #http: Http;
  readonly #signer: Signer;
  readonly #options: SocketOptions;
  readonly #gone = Promise.withResolvers<boolean>();
  readonly #waiting = new Map<string, Waiting>();
  readonly #rooms = new Map<string, (frame: RoomFrame) => void>();
  #welcomed: (error: ClientError | null) => void = () => {};
  #silence: ReturnType<typeof setTimeout> | undefined;
  #renewal: ReturnType<typeof setTimeout> | undefined;
  #goodbye: number | null = null;
  #acked = 0;
  #lost = false;

  private constructor(http: Http, signer: Signer, options: SocketOptions) {
    this.#http = http;
    this.#signer = signer;
    this.#options = options;
    this.#socket = new WebSocket(http.origin.replace(/^http/, "ws") + SOCKET, SUBPROTOCOL);
    this.#socket.onmessage = ({ data }) => this.#receive(data);
    this.#socket.onclose = ({ code }) => this.#end(code);
    this.#socket.onerror = () => {};
    const close = (): void => this.close();
    options.signal.addEventListener("abort", close);
    void this.lost.then(() => options.signal.removeEventListener("abort", close));
  }

  /** Settles when the socket is gone: whether connecting again may help. */
  get lost(): Promise<boolean> {
    return this.#gone.promise;
  }

  /** Connects and authenticates. @throws ClientError `network`, `refused` */
  static async open(http: Http, signer: Signer, options: SocketOptions): Promise<Socket> {
    const socket = new Socket(http, signer, options);
    const late = new ClientError("unavailable", "The service did not answer");
    const timer = setTimeout(() => socket.#welcomed(late), WELCOME_TIMEOUT_MS);
    const refusal = await new Promise<ClientError | null>((resolve) => socket.#welcomed = resolve);
    clearTimeout(timer);
    if (refusal === null) return socket;
    socket.close();
    throw refusal;
  }

  /** Sends a frame and waits for its ack. @throws ClientError */
  request(frame: Unsent): Promise<Answer> {
    const id = toBase64Url(randomBytes(9));
    return new Promise((resolve, reject) => {
      if (this.#lost) return reject(lost());
      const timer = setTimeout(() => {
        this.#waiting.delete(id);
        reject(new ClientError("unavailable", "The service did not answer"));
      }, ANSWER_TIMEOUT_MS);
      this.#waiting.set(id, { resolve, reject, timer });
      this.#send({ ...frame, id } as Request);
    });
  }

  /** Routes what happens in a room to a listener, or no longer. */
  listen(room: string, listener: ((frame: RoomFrame) => void) | null): void {
    if (listener === null) this.#rooms.delete(room);
    else this.#rooms.set(room, listener);
  }

  /** Says goodbye and closes; idempotent. */
  close(): void {
    if (this.#socket.readyState === WebSocket.OPEN) this.#send({ t: "bye" });
    this.#socket.close(1000);
    this.#end(1000);
  }

  #receive(data: unknown): void {
    // What was on its way when the socket was given up comes to nobody.
    if (this.#lost) return;
    this.#expectMore();
    let frame: ServerFrame;
    try {
      frame = serverFrameFromWire(typeof data === "string" ? data : "");
    } catch (error) {
      // A service that speaks nonsense is left; the error tells whoever waits for an answer.
      this.#fail(toClientError(error, "bad_answer"));
      this.#socket.close(CLOSE.malformed);
      this.#end(CLOSE.malformed);
      return;
    }
    this.#handle(frame);
    if ("seq" in frame && frame.t !== "welcome" && frame.seq >= this.#acked + ACK_FRAMES) {
      this.#acked = frame.seq;
      this.#send({ t: "ack", seq: frame.seq });
    }
  }

  #handle(frame: ServerFrame): void {
    switch (frame.t) {
      case "hello":
        return void this.#authenticate(frame.nonce);
      case "welcome":
        return this.#welcomed(null);
      case "joined":
      case "ack":
        // One that was let in asked long ago.
        if (frame.id === null) return;
        return this.#settle(frame.id, (waiting) => waiting.resolve(frame));
      case "error":
        return this.#refused(frame);
      case "presence":
      case "signal":
        return this.#rooms.get(frame.room)?.(frame);
      case "ring":
        return this.#options.onRing(frame);
      case "ping":
        return this.#send({ t: "pong" });
      case "pong":
        return;
      case "bye":
        // The close frame that follows may lose its code on the way.
        this.#goodbye = frame.code;
        return;
    }
  }

  async #authenticate(nonce: string): Promise<void> {
    try {
      const { value: token, expiresMs } = await this.#http.token(this.#signer);
      const url = this.#http.origin + SOCKET;
      const nowMs = this.#options.now();
      const proof = await dpopProof(this.#signer.signing, {
        method: "GET",
        url,
        nonce,
        token,
        nowMs,
      });
      this.#send({ t: "auth", token, proof });
      // In time for a fresh token. The nonce has aged by then: the service refuses it with a fresh
      // `hello`, which is answered as the first one was.
      clearTimeout(this.#renewal);
      const renewMs = Math.min(Math.max(expiresMs - RENEW_EARLY_MS - nowMs, 1_000), MAX_RENEW_MS);
      this.#renewal = setTimeout(() => void this.#authenticate(nonce), renewMs);
      if (this.#lost) clearTimeout(this.#renewal);
    } catch (error) {
      this.#welcomed(toClientError(error, "network"));
    }
  }

  #refused(frame: Extract<ServerFrame, { readonly t: "error" }>): void {
    const refusal = ofProblem(frame);
    if (frame.code === "invalid_token") {
      // Signing in again may mend that: the next socket does.
      this.#http.forgetToken();
      this.#goodbye = CLOSE.tokenExpired;
    }
    if (frame.id === null) this.#welcomed(refusal);
    else this.#settle(frame.id, (waiting) => waiting.reject(refusal));
  }

  #settle(id: string, settle: (waiting: Waiting) => void): void {
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) return;
    this.#waiting.delete(id);
    clearTimeout(waiting.timer);
    settle(waiting);
  }

  #send(frame: ClientFrame): void {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(frame));
  }

  /** The service pings; silence for two and a half heartbeats means that the path is dead. */
  #expectMore(): void {
    clearTimeout(this.#silence);
    // A dead path does not carry a close frame either, so nothing is waited for.
    this.#silence = setTimeout(() => {
      this.#socket.close(CLOSE.heartbeat);
      this.#end(CLOSE.heartbeat);
    }, 2.5 * HEARTBEAT_MS);
  }

  #end(code: number): void {
    if (this.#lost) return;
    this.#lost = true;
    clearTimeout(this.#silence);
    clearTimeout(this.#renewal);
    const said = this.#goodbye ?? code;
    const refused = new ClientError("refused", `The service ended the connection (${said})`);
    this.#fail(mayReconnect(said) ? lost() : refused);
    this.#gone.resolve(mayReconnect(said));
  }

  #fail(error: ClientError): void {
    this.#welcomed(error);
    for (const id of [...this.#waiting.keys()]) {
      this.#settle(id, (waiting) => waiting.reject(error));
    }
  }
}

interface Waiting {
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: ClientError) => void;
  readonly timer: ReturnType<typeof setTimeout>;
}

function lost(): ClientError {
  return new ClientError("network", "The connection to the service was lost");
}
