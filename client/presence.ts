/**
 * Being there: the account's place in this browser, its prekeys, and a socket that is made again when
 * it is lost.
 *
 * A stay is one task, from going online to leaving or giving up. It alone holds its lock, its socket
 * and its timers, and lets go of all of them when it ends.
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

/** One stay, until it is left or gives up. */
interface Stay {
  readonly leaving: AbortController;
  /** The next time the socket is there; made anew when it is lost. */
  connected: PromiseWithResolvers<void>;
}

/** The presence of one account. */
export class Presence {
  readonly #listeners: PresenceListeners;
  #stay: Stay | null = null;
  #socket: Socket | null = null;
  /** One publication at a time: two would both make the next set. */
  #publishing: Promise<void> | null = null;

  /** Nobody is there yet. */
  constructor(listeners: PresenceListeners) {
    this.#listeners = listeners;
  }

  /** The live socket, or null. */
  get socket(): Socket | null {
    return this.#socket;
  }

  /** Goes online, and waits until it is, once however often it is asked. @throws ClientError */
  async enter(world: World): Promise<void> {
    if (this.#stay === null) {
      this.#stay = { leaving: new AbortController(), connected: connection() };
      void this.#keep(world, this.#stay);
    }
    await this.#stay.connected.promise;
  }

  /** Goes offline; idempotent. */
  leave(): void {
    this.#stay?.leaving.abort();
    this.#stay = null;
    this.#socket = null;
  }

  /** The stay itself; never throws. */
  async #keep(world: World, stay: Stay): Promise<void> {
    const { signal } = stay.leaving;
    let release = (): void => {};
    let care: ReturnType<typeof setInterval> | undefined;
    let wasOnline = false;
    try {
      const { label, self } = world.account;
      // The place is this device's: another one of the account may be online beside it.
      release = await holdOnline(world.http.origin, `${label} ${self.entry.deviceId}`);
      signal.throwIfAborted();
      const { http, trust: { heads } } = world;
      // The service has to be the one that was trusted, and its log to continue.
      await heads.follow(http, await heads.newest(http));
      for (;;) {
        const socket = await this.#connect(world, signal, wasOnline);
        this.#socket = socket;
        wasOnline = true;
        care ??= setInterval(() => this.#careFor(world), PREKEY_CARE_MS);
        stay.connected.resolve();
        this.#listeners.onOnline(true, null);
        const mayReconnect = await socket.lost;
        signal.throwIfAborted();
        this.#socket = null;
        stay.connected = connection();
        if (!mayReconnect) {
          // Where this device was removed, the log itself says so.
          await world.refresh();
          throw new ClientError("refused", "The service ended the connection for good");
        }
        this.#listeners.onOnline(false, null);
      }
    } catch (error) {
      const left = signal.aborted ? new ClientError("closed", "The client went offline") : null;
      const failure = left ?? toClientError(error, "network");
      if (this.#stay === stay) this.leave();
      stay.connected.reject(failure);
      if (wasOnline) this.#listeners.onOnline(false, left === null ? failure : null);
    } finally {
      clearInterval(care);
      release();
    }
  }

  /** A socket; when there was one before, patiently. @throws ClientError */
  async #connect(world: World, signal: AbortSignal, again: boolean): Promise<Socket> {
    for (let attempt = 0;; attempt++) {
      // Full jitter: the wait is random up to a doubling bound, so that clients do not come as one.
      if (again) await sleep(Math.random() * Math.min(MAX_BACKOFF_MS, 500 * 2 ** attempt), signal);
      signal.throwIfAborted();
      try {
        // Another device may have changed the account, or removed this one.
        await world.refresh();
        await this.#publish(world);
        signal.throwIfAborted();
        const onRing = (frame: RingFrame) => this.#listeners.onRing(world, frame);
        return await Socket.open(world.http, signerOf(world), { now: world.now, signal, onRing });
      } catch (error) {
        const failure = toClientError(error, "network");
        if (signal.aborted || !again || !failure.retryable) throw failure;
      }
    }
  }

  #publish(world: World): Promise<void> {
    return this.#publishing ??= publishPrekeys(world).finally(() => this.#publishing = null);
  }

  #careFor(world: World): void {
    // Coming back does it, and says why where it can't.
    if (this.#socket === null) return;
    this.#publish(world).catch((error) => this.#listeners.onFault(toClientError(error, "network")));
  }
}

/** A connection that may fail while nobody waits for it. */
function connection(): PromiseWithResolvers<void> {
  const connected = Promise.withResolvers<void>();
  connected.promise.catch(() => {});
  return connected;
}

/** Waits, or until the signal. */
function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done);
  });
}
