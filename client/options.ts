/**
 * How a client is opened, and how it registers.
 *
 * @module
 */

import type { Authorize } from "./authorization.ts";
import { type Store } from "./store.ts";

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
  /**
   * Which log, which witnesses, and how many of them must have cosigned its heads, shipped with the
   * application in place of `logKey` (C2SP tlog-policy).
   */
  readonly policy?: string;
  /** The clock, Unix milliseconds; the platform's by default. */
  readonly now?: () => number;
}

/** How a person is called. */
export interface CallOptions {
  /**
   * The `id` of a call with this person that this client lost, as with its page: their device takes the
   * new one for it, and no other rings. They can while they have it, and for a minute after it failed;
   * else this call ends before it connects, by the peer, as `ended`.
   */
  readonly replaces?: string;
}

/** How a name is registered. */
export interface RegisterOptions {
  /** Gets what the service's name policy asks for; where names are open, nothing is asked. */
  readonly authorization?: Authorize;
}
