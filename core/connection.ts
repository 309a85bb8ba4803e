/**
 * One connection: the state behind a socket, which outlives it.
 *
 * @module
 */

import { equal } from "../crypto/bytes.ts";
import { type ResumeKeys } from "./connection_key.ts";
import { type Party } from "./identity.ts";
import { type RecentId, type RecentIds, recentIds } from "./recent_ids.ts";
import { type ReplayRing, replayRing, type RingState } from "./replay_ring.ts";
import { type Rung } from "./ring.ts";
import { type Origin } from "./room.ts";

/** Where a connection's frames go: its socket. Nothing here throws. */
export interface Outlet {
  /** Hands a text to the socket. */
  send(text: string): void;
  /** Says goodbye and closes it; the connection goes on, or is over, without it. */
  close(code: number, reason: string): void;
}

/** A connection; its fields are for the relay to change, its place among the others is not. */
export interface Connection extends Origin {
  /** How many sockets it has had. */
  epoch: number;
  keys: ResumeKeys;
  /** Its socket, or null as long as that is lost. */
  outlet: Outlet | null;
  /** Whether nothing came yet on a socket at which it was resumed. */
  isUnheard: boolean;
  /** Since when it is lost, or null. */
  lostMs: number | null;
  /** The last number that was sent before it was lost. */
  lostSeq: number;
  /** Whether it has ended. */
  isOver: boolean;
  readonly ring: ReplayRing;
  readonly recent: RecentIds;
  readonly rooms: Set<string>;
  /** The call that it rang last: its frames for further devices are no further rings. */
  rung: Rung | null;
  /** What it does, one after the other; null where nothing is under way. */
  tail: Promise<void> | null;
}

/** A connection as plain data: what another instance needs to go on with it. */
export interface ConnectionState {
  readonly cid: string;
  readonly party: Party;
  readonly epoch: number;
  readonly keys: ResumeKeys;
  readonly lostMs: number | null;
  readonly ring: RingState;
  readonly recent: readonly RecentId[];
  readonly rooms: readonly string[];
}

/** What a fresh connection has. */
export const NOTHING_YET: Pick<ConnectionState, "lostMs" | "ring" | "recent" | "rooms"> = {
  lostMs: null,
  ring: { seq: 0, frames: [] },
  recent: [],
  rooms: [],
};

/** A connection out of plain data; its socket is yet to come. */
export function connectionOf(state: ConnectionState, instance: string): Connection {
  const { cid, party, epoch, keys, lostMs } = state;
  return {
    cid,
    instance,
    party,
    epoch,
    keys,
    outlet: null,
    isUnheard: false,
    lostMs,
    lostSeq: state.ring.seq,
    isOver: false,
    ring: replayRing(state.ring),
    recent: recentIds(state.recent),
    rooms: new Set(state.rooms),
    rung: null,
    tail: null,
  };
}

/** A connection as plain data. */
export function stateOf(connection: Connection): ConnectionState {
  const { cid, party, epoch, keys, lostMs, ring, recent, rooms } = connection;
  return {
    cid,
    party,
    epoch,
    keys,
    lostMs,
    ring: ring.state(),
    recent: recent.entries(),
    rooms: [...rooms],
  };
}

/** Whether two are the same device of the same account, or the same guest in the same room. */
export function isSame(one: Party, other: Party): boolean {
  if (one.identity !== other.identity || !equal(one.signing, other.signing)) return false;
  if (one.kind === "account") return other.kind === "account" && one.device === other.device;
  return other.kind === "guest" && one.room === other.room;
}
