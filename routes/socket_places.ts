/**
 * How many sockets are open, by whom: the places of the endpoint.
 *
 * A socket waits until somebody signs in on it, and lingers once it has ended and its peer keeps it
 * open. Those with nobody behind them are counted apart, by address and in all, so that whoever
 * opens many takes the places of few others.
 *
 * @module
 */

import { ServiceError } from "../core/error.ts";
import {
  MAX_LINGERING_SOCKETS,
  MAX_SOCKETS_PER_PREFIX,
  MAX_WAITING_SOCKETS_PER_PREFIX,
} from "../wire/limits.ts";

/** How many at most. */
export interface PlaceLimits {
  /** With nobody behind them, in all. */
  readonly lingering: number;
  /** With nobody behind them, of one address. */
  readonly lingeringPerPrefix: number;
  /** All of one address. */
  readonly perPrefix: number;
}

/** Those of the protocol. */
export const PLACE_LIMITS: PlaceLimits = {
  lingering: MAX_LINGERING_SOCKETS,
  lingeringPerPrefix: MAX_WAITING_SOCKETS_PER_PREFIX,
  perPrefix: MAX_SOCKETS_PER_PREFIX,
};

/** The place of one socket, which begins without somebody behind it. */
export interface Place {
  /** Somebody signed in. */
  signedIn(): void;
  /** It ended; its peer may keep it open. */
  ended(): void;
  /** It is closed. */
  left(): void;
}

/** All places. */
export interface Places {
  /**
   * Takes one.
   *
   * @param prefix whose it is
   * @throws ServiceError `rate_limited` where this address has too many, `unavailable` where all have
   */
  take(prefix: string): Place;
}

interface Count {
  all: number;
  lingering: number;
}

/** No socket is open. */
export function openPlaces(limits: PlaceLimits): Places {
  const byPrefix = new Map<string, Count>();
  let lingering = 0;

  function take(prefix: string): Place {
    const count = byPrefix.get(prefix) ?? { all: 0, lingering: 0 };
    if (count.lingering >= limits.lingeringPerPrefix || count.all >= limits.perPrefix) {
      throw new ServiceError("rate_limited", "Too many sockets of one address: try again later");
    }
    if (lingering >= limits.lingering) {
      throw new ServiceError("unavailable", "Too many sockets: try again later");
    }
    byPrefix.set(prefix, count);
    count.all++;
    let isLingering = false;
    let isOpen = true;
    const linger = (now: boolean): void => {
      if (!isOpen || isLingering === now) return;
      isLingering = now;
      count.lingering += now ? 1 : -1;
      lingering += now ? 1 : -1;
    };
    linger(true);
    return {
      signedIn: () => linger(false),
      ended: () => linger(true),
      left() {
        linger(false);
        if (!isOpen) return;
        isOpen = false;
        if (--count.all === 0) byPrefix.delete(prefix);
      },
    };
  }

  return { take };
}
