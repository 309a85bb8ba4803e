/**
 * What the benchmark has to know of a signaling server: how it is started, and how its clients speak.
 *
 * @module
 */

import { type Buffer } from "node:buffer";

/** A client as the load generator sees it: one of `size` in a room, each of which it calls a seat. */
export interface Seat {
  /** Of all connections of a run, from 0. */
  readonly index: number;
  /** Unique for the run. */
  readonly room: string;
  /** The room's seats, this one among them. */
  readonly mates: readonly Seat[];
  /** What the protocol calls this client, once it is known. */
  name: string;
  /** How many deliveries came. */
  heard: number;
}

/** What is asked of a client that enters: texts in, texts out, true when it is in its room. */
export interface Entry {
  /** Sent as soon as the socket is open. */
  readonly first: readonly string[];
  /** Takes a text of the server. */
  take(text: string, say: (text: string) => void): boolean;
}

/** A client's half of a protocol. */
export interface Protocol {
  readonly subprotocol: string | null;
  /**
   * Makes ready for so many more connections what a client may have beforehand.
   *
   * @param standing how many there are already
   */
  prepare?(url: string, connections: number, standing: number): Promise<void>;
  /** Where a seat's socket goes. */
  path(seat: Seat): string;
  /** How a seat gets into its room. */
  enter(seat: Seat): Entry;
  /**
   * The frames, as texts, with which a seat says `payload` to all its mates. `ID_HOLE` in them is replaced
   * by a number of its own each time.
   */
  messages(seat: Seat, payload: string): readonly string[];
  /** Whether a message comes back to who sent it. */
  readonly echoes?: boolean;
  /** What a client has to send after a delivery, if anything. */
  acknowledge?(seat: Seat, delivery: Buffer): string | null;
}

/** One server to be measured. */
export interface Contender {
  readonly name: string;
  /** What runs it. */
  readonly runtime: "deno" | "node";
  /** What its figures include, in a few words. */
  readonly includes: string;
  readonly protocol: Protocol;
  /** Makes a store for so many connections, where the server has one; each trial has a copy of it. */
  seed?(url: string, connections: number): Promise<void>;
}

/** Stands in a message for its number. */
export const ID_HOLE = "00000000";
