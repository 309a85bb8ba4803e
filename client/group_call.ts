/**
 * A group call as applications see it: everybody in a room is connected with everybody else, under keys
 * that change when somebody comes or goes.
 *
 * @module
 */

import { type Bytes } from "../crypto/bytes.ts";
import { type GenerationName } from "../crypto/schedule.ts";
import { type MediaAdapter, type MediaStats } from "./adapter.ts";
import { type ClientError } from "./error.ts";
import { type RoomEvent, type RoomMessage } from "./meeting.ts";
import { type Peer } from "./peer.ts";

/** Somebody else in the call: a device of an account, proven by the log. */
export interface GroupParticipant {
  /** Names them here; fresh for every time they come. */
  readonly id: string;
  /** Who it is, and how far they are believed. */
  readonly peer: Peer;
  /** Which device of theirs. */
  readonly device: number;
  /** Whether frames go both ways; `joining` until they have the call's keys. */
  readonly state: "joining" | "connecting" | "connected";
  /** What they show: a muted microphone, a raised hand. */
  readonly shown: Bytes;
}

/** How a group call is joined. */
export interface GroupCallOptions {
  /**
   * Makes the media of the connection to one other participant; again where a connection failed. All of them
   * share one `browserMedia`, or one `FrameCryptor` outside browsers, since no counter of a key may be used
   * twice: one that does not is refused, and reported as `lost`.
   */
  readonly adapter: (participant: GroupParticipant) => MediaAdapter;
}

/** How a call ended for this client. */
export interface GroupEnd {
  /**
   * `left` by this client; `removed` by the others; `room`: out of the room; `forked`: the service shows
   * members different orders of things.
   */
  readonly why: "left" | "removed" | "room" | "forked";
  /** What went wrong, or null. */
  readonly error: ClientError | null;
}

/** What happens in a group call. */
export type GroupEvent =
  /** Somebody came, goes, is connected or shows something else: see `participants`. */
  | { readonly kind: "participants" }
  /** The call has other keys. */
  | { readonly kind: "keys"; readonly generation: GenerationName }
  /** Nothing is sent: somebody left and the keys are still theirs, or nothing was heard for 120 s. */
  | { readonly kind: "held"; readonly why: "left" | "stale" }
  /** Nothing was heard for 30 s of who changes the keys; or something was again. */
  | { readonly kind: "degraded"; readonly isDegraded: boolean }
  /** A participant does what it should not; the call goes on as it should. */
  | { readonly kind: "suspect"; readonly participant: GroupParticipant | null }
  /** Frames of a participant cannot be opened: the connection is made anew. */
  | { readonly kind: "lost"; readonly participant: GroupParticipant; readonly error: ClientError }
  /** Somebody says something, also from outside the call. */
  | { readonly kind: "message"; readonly message: RoomMessage }
  /** Something else happened in the room. */
  | { readonly kind: "room"; readonly event: RoomEvent }
  /** The last one. */
  | { readonly kind: "ended"; readonly end: GroupEnd };

/** A group call. */
export interface GroupCall {
  /** Whether this client has the call's keys. */
  readonly state: "joining" | "joined" | "ended";
  /** How it ended, once it has. */
  readonly ended: Promise<GroupEnd>;
  /** The keys that are sent with, or null. */
  readonly generation: GenerationName | null;
  /** The others in the call. */
  participants(): readonly GroupParticipant[];
  /** What happens from now on. One reader. */
  events(signal?: AbortSignal): AsyncIterable<GroupEvent>;
  /** Counts of frames on the connection to a participant, by its id. */
  stats(id: string): Promise<MediaStats | null>;
  /** Says something to everybody in the room. @param payload at most 15,800 bytes @throws ClientError */
  say(payload: Bytes): Promise<void>;
  /** Shows something to everybody in the room. @param payload at most 256 bytes @throws ClientError */
  show(payload: Bytes): Promise<void>;
  /** Leaves the call, and its room. */
  leave(): Promise<void>;
}
