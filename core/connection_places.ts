/**
 * How many places an identity has taken: its open sockets, also those that have ended and whose peer
 * keeps them open, and its connections that outlive theirs.
 *
 * @module
 */

import { MAX_CONNECTIONS_PER_ACCOUNT } from "../wire/limits.ts";
import { type Identity } from "./identity.ts";
import { type Origin } from "./room.ts";

/** What is to be known of a connection. */
interface Holder extends Origin {
  readonly outlet: unknown;
  readonly isOver: boolean;
}

/** The places of all. */
export interface ConnectionPlaces {
  /** Takes one for a socket; false where the identity has no more. */
  take(identity: Identity): boolean;
  /** Another socket of a connection: it gets the connection's place, or one of its own. */
  move(connection: Holder): void;
  /** A socket is closed: its connection keeps the place, where it may come back. */
  release(identity: Identity, connection: Holder): void;
  /** A connection without a socket takes one, whether or not there is one left. */
  hold(connection: Holder): void;
  /** Whether a connection without an open socket holds one. */
  isHeldBy(connection: Holder): boolean;
  /** A connection is over: it holds none any more. */
  over(connection: Holder): void;
}

/** Nobody has taken any. */
export function openPlaces(): ConnectionPlaces {
  const taken = new Map<Identity, number>();
  const held = new Set<string>();

  function add(identity: Identity): void {
    taken.set(identity, (taken.get(identity) ?? 0) + 1);
  }

  function give(identity: Identity): void {
    const count = taken.get(identity) ?? 0;
    if (count > 1) taken.set(identity, count - 1);
    else taken.delete(identity);
  }

  return {
    take(identity) {
      if ((taken.get(identity) ?? 0) >= MAX_CONNECTIONS_PER_ACCOUNT) return false;
      add(identity);
      return true;
    },
    move({ cid, party }) {
      if (!held.delete(cid)) add(party.identity);
    },
    release(identity, { cid, outlet, isOver }) {
      if (isOver || outlet !== null || held.has(cid)) give(identity);
      else held.add(cid);
    },
    hold({ cid, party }) {
      if (held.has(cid)) return;
      held.add(cid);
      add(party.identity);
    },
    isHeldBy: ({ cid }) => held.has(cid),
    over({ cid, party }) {
      if (held.delete(cid)) give(party.identity);
    },
  };
}
