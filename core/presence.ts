/**
 * Connections come, are lost, come back and go, and their rooms hear of it.
 *
 *     welcome, then every frame that was missed, in order, then whatever is new
 *
 * @module
 */

import { CLOSE } from "../wire/close.ts";
import { type ResumeRequest } from "../wire/client_frames.ts";
import { type ResumeFailure, type WelcomeFrame } from "../wire/frames.ts";
import { type Connection, type ConnectionState, type Outlet } from "./connection.ts";
import { type Connections } from "./connections.ts";
import { type Party } from "./identity.ts";
import { type RoomStore } from "./room_store.ts";
import { step } from "./rooms.ts";
import { inTurn } from "./frame_turns.ts";

/** What a welcome says of a connection. */
export type Greeting = Omit<WelcomeFrame, "t" | "limits" | "mailbox">;

/** Somebody who has signed in on a socket. */
export interface Arrival {
  readonly party: Party;
  /** The connection that they had, or null. */
  readonly resume: ResumeRequest | null;
  readonly outlet: Outlet;
  /** Is called once, before anything is sent to the outlet. */
  readonly greet: (greeting: Greeting) => void;
}

/** A connection that another instance had. */
export interface Found {
  /** What is known of it. */
  readonly state: ConnectionState;
  /** Why its client does not simply go on; null where it does. */
  readonly reason: ResumeFailure | null;
  /** It was restored: what waited for it is handed over now. */
  readonly restored: () => void;
}

/** Asks other instances for a connection that is not here; null where it has come here meanwhile. */
export type Elsewhere = (
  party: Party,
  request: ResumeRequest,
) => Promise<Found | ResumeFailure | null>;

/** The comings and goings. */
export interface Presence {
  /** A connection for somebody: the one that they ask for, or a fresh one; null where they have too many. */
  arrive(arrival: Arrival): Promise<Connection | null> | Connection | null;
  /** A socket ended; its connection goes on for two minutes unless that was for good. */
  leave(connection: Connection, outlet: Outlet, isForGood: boolean): void;
  /** A connection is over. */
  over(connection: Connection): void;
}

/** What presence works with. */
export interface PresenceParts {
  readonly connections: Connections;
  readonly rooms: RoomStore;
  readonly elsewhere: Elsewhere | null;
  /** Takes faults that nobody waits for. */
  readonly report: (error: unknown) => void;
}

/** Nobody has come yet. */
export function openPresence({ connections, rooms, elsewhere, report }: PresenceParts): Presence {
  function arrive(arrival: Arrival): Promise<Connection | null> | Connection | null {
    const { party, resume } = arrival;
    if (resume === null) return arriveFresh(arrival, null);
    const again = arriveAgain(arrival, resume);
    if (typeof again !== "string") return again;
    if (again !== "unknown" || elsewhere === null) return arriveFresh(arrival, again);
    return elsewhere(party, resume).then((found) => {
      if (typeof found === "string") return arriveFresh(arrival, found);
      if (found !== null) {
        connections.restore(found.state);
        found.restored();
      }
      const reason = found?.reason ?? null;
      // Its frames are numbered anew where the old numbers are lost.
      const request = reason === null ? resume : { ...resume, seq: 0 };
      const taken = arriveAgain(arrival, request, reason);
      return typeof taken === "string" ? arriveFresh(arrival, taken) : taken;
    });
  }

  function arriveAgain(
    { party, outlet, greet }: Arrival,
    request: ResumeRequest,
    reason: ResumeFailure | null = null,
  ): Connection | ResumeFailure {
    // A socket that only seems to live: the network may have cut it long ago.
    const before = connections.get(request.cid)?.outlet ?? null;
    const resumption = connections.resume(party, request, outlet);
    if (typeof resumption === "string") return resumption;
    const { connection, missed, key } = resumption;
    before?.close(CLOSE.replaced, "goes on at another socket");
    const { cid, epoch } = connection;
    greet({ cid, epoch, seq: request.seq, resume: key, resumed: reason === null, reason });
    for (const text of missed) outlet.send(text);
    tellRooms(connection, "back");
    return connection;
  }

  function arriveFresh(
    { party, outlet, greet }: Arrival,
    reason: ResumeFailure | null,
  ): Connection | null {
    const opened = connections.open(party, outlet);
    if (opened === null) return null;
    const { connection: { cid, epoch }, key } = opened;
    greet({ cid, epoch, seq: 0, resume: key, resumed: false, reason });
    return opened.connection;
  }

  function leave(connection: Connection, outlet: Outlet, isForGood: boolean): void {
    // Another socket may have taken its place.
    if (connection.outlet !== outlet) return;
    if (isForGood) connections.end(connection, "unknown");
    else if (connections.lose(connection, outlet)) tellRooms(connection, "away");
  }

  function over(connection: Connection): void {
    const { outlet } = connection;
    connection.outlet = null;
    outlet?.close(CLOSE.replaced, "over");
    tellRooms(connection, "gone");
  }

  function tellRooms(connection: Connection, t: "away" | "back" | "gone"): void {
    const done = inTurn(connection, () => {
      const all = [...connection.rooms].map((id) => {
        return rooms.change(id, (room) => step(room, connection, { t }));
      });
      if (t === "gone") connection.rooms.clear();
      const waits = all.filter((one) => one instanceof Promise);
      return waits.length === 0 ? undefined : Promise.all(waits).then(() => {});
    });
    if (done instanceof Promise) done.catch(report);
  }

  return { arrive, leave, over };
}
