/**
 * Being there: the account's place in this browser, its prekeys, and a socket that is made again when
 * it is lost.
 *
 * @module
 */

import { type RingFrame } from "../wire/frames.ts";
import { ClientError, toClientError } from "./error.ts";
import { holdOnline } from "./lock.ts";
import { publishPrekeys } from "./prekeys.ts";
import { Socket } from "./socket.ts";
import { signerOf, type World } from "./world.ts";

/** Longest wait before connecting again, in milliseconds. */
const MAX_BACKOFF_MS = 30_000;
/** How often prekeys are looked after while online, in milliseconds. */
const PREKEY_CARE_MS = 3_600_000;

/** What somebody who is there hears of it. */
export interface PresenceListeners {
  /** A call for this device. */
  readonly onRing: (world: World, frame: RingFrame) => void;
  /** The socket came or went; where it will not be made again, why. */
  readonly onOnline: (online: boolean, gaveUp: ClientError | null) => void;
  /** Prekeys could not be looked after. */
  readonly onFault: (error: ClientError) => void;
}

/** The presence of one account. */
export class Presence {
  readonly #listeners: PresenceListeners;
  #socket: Socket | null = null;
  #entering: Promise<void> | null = null;
  /** Leaves the account's place; null while nobody wants to be there. */
  #release: (() => void) | null = null;
  #care: ReturnType<typeof setInterval> | undefined;

  /** Nobody is there yet. */
  constructor(listeners: PresenceListeners) {
    this.#listeners = listeners;
  }

  /** The live socket, or null. */
  get socket(): Socket | null {
    return this.#socket;
  }

  /** Goes online, once however often it is asked. @throws ClientError */
  async enter(world: World): Promise<void> {
    this.#entering ??= this.#enter(world).finally(() => this.#entering = null);
    await this.#entering;
  }

  /** Goes offline; idempotent. */
  leave(): void {
    clearInterval(this.#care);
    this.#release?.();
    this.#release = null;
    this.#socket?.close();
  }

  async #enter(world: World): Promise<void> {
    if (this.#socket !== null) return;
    this.#release ??= await holdOnline(world.http.origin, world.account.label);
    try {
      await world.trust.check(world.http);
      await this.#connect(world);
    } catch (error) {
      this.leave();
      throw toClientError(error, "network");
    }
    clearInterval(this.#care);
    const care = () =>
      publishPrekeys(world).catch((error) =>
        this.#listeners.onFault(toClientError(error, "network"))
      );
    this.#care = setInterval(care, PREKEY_CARE_MS);
  }

  async #connect(world: World): Promise<void> {
    await publishPrekeys(world);
    let connected: Socket | null = null;
    let lost = false;
    const socket = await Socket.open(world.http, signerOf(world), world.now, {
      onRing: (frame) => this.#listeners.onRing(world, frame),
      onLost: (mayReconnect) => {
        lost = true;
        if (connected !== null) this.#lost(world, connected, mayReconnect);
      },
    });
    // It may have been lost, or the client gone offline, before this line was reached.
    if (lost) throw new ClientError("network", "The connection to the service was lost");
    if (this.#release === null) {
      socket.close();
      throw new ClientError("closed", "The client went offline");
    }
    this.#socket = connected = socket;
    this.#listeners.onOnline(true, null);
  }

  #lost(world: World, socket: Socket, mayReconnect: boolean): void {
    if (this.#socket !== socket) return;
    this.#socket = null;
    const wanted = this.#release !== null;
    const refusal = wanted && !mayReconnect
      ? new ClientError("refused", "The service ended the connection for good")
      : null;
    this.#listeners.onOnline(false, refusal);
    if (refusal !== null) this.leave();
    else if (wanted) void this.#reconnect(world);
  }

  /** Full jitter (the wait is random up to a doubling bound), so that clients do not come as one. */
  async #reconnect(world: World): Promise<void> {
    for (let attempt = 0;; attempt++) {
      const bound = Math.min(MAX_BACKOFF_MS, 500 * 2 ** attempt);
      await new Promise((resolve) => setTimeout(resolve, Math.random() * bound));
      if (this.#release === null || this.#socket !== null) return;
      try {
        return await this.#connect(world);
      } catch (error) {
        const failure = toClientError(error, "network");
        if (failure.retryable) continue;
        this.leave();
        return this.#listeners.onOnline(false, failure);
      }
    }
  }
}
