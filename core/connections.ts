/**
 * The connections of one instance: the state behind each socket, which outlives it for two minutes.
 *
 *     open -> [lost -> resumed]* -> over
 *
 * A connection is its number, its keys, the frames that its client has not acked, the ids that it used,
 * and its rooms. It is over when its client says so, when it was lost for too long, or when more was
 * missed than is kept. Nothing here sends, and nothing is ever taken over by another device's key.
 *
 * @module
 */

import { type AccountLabel } from "../crypto/account_label.ts";
import { toBase64Url } from "../crypto/base64.ts";
import { type Bytes } from "../crypto/bytes.ts";
import { randomBytes } from "../crypto/primitives.ts";
import { CLOSE } from "../wire/close.ts";
import { type ResumeRequest } from "../wire/client_frames.ts";
import { type ResumeFailure } from "../wire/frames.ts";
import { MAX_AWAY_BYTES, MAX_AWAY_CONNECTIONS, RESUME_WINDOW_MS } from "../wire/limits.ts";
import {
  type Connection,
  connectionOf,
  type ConnectionState,
  isSame,
  NOTHING_YET,
  type Outlet,
  stateOf,
} from "./connection.ts";
import { freshKey, goodKey, type KeyMaker, randomKeys } from "./connection_key.ts";
import { openPlaces } from "./connection_places.ts";
import { type Identity, type Party } from "./identity.ts";
import { openRemains } from "./remains.ts";
import { type OnDone } from "./replay_ring.ts";

/** What came of asking for a connection: one with the frames that are missing, or why not. */
export type Resumption =
  | { readonly connection: Connection; readonly missed: readonly string[]; readonly key: string }
  | ResumeFailure;

/** The connections of one instance. */
export interface Connections {
  /** A connection of this id, or null. */
  get(cid: string): Connection | null;
  /** The connections of an account, lost ones included. */
  ofAccount(account: AccountLabel): Iterable<Connection>;
  /** All of them. */
  all(): Iterable<Connection>;
  /** A fresh one with its key; null where the identity has too many sockets. */
  open(
    party: Party,
    outlet: Outlet,
  ): { readonly connection: Connection; readonly key: string } | null;
  /** Goes on with one at another socket, never in part; where it fails, one whose key was shown is over. */
  resume(party: Party, request: ResumeRequest, outlet: Outlet): Resumption;
  /** Another key for a client whose socket lives. */
  renew(connection: Connection): string;
  /** A frame came at the socket where it was resumed: the client has the newest key. */
  heard(connection: Connection): void;
  /** Numbers a frame and keeps it; null where too much is missed by now: the connection has to end. */
  keep(connection: Connection, rest: string, onDone: OnDone | null): number | null;
  /** The client has everything up to a number. */
  ack(connection: Connection, seq: number): void;
  /** Its socket is lost; nothing where it already has another one. */
  lose(connection: Connection, outlet: Outlet): boolean;
  /** It is over. @param reason what its client is told that asks for it */
  end(connection: Connection, reason: ResumeFailure): void;
  /** A socket of an identity is gone for good. @param connection which it last belonged to */
  release(identity: Identity, connection: Connection): void;
  /** Ends those that were lost for too long, and the oldest where too much is kept for all. */
  sweep(): void;
  /** Nothing is taken from it any more: another instance goes on with it. Frames are kept for it still. */
  suspend(connection: Connection): void;
  /** It is elsewhere: nobody is told. @param isKept whether what its client has not acked is kept there */
  forget(connection: Connection, isKept: boolean): void;
  /** A connection as plain data. */
  snapshot(connection: Connection): ConnectionState;
  /** Takes in a connection that another instance had; its socket is yet to come. */
  restore(state: ConnectionState): Connection;
}

/** What the connections are made of. */
export interface ConnectionsParts {
  /** This instance. */
  readonly instance: string;
  /** The clock, Unix milliseconds. */
  readonly now: () => number;
  /** Hears of each one that is over, whichever way, once. */
  readonly onOver: (connection: Connection) => void;
  /** Makes resume keys; without it at random. */
  readonly makeKey?: KeyMaker | undefined;
  /** Hears of each that is new, or has another key, or lost its socket. */
  readonly onChange?: ((connection: Connection) => void) | undefined;
}

/** 16 random bytes: unguessable, and never seen before. */
const CID_BYTES = 16;

/** No connections yet. */
export function openConnections(parts: ConnectionsParts): Connections {
  const { instance, now, onOver, makeKey = randomKeys, onChange = () => {} } = parts;
  const live = new Map<string, Connection>();
  const accounts = new Map<AccountLabel, Set<Connection>>();
  /** In the order in which they were lost, and in which they make room: a guest's key costs nothing. */
  const lostGuests = new Set<Connection>();
  const lostAccounts = new Set<Connection>();
  let lostBytes = 0;
  const remains = openRemains();
  const places = openPlaces();

  function add(connection: Connection): Connection {
    const { cid, party } = connection;
    live.set(cid, connection);
    if (party.kind === "account") {
      const held = accounts.get(party.account) ?? new Set();
      accounts.set(party.account, held.add(connection));
    }
    return connection;
  }

  function open(party: Party, outlet: Outlet): ReturnType<Connections["open"]> {
    if (!places.take(party.identity)) {
      // Somebody who is here counts more than a connection that may never be asked for again.
      const oldest = lostOf(party);
      if (oldest === null) return null;
      end(oldest, "expired");
      if (!places.take(party.identity)) return null;
    }
    const cid = toBase64Url(randomBytes(CID_BYTES));
    const { key, keys } = freshKey(makeKey(cid, 1), 1, null);
    const connection = add(connectionOf({ cid, party, epoch: 1, keys, ...NOTHING_YET }, instance));
    connection.outlet = outlet;
    onChange(connection);
    return { connection, key };
  }

  /** The identity's connection that was lost first and whose socket is closed, or null. */
  function lostOf(party: Party): Connection | null {
    for (const one of lostLike(party)) {
      if (one.party.identity === party.identity && places.isHeldBy(one)) return one;
    }
    return null;
  }

  /** Where the likes of somebody are while they are lost. */
  function lostLike({ kind }: Party): Set<Connection> {
    return kind === "account" ? lostAccounts : lostGuests;
  }

  function resume(party: Party, request: ResumeRequest, outlet: Outlet): Resumption {
    const connection = live.get(request.cid);
    if (connection === undefined || connection.isOver) return remains.reasonFor(party, request);
    const shown = isSame(connection.party, party) ? goodKey(connection.keys, request.key) : null;
    if (shown === null) return "unknown";
    if (isExpired(connection)) {
      end(connection, "expired");
      return "expired";
    }
    if (request.seq > connection.ring.seq) {
      // Its client counts otherwise, so it is another one's number or a lie.
      end(connection, "unknown");
      return "unknown";
    }
    const missed = connection.ring.after(request.seq);
    if (missed === null) {
      end(connection, "overflow");
      return "overflow";
    }
    found(connection);
    places.move(connection);
    connection.ring.ack(request.seq);
    connection.epoch++;
    connection.outlet = outlet;
    connection.isUnheard = true;
    return { connection, missed, key: rotate(connection, shown) };
  }

  function rotate(connection: Connection, shown: Bytes | null): string {
    const number = connection.keys.number + 1;
    const { key, keys } = freshKey(makeKey(connection.cid, number), number, shown);
    connection.keys = keys;
    onChange(connection);
    return key;
  }

  function isExpired({ lostMs }: Connection): boolean {
    return lostMs !== null && now() - lostMs >= RESUME_WINDOW_MS;
  }

  function lose(connection: Connection, outlet: Outlet): boolean {
    if (connection.isOver || connection.outlet !== outlet) return false;
    connection.outlet = null;
    connection.lostMs = now();
    connection.lostSeq = connection.ring.seq;
    lostLike(connection.party).add(connection);
    lostBytes += connection.ring.bytes;
    onChange(connection);
    trim();
    return true;
  }

  /** It is lost no longer. */
  function found(connection: Connection): void {
    connection.lostMs = null;
    if (lostLike(connection.party).delete(connection)) lostBytes -= connection.ring.bytes;
  }

  /** Ends the oldest that are lost as long as there are too many, guests first. */
  function trim(): void {
    for (const lost of [lostGuests, lostAccounts]) {
      for (const one of lost) {
        const count = lostGuests.size + lostAccounts.size;
        if (count <= MAX_AWAY_CONNECTIONS && lostBytes <= MAX_AWAY_BYTES) return;
        end(one, "overflow");
      }
    }
  }

  function keep(connection: Connection, rest: string, onDone: OnDone | null): number | null {
    const { ring } = connection;
    if (connection.outlet !== null) return ring.add(rest, onDone);
    lostBytes -= ring.bytes;
    const seq = ring.add(rest, onDone);
    lostBytes += ring.bytes;
    // What was never sent is gone, so there is nothing to come back to.
    return ring.isWholeAfter(connection.lostSeq) ? seq : null;
  }

  function end(connection: Connection, reason: ResumeFailure): void {
    if (connection.isOver) return;
    connection.isOver = true;
    remove(connection);
    if (reason !== "unknown") remains.add(connection, reason);
    connection.ring.clear();
    onOver(connection);
  }

  function remove(connection: Connection): void {
    found(connection);
    live.delete(connection.cid);
    const { party } = connection;
    if (party.kind === "account") {
      const held = accounts.get(party.account);
      held?.delete(connection);
      if (held?.size === 0) accounts.delete(party.account);
    }
    places.over(connection);
  }

  return {
    get: (cid) => live.get(cid) ?? null,
    ofAccount: (account) => accounts.get(account) ?? [],
    all: () => live.values(),
    open,
    resume,
    // What comes next may have been sent before this welcome arrived, so both keys stay good.
    renew: (connection) => rotate(connection, connection.keys.current),
    heard(connection) {
      connection.isUnheard = false;
      connection.keys = { ...connection.keys, previous: null };
    },
    keep,
    ack: (connection, seq) => connection.ring.ack(seq),
    lose,
    end,
    release: (identity, connection) => places.release(identity, connection),
    sweep() {
      for (const lost of [lostGuests, lostAccounts]) {
        for (const one of lost) {
          if (!isExpired(one)) break;
          end(one, "expired");
        }
      }
      // What came for them meanwhile.
      trim();
    },
    suspend(connection) {
      const { outlet } = connection;
      connection.isOver = true;
      connection.lostMs ??= now();
      connection.outlet = null;
      if (outlet === null) return;
      lostLike(connection.party).add(connection);
      lostBytes += connection.ring.bytes;
    },
    forget(connection, isKept) {
      connection.isOver = true;
      const { outlet } = connection;
      connection.outlet = null;
      outlet?.close(CLOSE.moved, "goes on elsewhere");
      remove(connection);
      if (isKept) connection.ring.clear();
    },
    snapshot: stateOf,
    restore(state) {
      const connection = add(connectionOf({ ...state, lostMs: state.lostMs ?? now() }, instance));
      lostLike(connection.party).add(connection);
      lostBytes += connection.ring.bytes;
      places.hold(connection);
      return connection;
    },
  };
}
