/**
 * The frames of the WebSocket subprotocol `rooms.v1`: JSON text, told apart by `t`.
 *
 * `id` is the client's idempotency key; `seq` numbers, per connection and from 1, every server frame
 * that must not be lost (joined, presence, signal, ring). `mid` is a member's id in one room, fresh
 * for every join. `ct`, `common` and `offer` are opaque to the service.
 *
 * @module
 */

import { type ProblemCode } from "./problem.ts";

/** One offer of a ring: for one device of the callee. */
export interface RingOffer {
  /** The device. */
  readonly device: number;
  /** The sealed offer, base64url. */
  readonly offer: string;
}

/** What a client sends. */
export type ClientFrame =
  | { readonly t: "auth"; readonly token: string; readonly proof: string }
  | { readonly t: "join"; readonly id: string; readonly room: string }
  | { readonly t: "leave"; readonly id: string; readonly room: string }
  | {
    readonly t: "signal";
    readonly id: string;
    readonly room: string;
    /** A member, up to 16 members, or `"*"` for all others. */
    readonly to: string | readonly string[];
    readonly ct: string;
  }
  | {
    readonly t: "ring";
    readonly id: string;
    /** The callee's label. */
    readonly to: string;
    /** The call's common part, base64url. */
    readonly common: string;
    /** All current devices of the callee as the caller knows them, also those that get no offer. */
    readonly devices: readonly number[];
    /** For devices of that list, one each; the other devices may get a frame of their own. */
    readonly offers: readonly RingOffer[];
  }
  | { readonly t: "ping" }
  | { readonly t: "pong" }
  | { readonly t: "bye" };

/** A member of a room as the others see it. */
export interface Member {
  /** Fresh for every join. */
  readonly mid: string;
  /** The account's label. */
  readonly account: string;
  /** The account's device. */
  readonly device: number;
}

/** What the service sends. */
export type ServerFrame =
  | { readonly t: "hello"; readonly nonce: string }
  | {
    readonly t: "welcome";
    /** Names this connection. */
    readonly cid: string;
    /** The last `seq` sent. */
    readonly seq: number;
    /** Whether an earlier connection was resumed. */
    readonly resumed: boolean;
    readonly limits: Readonly<Record<string, number>>;
  }
  | JoinedFrame
  | PresenceFrame
  | SignalFrame
  | RingFrame
  | { readonly t: "ack"; readonly id: string; readonly status: AckStatus }
  | {
    readonly t: "error";
    /** The frame it refuses, where one could be told. */
    readonly id: string | null;
    readonly code: ProblemCode;
    readonly title: string;
  }
  | { readonly t: "ping" }
  | { readonly t: "pong" }
  | { readonly t: "bye"; readonly code: number; readonly reason: string };

/** What became of a frame: handed to everyone, to some, or seen before. */
export type AckStatus = "relayed" | "partial" | "dup";

/** The answer to `join`: the room as it is at `rseq`. */
export interface JoinedFrame {
  readonly t: "joined";
  readonly seq: number;
  readonly id: string;
  readonly room: string;
  /** The room's own sequence number. */
  readonly rseq: number;
  /** Who one is in this room. */
  readonly mid: string;
  /** The others. */
  readonly members: readonly Member[];
}

/** A member came or went. */
export interface PresenceFrame {
  readonly t: "presence";
  readonly seq: number;
  readonly room: string;
  readonly rseq: number;
  readonly event: "join" | "leave";
  readonly member: Member;
}

/** A sealed message of another member. */
export interface SignalFrame {
  readonly t: "signal";
  readonly seq: number;
  readonly room: string;
  /** The sender. */
  readonly from: string;
  readonly id: string;
  readonly ct: string;
}

/** A call for this device. */
export interface RingFrame {
  readonly t: "ring";
  readonly seq: number;
  readonly id: string;
  /** The caller's label; the handshake proves it. */
  readonly from: string;
  /** The caller's device. */
  readonly device: number;
  readonly common: string;
  readonly offer: string;
}

/** Close codes: 4000 to 4499 mean reconnect, 4500 to 4999 mean stop. */
export const CLOSE = {
  drain: 4000,
  heartbeat: 4001,
  slowConsumer: 4002,
  authDeadline: 4003,
  tokenExpired: 4004,
  rateLimited: 4005,
  serverError: 4006,
  malformed: 4500,
  unauthenticated: 4501,
  tooLarge: 4507,
  connectionLimit: 4508,
  version: 4509,
  origin: 4510,
} as const;

/** Whether a client should connect again after this close code. */
export function mayReconnect(closeCode: number): boolean {
  return closeCode < 4500;
}
