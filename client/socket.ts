/**
 * One authenticated WebSocket to the service, from `hello` until it is lost.
 *
 * It answers pings, renews its sign-in and notices a dead path. What the frames say is the business of
 * the connection (`connection.ts`), which outlives it. Losing a socket never touches media.
 *
 * @module
 */

import { type SigningKeyPair } from "../crypto/keys.ts";
import { CLOSE, mayReconnect } from "../wire/close.ts";
import { type ClientFrame, type ResumeRequest } from "../wire/client_frames.ts";
import { type ServerFrame, type WelcomeFrame } from "../wire/frames.ts";
import { HEARTBEAT_MS } from "../wire/limits.ts";
import { SOCKET, SUBPROTOCOL } from "../wire/paths.ts";
import { serverFrameFromWire } from "../wire/server_frame.ts";
import { dpopProof } from "./dpop.ts";
import { ClientError, ofProblem, toClientError } from "./error.ts";
import { RENEW_EARLY_MS } from "./http.ts";

/** Longest time between two sign-ins, in milliseconds. */
const MAX_RENEW_MS = 24 * 3_600_000;
/** How long the service may take to let a new socket in, in milliseconds. */
const WELCOME_TIMEOUT_MS = 15_000;
/** How long the service may be silent before it is asked, in milliseconds. */
const SILENCE_MS = 2.5 * HEARTBEAT_MS;
/** How long it may take to answer then, in milliseconds. */
const PONG_MS = 5_000;

/** Why a service wants no further socket, where the application can do something about it. */
const REFUSALS: Readonly<Record<number, string>> = {
  [CLOSE.connectionLimit]: "This account, or this address, has too many connections",
  [CLOSE.version]: "The service speaks another version of the protocol",
  [CLOSE.origin]: "The service takes no socket from pages of this site " +
    "(COUNTERSIGN_ALLOWED_ORIGINS names those that it does)",
};

/** Who signs in: a device of an account, or a guest. */
export interface Credentials {
  /** The key that the token is bound to. */
  readonly signing: SigningKeyPair;
  /** A token that is good for a minute at least. @throws ClientError */
  readonly token: () => Promise<{ readonly value: string; readonly expiresMs: number }>;
  /** The service takes it no more: the next one is a fresh one. */
  readonly forget: () => void;
}

/** What a socket is made with. */
export interface SocketOptions {
  /** The service's origin. */
  readonly origin: string;
  /** The clock, Unix milliseconds. */
  readonly now: () => number;
  readonly credentials: Credentials;
  /** Which connection the socket goes on with, or null for a new one. */
  readonly resume: ResumeRequest | null;
  /** Closes the socket. */
  readonly signal: AbortSignal;
  /** Takes the answer to every sign-in, before the frames that follow it. */
  readonly onWelcome: (frame: WelcomeFrame, socket: Socket) => void;
  /** Takes every other frame that says something. */
  readonly onFrame: (frame: ServerFrame) => void;
}

/** How a socket ended. */
export interface Loss {
  /** Whether connecting again may help. */
  readonly isRetryable: boolean;
  /** Whether the service broke the protocol: it is not asked again at once. */
  readonly isFault: boolean;
  /** What whoever waits is told. */
  readonly error: ClientError;
}

/** An authenticated socket. */
export class Socket {
  readonly #socket: WebSocket;
  readonly #options: SocketOptions;
  readonly #gone = Promise.withResolvers<Loss>();
  readonly #check = (): void => this.check();
  #welcomed: (error: ClientError | null) => void = () => {};
  #isOpened = false;
  #isWelcome = false;
  #silence: ReturnType<typeof setTimeout> | undefined;
  #renewal: ReturnType<typeof setTimeout> | undefined;
  #goodbye: number | null = null;
  #lost = false;

  private constructor(options: SocketOptions) {
    this.#options = options;
    this.#socket = new WebSocket(options.origin.replace(/^http/, "ws") + SOCKET, SUBPROTOCOL);
    this.#socket.onopen = () => this.#isOpened = true;
    this.#socket.onmessage = ({ data }) => this.#receive(data);
    this.#socket.onclose = ({ code }) => this.#end(code);
    this.#socket.onerror = () => {};
    const close = (): void => this.close();
    // A page that is gone comes back as another one; one that is only put aside does not say so.
    const leave = ({ persisted }: Event & { readonly persisted?: boolean }): void => {
      if (persisted !== true) close();
    };
    options.signal.addEventListener("abort", close);
    globalThis.addEventListener?.("pagehide", leave);
    // A page's timers sleep with it; these say that it is awake, or elsewhere.
    globalThis.addEventListener?.("online", this.#check);
    globalThis.addEventListener?.("pageshow", this.#check);
    void this.lost.then(() => {
      options.signal.removeEventListener("abort", close);
      globalThis.removeEventListener?.("pagehide", leave);
      globalThis.removeEventListener?.("online", this.#check);
      globalThis.removeEventListener?.("pageshow", this.#check);
    });
  }

  /** Settles when the socket is gone. */
  get lost(): Promise<Loss> {
    return this.#gone.promise;
  }

  /** Whether frames can be sent: somebody signed in, and it is not lost. */
  get isOpen(): boolean {
    return this.#isWelcome && !this.#lost;
  }

  /** Connects and authenticates. @throws ClientError `network`, `socket_blocked`, `unavailable`, `refused` */
  static async open(options: SocketOptions): Promise<Socket> {
    const socket = new Socket(options);
    const late = new ClientError("unavailable", "The service did not answer");
    const timer = setTimeout(() => socket.#welcomed(late), WELCOME_TIMEOUT_MS);
    const refusal = await new Promise<ClientError | null>((resolve) => socket.#welcomed = resolve);
    clearTimeout(timer);
    if (refusal === null) return socket;
    socket.close();
    throw refusal;
  }

  /** Sends a frame; one that is lost with the socket is the connection's to send again. */
  send(frame: ClientFrame): void {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(frame));
  }

  /** Asks whether anybody is there, and gives the socket up where nobody answers. */
  check(): void {
    if (!this.isOpen) return;
    this.send({ t: "ping" });
    clearTimeout(this.#silence);
    // A dead path does not carry a close frame either, so nothing is waited for.
    this.#silence = setTimeout(() => this.abandon(CLOSE.heartbeat), PONG_MS);
  }

  /** Says goodbye for good and closes; idempotent. */
  close(): void {
    this.send({ t: "bye" });
    this.#socket.close(1000);
    this.#end(1000);
  }

  /** Closes the socket alone: the connection goes on at the next one. @param fault of the service */
  abandon(code: number, fault: ClientError | null = null): void {
    this.#socket.close(code);
    this.#end(code, fault);
  }

  #receive(data: unknown): void {
    // What was on its way when the socket was given up comes to nobody.
    if (this.#lost) return;
    this.#expectMore();
    let frame: ServerFrame;
    try {
      frame = serverFrameFromWire(typeof data === "string" ? data : "");
    } catch (error) {
      // A service that speaks nonsense is left.
      return this.abandon(CLOSE.malformed, toClientError(error, "bad_answer"));
    }
    this.#handle(frame);
  }

  #handle(frame: ServerFrame): void {
    switch (frame.t) {
      case "hello":
        return void this.#authenticate(frame.nonce);
      case "welcome":
        this.#isWelcome = true;
        this.#options.onWelcome(frame, this);
        return this.#welcomed(null);
      case "ping":
        return this.send({ t: "pong" });
      case "pong":
        return;
      case "bye":
        // The close frame that follows may lose its code on the way.
        this.#goodbye = frame.code;
        return;
      case "error":
        return this.#refused(frame);
      default:
        return this.#options.onFrame(frame);
    }
  }

  #refused(frame: Extract<ServerFrame, { readonly t: "error" }>): void {
    if (frame.id !== null) return this.#options.onFrame(frame);
    if (frame.code === "invalid_token" || frame.code === "invalid_room_token") {
      // Signing in again may mend that: the next socket does.
      this.#options.credentials.forget();
      this.#goodbye = CLOSE.tokenExpired;
    }
    this.#welcomed(ofProblem(frame));
  }

  async #authenticate(nonce: string): Promise<void> {
    const { credentials, origin, now, resume } = this.#options;
    try {
      const { value: token, expiresMs } = await credentials.token();
      const nowMs = now();
      const url = origin + SOCKET;
      const proof = await dpopProof(credentials.signing, {
        method: "GET",
        url,
        nonce,
        token,
        nowMs,
      });
      const isAgain = this.#isWelcome || resume === null;
      this.send({ t: "auth", token, proof, ...isAgain ? {} : { resume } });
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

  /** The service pings; silence for two and a half heartbeats means that the path may be dead. */
  #expectMore(): void {
    clearTimeout(this.#silence);
    // Asked first: after a sleep the timer is late, and the socket may be well.
    this.#silence = setTimeout(() => this.#isWelcome ? this.check() : undefined, SILENCE_MS);
  }

  #end(code: number, fault: ClientError | null = null): void {
    if (this.#lost) return;
    this.#lost = true;
    clearTimeout(this.#silence);
    clearTimeout(this.#renewal);
    const said = this.#goodbye ?? code;
    const isRetryable = mayReconnect(said);
    const error = fault ?? this.#reason(said);
    this.#welcomed(error);
    this.#gone.resolve({ isRetryable, isFault: fault !== null, error });
  }

  #reason(code: number): ClientError {
    if (!mayReconnect(code)) {
      return new ClientError(
        "refused",
        REFUSALS[code] ?? `The service ended the connection (${code})`,
      );
    }
    if (this.#isOpened) return new ClientError("network", "The connection to the service was lost");
    return new ClientError("socket_blocked", "No WebSocket to the service can be opened");
  }
}
