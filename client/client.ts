/**
 * The client: one account on one service, its calls out and in.
 *
 * @module
 */

import { canonicalAccountLabel } from "../crypto/account_label.ts";
import { CryptoError } from "../crypto/error.ts";
import { type RingFrame } from "../wire/frames.ts";
import { type Account, loadAccount, registerAccount } from "./account.ts";
import { type MediaAdapter } from "./adapter.ts";
import { asClientError, type Call, type Peer, peerOf } from "./call.ts";
import { Channel } from "./channel.ts";
import { ClientError } from "./error.ts";
import { Http } from "./http.ts";
import { holdOnline } from "./lock.ts";
import { type IncomingCall, lookupContact, takeCall } from "./incoming.ts";
import { placeCall } from "./outgoing.ts";
import { publishPrekeys } from "./prekeys.ts";
import { Socket } from "./socket.ts";
import { type Store } from "./store.ts";
import { Trust } from "./trust.ts";
import { signerOf, type World } from "./world.ts";

/** Longest wait before connecting again, in milliseconds. */
const MAX_BACKOFF_MS = 30_000;

/** How to open a client. */
export interface ClientOptions {
  /** The service's URL. */
  readonly service: string | URL;
  /** Where the client keeps its keys and what it believes. */
  readonly store: Store;
  /**
   * The log's verifier key (`name+hash+key`), shipped with the application. Without it the key of
   * the first contact is believed from then on.
   */
  readonly logKey?: string;
  /** The clock, Unix milliseconds; the platform's by default. */
  readonly now?: () => number;
}

/** One account on one service. */
export class Client {
  readonly #http: Http;
  readonly #store: Store;
  readonly #trust: Trust;
  readonly #incoming = new Channel<IncomingCall>();
  #account: Account | null;
  #socket: Socket | null = null;
  #closed = false;
  #wantsOnline = false;
  #release: (() => void) | null = null;

  /** Called with every message that was refused: an attack, or a fault of the other side. */
  onRefused: ((error: ClientError) => void) | null = null;
  /** Called when the connection to the service comes and goes. */
  onOnline: ((online: boolean) => void) | null = null;

  private constructor(http: Http, store: Store, trust: Trust, account: Account | null) {
    this.#http = http;
    this.#store = store;
    this.#trust = trust;
    this.#account = account;
  }

  /**
   * Opens the account that the store holds, or an empty client that may register one.
   *
   * @throws ClientError `network`, `log_changed`, `proof_invalid`, `bad_answer`
   */
  static async open(options: ClientOptions): Promise<Client> {
    const http = new Http(options.service, options.now ?? Date.now);
    const trust = await Trust.open(http, options.store, options.logKey ?? null);
    const account = await loadAccount(options.store, trust.origin);
    return new Client(http, options.store, trust, account);
  }

  /** The account's label, or null before one was registered. */
  get label(): string | null {
    return this.#account?.label ?? null;
  }

  /** Whether the service can reach this client. */
  get online(): boolean {
    return this.#socket !== null;
  }

  /** Size of the newest head of the log that was verified. */
  async headSize(): Promise<number> {
    return (await this.#trust.head()).size;
  }

  /**
   * Registers a name on this device and verifies that the log holds it.
   *
   * @param name as a person typed it @param device what the owner calls the device
   * @throws ClientError `bad_label`, `name_taken`, `proof_invalid`, `network`
   */
  async register(name: string, device = ""): Promise<void> {
    const parts = { store: this.#store, http: this.#http, trust: this.#trust };
    this.#account = await registerAccount(parts, labelOf(name), device);
  }

  /**
   * Publishes prekeys and connects, so that calls can come and go.
   *
   * @throws ClientError `in_use`, `network`, `refused`
   */
  async goOnline(): Promise<void> {
    const world = this.#world();
    this.#release ??= await holdOnline(this.#http.origin, world.account.label);
    await publishPrekeys(this.#store, this.#http, world.account);
    this.#wantsOnline = true;
    if (this.#socket === null) await this.#connect(world);
  }

  /** Looks a person up and verifies who it is. @throws ClientError `unknown_name`, `bad_label` */
  async lookup(name: string): Promise<Peer> {
    const world = this.#world();
    return peerOf(await lookupContact(world, labelOf(name)), world.account.record);
  }

  /** Calls a person on this stack; resolves when it rings. @throws ClientError */
  async call(name: string, adapter: MediaAdapter): Promise<Call> {
    return await placeCall(this.#world(), labelOf(name), adapter);
  }

  /** The calls that ring here. One reader. */
  incoming(signal?: AbortSignal): AsyncIterable<IncomingCall> {
    return this.#incoming.read(signal);
  }

  /** Goes offline and releases the store; calls under way keep their media. */
  close(): void {
    this.#closed = true;
    this.#wantsOnline = false;
    this.#socket?.close();
    this.#release?.();
    this.#incoming.end();
    this.#http.close();
    this.#store.close();
  }

  #world(): World {
    if (this.#closed) throw new ClientError("closed", "The client was closed");
    if (this.#account === null) throw new ClientError("not_registered", "Register a name first");
    return {
      account: this.#account,
      http: this.#http,
      store: this.#store,
      trust: this.#trust,
      socket: () => {
        if (this.#socket === null) throw new ClientError("not_online", "Go online first");
        return this.#socket;
      },
      refused: (error) => this.onRefused?.(error),
    };
  }

  async #connect(world: World): Promise<void> {
    let connected: Socket | null = null;
    let lost = false;
    const socket = await Socket.open(this.#http, signerOf(world), {
      onRing: (frame) => void this.#ring(world, frame),
      onLost: (mayReconnect) => {
        lost = true;
        if (connected !== null) this.#lost(world, connected, mayReconnect);
      },
    });
    // It may have been lost, or the client closed, before this line was reached.
    if (lost) throw new ClientError("network", "The connection to the service was lost");
    if (!this.#wantsOnline) {
      socket.close();
      throw new ClientError("closed", "The client was closed");
    }
    this.#socket = connected = socket;
    this.onOnline?.(true);
  }

  #lost(world: World, socket: Socket, mayReconnect: boolean): void {
    if (this.#socket !== socket) return;
    this.#socket = null;
    this.onOnline?.(false);
    if (mayReconnect) void this.#reconnect(world);
  }

  /** Full jitter (the wait is random up to a doubling bound), so that clients do not come as one. */
  async #reconnect(world: World): Promise<void> {
    for (let attempt = 0; this.#wantsOnline; attempt++) {
      const bound = Math.min(MAX_BACKOFF_MS, 500 * 2 ** attempt);
      await new Promise((resolve) => setTimeout(resolve, Math.random() * bound));
      if (!this.#wantsOnline) return;
      try {
        return await this.#connect(world);
      } catch (error) {
        if (!(error instanceof ClientError && error.retryable)) return;
      }
    }
  }

  async #ring(world: World, frame: RingFrame): Promise<void> {
    try {
      this.#incoming.push(await takeCall(world, frame));
    } catch (error) {
      this.onRefused?.(asClientError(error));
    }
  }
}

function labelOf(name: string): ReturnType<typeof canonicalAccountLabel> {
  try {
    return canonicalAccountLabel(name);
  } catch (error) {
    if (error instanceof CryptoError) throw new ClientError("bad_label", error.message);
    throw error;
  }
}
