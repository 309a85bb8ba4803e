/**
 * What the service sends in the WebSocket subprotocol `rooms.v1`: JSON text, told apart by `t`. What
 * clients send is in `client_frames.ts`.
 *
 * `id` is the client's idempotency key. `seq` numbers, per connection and from 1, every frame of the
 * service that survives a reconnect. `mid` is a member's id in one room, fresh for every join. `ct`,
 * `common`, `offer` and `meta` are opaque to the service. Times are Unix milliseconds.
 *
 * @module
 */

import { type ProblemCode } from "./problem.ts";

/** What somebody is in a managed room; in an open one everybody is `member`. */
export type Role = "host" | "cohost" | "member" | "listener" | "knocker";

/** Somebody in a room, or at its door, as the others see them. */
export interface Member {
  /** Fresh for every join. */
  readonly mid: string;
  /** The account's label, or null for a guest. */
  readonly account: string | null;
  /** The account's device, or null for a guest. */
  readonly device: number | null;
  /** Who a guest is: `~` and the thumbprint of its key, or `=` and the name that a backend gave it. */
  readonly guest: string | null;
  readonly role: Role;
  /** Whether its connection is lost and may come back. */
  readonly away: boolean;
  /** What it shows, sealed, or null. */
  readonly meta: string | null;
}

/** What the service sends. */
export type ServerFrame =
  | { readonly t: "hello"; readonly nonce: string }
  | WelcomeFrame
  | NumberedFrame
  | AckFrame
  | {
    readonly t: "ice";
    readonly id: string;
    readonly servers: readonly IceServer[];
    readonly ttl_ms: number;
  }
  | ErrorFrame
  /** The instance stops in so many milliseconds: connect again, by chance within the jitter. */
  | { readonly t: "drain"; readonly after_ms: number; readonly jitter_ms: number }
  | { readonly t: "ping" }
  | { readonly t: "pong" }
  | { readonly t: "bye"; readonly code: number; readonly reason: string };

/** The frames that survive a reconnect. */
export type NumberedFrame =
  | JoinedFrame
  | LobbyFrame
  | PresenceFrame
  | SnapshotFrame
  | SignalFrame
  | RingFrame
  | MailFrame
  | KnockingFrame
  | RemovedFrame;

/** The answer to `auth`. */
export interface WelcomeFrame {
  readonly t: "welcome";
  /** Names this connection. */
  readonly cid: string;
  /** How many sockets this connection has had, from 1. */
  readonly epoch: number;
  /** The last `seq` before the frames that follow. */
  readonly seq: number;
  /** The key for going on with this connection at the next socket. */
  readonly resume: string;
  /** Whether it is the connection that was asked for, with every frame that was missed following. */
  readonly resumed: boolean;
  /** Why it is another one; null where it was resumed, or none was asked for. */
  readonly reason: ResumeFailure | null;
  readonly limits: Readonly<Record<string, number>>;
  /** How many messages wait in the mailbox; they follow as `mail` and `ring`. */
  readonly mailbox: number;
}

/** Why a connection can't be gone on with. */
export type ResumeFailure =
  /** There is none of that id and key. */
  | "unknown"
  /** It was away for too long. */
  | "expired"
  /** More was missed than is kept. */
  | "overflow"
  /** The instance that had it is lost: rooms are kept, and what was not acked comes again. */
  | "instance_lost";

/** What became of a frame. */
export interface AckFrame {
  readonly t: "ack";
  readonly id: string;
  readonly status: AckStatus;
  /** Only where it was asked for. */
  readonly receipt?: Receipt | undefined;
}

/**
 * `relayed` to everyone, `queued` where one of them is away, `stored` in a mailbox, `partial` where
 * some are not there, `dup` where the frame was seen before.
 */
export type AckStatus = "relayed" | "queued" | "stored" | "partial" | "dup";

/** The service's word that it took a message. */
export interface Receipt {
  /** When. */
  readonly ts: number;
  /** Ed25519, base64url; see PROTOCOL for what is signed. */
  readonly sig: string;
}

/** A frame was refused. */
export interface ErrorFrame {
  readonly t: "error";
  /** The frame it refuses, where one could be told. */
  readonly id: string | null;
  readonly code: ProblemCode;
  readonly title: string;
}

/** One entry of an `RTCConfiguration`'s `iceServers`. */
export interface IceServer {
  readonly urls: readonly string[];
  readonly username?: string | undefined;
  readonly credential?: string | undefined;
}

/** A room as one of its members sees it. */
export interface RoomView {
  readonly room: string;
  /** The room's own sequence number: one more with every change that `presence` tells. */
  readonly rseq: number;
  /** Who one is in this room. */
  readonly mid: string;
  /** What one is in it. */
  readonly role: Role;
  /** Whether nobody else gets in. */
  readonly locked: boolean;
  /** What the room shows to those who have its invite, sealed, or null. */
  readonly meta: string | null;
  /** The others. */
  readonly members: readonly Member[];
}

/** The answer to `join`, or to being let in. */
export interface JoinedFrame extends RoomView {
  readonly t: "joined";
  readonly seq: number;
  /** The `join`, or null where it waited in the lobby. */
  readonly id: string | null;
}

/** The answer to `sync`. */
export interface SnapshotFrame extends RoomView {
  readonly t: "snapshot";
  readonly seq: number;
  readonly id: string;
}

/** The answer to a knocker's `join`: nothing is seen from here. */
export interface LobbyFrame {
  readonly t: "lobby";
  readonly seq: number;
  readonly id: string;
  readonly room: string;
  /** Who one is at this door. */
  readonly mid: string;
}

/**
 * Something changed about a member; `lock` and `unlock` about the room, by that member, whose `mid` is
 * `service` where it was done over HTTP.
 */
export interface PresenceFrame {
  readonly t: "presence";
  readonly seq: number;
  readonly room: string;
  readonly rseq: number;
  readonly event: PresenceEvent;
  readonly member: Member;
}

/** What changed. */
export type PresenceEvent =
  | "join"
  | "away"
  | "back"
  | "leave"
  | "role"
  | "meta"
  | "lock"
  | "unlock";

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
  /** Names the mailbox's entry, where it waited there; acking `seq` deletes it there. */
  readonly entry?: string | undefined;
}

/** What waited in the mailbox; acking `seq` deletes a missed call there, and a message is deleted by name. */
export interface MailFrame {
  readonly t: "mail";
  readonly seq: number;
  /** Names the entry. */
  readonly entry: string;
  readonly kind: MailKind;
  /** The sender's label, as the service knows it. */
  readonly from: string;
  /** When it came. */
  readonly sent_ms: number;
  /** The sealed message; null for a missed call. */
  readonly ct: string | null;
}

/** A message, or the note that somebody called in vain. */
export type MailKind = "message" | "missed";

/** Somebody is at the door, or no longer: told to those who may let them in. */
export interface KnockingFrame {
  readonly t: "knocking";
  readonly seq: number;
  readonly room: string;
  readonly event: "knock" | "gone";
  /** `meta` is null. */
  readonly member: Member;
  /** What it says, sealed. */
  readonly ct: string | null;
}

/** One is no longer in a room, or at its door. */
export interface RemovedFrame {
  readonly t: "removed";
  readonly seq: number;
  readonly room: string;
  readonly reason: RemovalReason;
}

/** Why. */
export type RemovalReason = "kicked" | "banned" | "denied" | "ended";
