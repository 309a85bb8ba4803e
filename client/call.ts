/**
 * A call as applications see it, from the moment there is somebody to talk to until it ended.
 *
 * @module
 */

import { type HangupReason } from "../wire/payload.ts";
import { type MediaStats } from "./adapter.ts";
import type { Comparison } from "./comparison.ts";
import { type ClientError } from "./error.ts";
import { type Peer } from "./peer.ts";

/** Where a call stands. "Encrypted" may be shown from `connected` on, and not before. */
export type CallState = "calling" | "ringing" | "connecting" | "connected" | "ended";

/** How a call ended. */
export interface CallEnd {
  /** By whom, or that it failed. */
  readonly by: "self" | "peer" | "failure";
  /** Why. */
  readonly reason: HangupReason;
  /** What failed, or null. */
  readonly error: ClientError | null;
}

/** One opaque message as the service saw it. */
export interface RelayedMessage {
  /** Which way it went. */
  readonly direction: "sent" | "received";
  /** What it was; the service cannot tell. */
  readonly kind: "offer" | "answer" | "confirm" | "message";
  /** Its size in bytes, padding included. */
  readonly bytes: number;
}

/** What the other person wrote. */
export interface Said {
  /** What it says. */
  readonly text: string;
  /** How many of theirs before it never came: the service kept them back, or lost them. */
  readonly missing: number;
}

/** A call. */
export interface Call {
  /** What both sides know the call by; a new call may name it to take its place. */
  readonly id: string;
  /** Who is on the other side. */
  readonly peer: Peer;
  /** Where it stands. */
  readonly state: CallState;
  /**
   * Whether its media are interrupted: nobody is heard, and new ways are looked for. After 30 s without one
   * the call ends with `media_failed`.
   */
  readonly isInterrupted: boolean;
  /** Called whenever that changes. */
  onInterruption: ((isInterrupted: boolean) => void) | null;
  /** How it ended, once it has. */
  readonly ended: Promise<CallEnd>;
  /** The messages that passed through the service so far, the last thousand of them. */
  readonly relayed: readonly RelayedMessage[];
  /** Every state from the first to the last, with those that already passed. One reader. */
  states(signal?: AbortSignal): AsyncIterable<CallState>;
  /** Counts of frames protected and opened so far. */
  stats(): Promise<MediaStats>;
  /** The number of the keys in use: 1 at first, one more about every minute; 0 before there are any. */
  readonly epoch: number;
  /**
   * Writes to the other person, in their order; the service sees sealed bytes.
   *
   * @param text at most 4 kB
   * @throws ClientError `refused` where the call is not connected, `bad_option`, `network`
   */
  say(text: string): Promise<void>;
  /** What the other person writes, with what they wrote already. One reader. */
  said(signal?: AbortSignal): AsyncIterable<Said>;
  /**
   * The comparison of a short code with the other person, to find out that nobody is between them. Look at
   * it as soon as the call is `connected`: the other person may ask first.
   *
   * @throws ClientError `refused` where the call is not connected
   */
  comparison(): Promise<Comparison>;
  /** Ends the call and tells the other side. */
  hangUp(): Promise<void>;
}
