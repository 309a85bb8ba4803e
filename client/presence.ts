/**
 * Being there: the account's place in this browser, its prekeys, and a connection that gets a new socket
 * when the last one is lost.
 *
 * A stay is one task, from going online to leaving or giving up. It alone holds its lock, its connection
 * and its timers, and lets go of all of them when it ends. What a connection is made of is loaded by the
 * first one.
 *
 * @module
 */

import { type MailFrame, type RingFrame } from "../wire/frames.ts";
import { WELL_KNOWN } from "../wire/paths.ts";
import type { Connection } from "./connection.ts";
import { ClientError, toClientError } from "./error.ts";
import { holdOnline } from "./lock.ts";
import type { Credentials } from "./socket.ts";
import { signerOf, type World } from "./world.ts";

/** How often prekeys are looked after while online, in milliseconds. */
const PREKEY_CARE_MS = 3_600_000;
/** How often it is tried to look after the account when a socket is there again. */
const CARE_ATTEMPTS = 6;
/** Half of the first wait between attempts, which doubles, in milliseconds. */
const CARE_PAUSE_MS = 1_000;

/** What somebody who is there hears of it. */
export interface PresenceListeners {
  /** A call for this device. */
  readonly onRing: (world: World, frame: RingFrame) => void;
  /** What waited in the mailbox. */
  readonly onMail: (world: World, frame: MailFrame) => void;
  /** No socket can be opened, while requests can be made; until the signal aborts. */
  readonly onBlocked: (world: World, signal: AbortSignal) => void;
  /** A socket came or went; where none will be made again, or none can be opened, why. */
  readonly onOnline: (online: boolean, why: ClientError | null) => void;
  /** Prekeys could not be looked after, or the service broke the protocol. */
  readonly onFault: (error: ClientError) => void;
}

/** One stay, until it is left or gives up. */
interface Stay {
  readonly leaving: AbortController;
  /** Null until it is loaded. */
  connection: Connection | null;
  /** The next time the socket is there; made anew when it is lost. */
  connected: PromiseWithResolvers<void>;
  /** Whether the account is being looked after. */
  isCaring: boolean;
}

/** The presence of one account. */
export class Presence {
  readonly #listeners: PresenceListeners;
  #stay: Stay | null = null;
  /** One publication at a time: two would both make the next set. */
  #publishing: Promise<void> | null = null;

  /** Nobody is there yet. */
  constructor(listeners: PresenceListeners) {
    this.#listeners = listeners;
  }

  /** The connection of who is there, with a socket or without one for now; or null. */
  get connection(): Connection | null {
    return this.#stay?.connection ?? null;
  }

  /** Goes online, and waits until it is, once however often it is asked. @throws ClientError */
  async enter(world: World): Promise<void> {
    if (this.#stay === null) {
      this.#stay = {
        leaving: new AbortController(),
        connection: null,
        connected: expectation(),
        isCaring: false,
      };
      void this.#keep(world, this.#stay);
    }
    await this.#stay.connected.promise;
  }

  /** Goes offline; idempotent. */
  leave(): void {
    const stay = this.#stay;
    this.#stay = null;
    // First: it says what was taken in, as long as it has a socket.
    stay?.connection?.end(new ClientError("network", "The client went offline"));
    stay?.leaving.abort();
  }

  async #connectionOf(world: World): Promise<Connection> {
    const { onRing, onMail, onFault } = this.#listeners;
    const { Connection } = await import("./connection.ts");
    return new Connection({
      origin: world.http.origin,
      now: world.now,
      credentials: accountCredentials(world),
      onRing: (frame) => onRing(world, frame),
      onMail: (frame) => onMail(world, frame),
      onFault,
    });
  }

  /** The stay itself; never throws. */
  async #keep(world: World, stay: Stay): Promise<void> {
    const { signal } = stay.leaving;
    let release = (): void => {};
    let care: ReturnType<typeof setInterval> | undefined;
    let wasOnline = false;
    let blocked = new AbortController();
    try {
      const { label, self } = world.account;
      // The place is this device's: another one of the account may be online beside it.
      release = await holdOnline(world.http.origin, `${label} ${self.entry.deviceId}`);
      signal.throwIfAborted();
      const { http, trust: { heads } } = world;
      // The service has to be the one that was trusted, and its log to continue.
      await heads.follow(http, await heads.newest(http));
      // Another device may have changed the account, or removed this one.
      await world.refresh();
      await this.#publish(world);
      const connection = await this.#connectionOf(world);
      const { keepConnected } = await import("./reconnect.ts");
      signal.throwIfAborted();
      stay.connection = connection;
      care = setInterval(() => this.#careFor(world), PREKEY_CARE_MS);
      await keepConnected(connection, {
        signal,
        probe: () => http.open("GET", WELL_KNOWN),
        onOnline: (isOnline, limited) => {
          if (isOnline) stay.connected.resolve();
          else if (limited === null) stay.connected = expectation();
          blocked.abort();
          blocked = new AbortController();
          if (limited !== null) {
            this.#listeners.onBlocked(world, AbortSignal.any([signal, blocked.signal]));
          }
          this.#listeners.onOnline(isOnline, limited);
          if (isOnline && wasOnline) void this.#lookAfter(world, stay);
          wasOnline ||= isOnline;
        },
      });
    } catch (error) {
      const left = signal.aborted ? new ClientError("closed", "The client went offline") : null;
      const failure = left ?? await this.#cause(world, toClientError(error, "network"));
      if (this.#stay === stay) this.leave();
      stay.connection?.end(failure);
      stay.connected.reject(failure);
      if (wasOnline) this.#listeners.onOnline(false, left === null ? failure : null);
    } finally {
      clearInterval(care);
      blocked.abort();
      release();
    }
  }

  /** Where this device was removed, or the log is another one, the log itself says so. */
  async #cause(world: World, failure: ClientError): Promise<ClientError> {
    if (failure.retryable || failure.code !== "refused") return failure;
    try {
      await world.refresh();
      return failure;
    } catch (error) {
      const cause = toClientError(error, "network");
      return cause.retryable ? failure : cause;
    }
  }

  /** After a lost socket, beside the new one: what is being said must not wait for it. */
  async #lookAfter(world: World, stay: Stay): Promise<void> {
    if (stay.isCaring) return;
    stay.isCaring = true;
    try {
      await this.#lookPatiently(world, stay);
    } catch (error) {
      // Whoever shows another log than before, or this device no longer in it, is left.
      stay.connection?.end(toClientError(error, "network"));
    } finally {
      stay.isCaring = false;
    }
  }

  async #lookPatiently(world: World, stay: Stay): Promise<void> {
    const { signal } = stay.leaving;
    const { pause } = await import("./reconnect.ts");
    for (let attempt = 1; stay.connection?.isOpen === true; attempt++) {
      try {
        await world.refresh();
        return await this.#publish(world);
      } catch (error) {
        if (signal.aborted) return;
        const failure = toClientError(error, "network");
        if (!failure.retryable) throw failure;
        if (attempt >= CARE_ATTEMPTS) return this.#listeners.onFault(failure);
      }
      await pause(Math.random() * CARE_PAUSE_MS * 2 ** attempt, signal);
    }
  }

  #publish(world: World): Promise<void> {
    return this.#publishing ??= publish(world).finally(() => this.#publishing = null);
  }

  #careFor(world: World): void {
    // Coming back does it, and says why where it can't.
    if (this.#stay?.connection?.isOpen !== true) return;
    this.#publish(world).catch((error) => this.#listeners.onFault(toClientError(error, "network")));
  }
}

async function publish(world: World): Promise<void> {
  const { publishPrekeys } = await import("./prekeys.ts");
  await publishPrekeys(world);
}

/** Who signs in: this device of the account. */
function accountCredentials(world: World): Credentials {
  return {
    get signing() {
      return signerOf(world).signing;
    },
    token: () => world.http.token(signerOf(world)),
    forget: () => world.http.forgetToken(),
  };
}

/** A connection that may fail while nobody waits for it. */
function expectation(): PromiseWithResolvers<void> {
  const connected = Promise.withResolvers<void>();
  connected.promise.catch(() => {});
  return connected;
}
