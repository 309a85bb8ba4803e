/**
 * What connections are told: numbered frames, which are kept until they are acked, and answers, which
 * are not.
 *
 * It must never let one connection's failure reach another: nothing that a socket does throws here, and
 * nobody is ended in the middle of telling a room something.
 *
 * @module
 */

import { CLOSE } from "../wire/close.ts";
import { type AckStatus, type Receipt, type ServerFrame } from "../wire/frames.ts";
import { type Bus, type Delivery, type JournalEntry } from "./bus.ts";
import { type Connection } from "./connection.ts";
import { type Connections } from "./connections.ts";
import { type Refusal, type Unnumbered } from "./effect.ts";
import { type Metrics } from "./metrics.ts";
import { numbered, type OnDone } from "./replay_ring.ts";

/** The way to the clients. */
export interface Downlink {
  /** Numbers a frame for each of its receivers, and sends it. */
  deliver(delivery: Delivery, journal: JournalEntry | null): void;
  /** Gives one connection a numbered frame. @param onDone hears when it is no longer kept */
  give(connection: Connection, frame: Unnumbered, onDone: OnDone | null): void;
  /** Sends a frame without a number: it is lost with the socket. */
  reply(connection: Connection, frame: ServerFrame): void;
  /** Says what became of a frame. */
  acknowledge(connection: Connection, id: string, status: AckStatus, receipt?: Receipt): void;
  /** Refuses a frame, which may then be tried again. */
  refuse(connection: Connection, refusal: Omit<Refusal, "kind">): void;
}

/** The way to the clients of some connections. */
export function openDownlink(connections: Connections, bus: Bus, metrics: Metrics): Downlink {
  function deliver({ to, frame }: Delivery, journal: JournalEntry | null): void {
    // Only the number differs between the receivers, so the rest is written once.
    const rest = textOf(frame);
    metrics.add("frames_sent", to.length, frame.t);
    for (const cid of to) {
      const connection = connections.get(cid);
      const onDone = journal === null ? null : () => bus.settled(journal, cid);
      if (connection === null) onDone?.();
      else {
        if (frame.t !== "signal") note(connection, frame);
        push(connection, rest, onDone);
      }
    }
  }

  function push(connection: Connection, rest: string, onDone: OnDone | null): void {
    const seq = connections.keep(connection, rest, onDone);
    if (seq !== null) connection.outlet?.send(numbered(seq, rest));
    else queueMicrotask(() => connections.end(connection, "overflow"));
  }

  /** What a frame says of the rooms that a connection is in. */
  function note(connection: Connection, frame: Unnumbered): void {
    if (frame.t === "joined" || frame.t === "lobby") connection.rooms.add(frame.room);
    if (frame.t !== "removed") return;
    connection.rooms.delete(frame.room);
    const { reason } = frame;
    if (connection.party.kind !== "guest" || reason !== "kicked" && reason !== "banned") return;
    // A guest was let in for that room alone.
    queueMicrotask(() => {
      const { outlet } = connection;
      connection.outlet = null;
      outlet?.close(CLOSE[reason], reason);
      connections.end(connection, "unknown");
    });
  }

  function reply(connection: Connection, frame: ServerFrame): void {
    metrics.count("frames_sent", frame.t);
    connection.outlet?.send(JSON.stringify(frame));
  }

  return {
    deliver,
    give(connection, frame, onDone) {
      metrics.count("frames_sent", frame.t);
      push(connection, textOf(frame), onDone);
    },
    reply,
    acknowledge(connection, id, status, receipt) {
      metrics.count("acks", status);
      reply(connection, { t: "ack", id, status, ...receipt === undefined ? {} : { receipt } });
    },
    refuse(connection, { id, code, title }) {
      metrics.count("refusals", code);
      connection.recent.forget(id);
      reply(connection, { t: "error", id, code, title });
    },
  };
}

/** A frame's text without the brace in front, where its number goes. */
function textOf(frame: Unnumbered): string {
  return JSON.stringify(frame).slice(1);
}
