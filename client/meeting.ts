/**
 * A managed room as applications see it: who is in it, what is said in it, and what whoever runs it may
 * do.
 *
 * @module
 */

import { type Bytes } from "../crypto/bytes.ts";
import { type RemovalReason, type Role } from "../wire/frames.ts";
import { type ClientError } from "./error.ts";
import { type Peer } from "./peer.ts";

/** Somebody in a room, or at its door. Who it is, is the service's word until they said something. */
export interface RoomMember {
  /** Names the member here; fresh for every join. */
  readonly id: string;
  /** The account's label, or null for a guest. */
  readonly account: string | null;
  /** The account's device, or null for a guest. */
  readonly device: number | null;
  /**
   * Who a guest is, to be shown as unverified: `~` and the thumbprint of its key, or `=` and the name that
   * the application's backend gave it. Null for an account.
   */
  readonly guest: string | null;
  /** What they may do. */
  readonly role: Role;
  /** Whether their connection is lost and may come back. */
  readonly away: boolean;
  /** What they show, or null: sealed by somebody of the room, and not proven to be by them. */
  readonly meta: Bytes | null;
}

/** What happens in a room. */
export type RoomEvent =
  /** Somebody came, left, lost their connection or has it back, got another role, shows something else. */
  | {
    readonly kind: "join" | "leave" | "away" | "back" | "role" | "meta";
    readonly member: RoomMember;
  }
  /** Nobody else gets in, or again; by whom, where that is known. */
  | { readonly kind: "lock" | "unlock"; readonly member: RoomMember | null }
  /** Somebody asks to be let in; `peer` is proven as in a message. Only hosts and cohosts hear it. */
  | {
    readonly kind: "knock";
    readonly member: RoomMember;
    readonly peer: Peer | null;
    readonly payload: Bytes;
  }
  /** Somebody asks no longer. */
  | { readonly kind: "gone"; readonly member: RoomMember }
  /** This client is in the room: for the first time, or again after the service had lost its place. */
  | { readonly kind: "entered" }
  /**
   * Messages did not arrive: of this member so many, or of nobody knows whom and how many, where the
   * service had lost this client's place. Show it.
   */
  | { readonly kind: "missing"; readonly member: RoomMember | null; readonly count: number | null }
  /** A message was refused (`room_message_refused`), or its sender could not be looked up. */
  | { readonly kind: "refused"; readonly member: RoomMember | null; readonly error: ClientError }
  /** This client is out of the room; the last event. */
  | {
    readonly kind: "removed";
    readonly reason: RemovalReason | null;
    readonly error: ClientError;
  };

/**
 * What happens in a room and what is said in it, one thing after the other. What happens has the room's
 * own number, which is the same for everybody and goes up by one; what is said has none, and two members
 * may see the words of two others in another order.
 */
export type Happening =
  /** `order` is null for what became known in another way than by being told. */
  | { readonly kind: "event"; readonly event: RoomEvent; readonly order: number | null }
  | { readonly kind: "message"; readonly message: RoomMessage }
  /** The room has come to this number, and not everything up to it was told. */
  | { readonly kind: "missed"; readonly order: number };

/** A message that a member's own key signed. */
export interface RoomMessage {
  /** Who says it. */
  readonly from: RoomMember;
  /** Who that is, proven by the log; null for guests, and for whoever is a guest. */
  readonly peer: Peer | null;
  /** Whether it is for this member alone; the others could read it all the same. */
  readonly isForMe: boolean;
  /** What they say. */
  readonly payload: Bytes;
  /** When, by the sender's clock, Unix milliseconds. */
  readonly sentMs: number;
}

/** What an invite lets in, how many and how long. */
export interface InviteOptions {
  /** `member` unless it is said; with `knocker`, whoever comes has to be let in. */
  readonly role?: Role;
  /** How many people; one unless it is said. */
  readonly uses?: number;
  /** For how long, in milliseconds; a day unless it is said, 30 days at most. */
  readonly expiresMs?: number;
  /** The page that the link leads to; the service's own address unless it is said. */
  readonly page?: string;
}

/** The service's signed word that it took a message: keep it, and nobody can say that it was not sent. */
export interface MessageReceipt {
  /** The room's id. */
  readonly room: string;
  /** Who one was in it. */
  readonly from: string;
  /** The message's id. */
  readonly id: string;
  /** The member that it is for, or `*`. */
  readonly to: string;
  /** The sealed message. */
  readonly ct: Bytes;
  /** When the service took it, Unix milliseconds. */
  readonly ts: number;
  /** The service's key for receipts, 32 bytes, from `/.well-known/jwks.json`. */
  readonly key: Bytes;
  /** Ed25519, over what PROTOCOL says (R24). */
  readonly signature: Bytes;
}

/** An invite that is not over. */
export interface InviteInfo {
  /** Names it, for `withdraw`. */
  readonly id: string;
  /** As what it lets in. */
  readonly role: Role;
  /** How many it lets in. */
  readonly uses: number;
  /** How many it has let in. */
  readonly used: number;
  /** Until when, Unix milliseconds. */
  readonly expiresMs: number;
}

/** A room that this account made, and that has not ended. */
export interface RoomInfo {
  /** For `joinRoom`. */
  readonly id: string;
  /** Whether nobody else gets in. */
  readonly locked: boolean;
  /** How many people it knows. */
  readonly people: number;
  /** When it ends unless somebody comes, Unix milliseconds. */
  readonly expiresMs: number;
}

/** How a room is made. */
export interface CreateRoomOptions extends JoinRoomOptions {
  /** What it shows to those who have an invite: at most 511 bytes. */
  readonly meta?: Bytes;
}

/** How a room is joined. */
export interface JoinRoomOptions {
  /** Gives up waiting. */
  readonly signal?: AbortSignal;
}

/** A room. It goes on over every loss of the connection, until it is left or this client is put out. */
export interface Meeting {
  /** The room's id. */
  readonly id: string;
  /** At its door, in it, or out of it. */
  readonly state: "waiting" | "inside" | "over";
  /** Oneself, or null unless inside. */
  readonly self: RoomMember | null;
  /** Whether nobody else gets in. */
  readonly locked: boolean;
  /** What the room shows to those who have its invite, or null. */
  readonly meta: Bytes | null;
  /** Settles when this client is inside: at once, or when it was let in. Rejects with `entry_denied`. */
  readonly entered: Promise<void>;
  /** The others. */
  members(): readonly RoomMember[];
  /** What happens from now on, until this client is out. One reader. */
  events(signal?: AbortSignal): AsyncIterable<RoomEvent>;
  /** What members say, in the order in which each says it. One reader. */
  messages(signal?: AbortSignal): AsyncIterable<RoomMessage>;
  /** Both in one, from now on: `events` and `messages` give nothing more. One reader. */
  happenings(signal?: AbortSignal): AsyncIterable<Happening>;
  /**
   * Says something to everybody, or to one member; resolves when the service has taken it.
   *
   * @param payload at most 15,900 bytes
   * @throws ClientError `not_in_room`, `no_such_member`, `refused` where the role does not allow it,
   * `bad_option`, `network`, `unavailable`, `cancelled`
   */
  send(payload: Bytes, to?: string, signal?: AbortSignal): Promise<void>;
  /** The same, for the service's signed word. @throws ClientError as `send`; `proof_invalid` */
  sendForReceipt(payload: Bytes, to?: string, signal?: AbortSignal): Promise<MessageReceipt>;
  /** Says who waits at the door. @param payload at most 256 bytes @throws ClientError as `send` */
  knock(payload: Bytes, signal?: AbortSignal): Promise<void>;
  /**
   * Makes an invite. Whoever has the link can come in and read along: what stands behind its `#` goes to
   * no server, so hand it over where nobody else reads.
   *
   * @throws ClientError `not_registered` for guests, `refused`, `room_not_found`, `room_ended`, `bad_option`
   */
  invite(options?: InviteOptions): Promise<string>;
  /** The invites that are not over. @throws ClientError as `invite` */
  invites(): Promise<readonly InviteInfo[]>;
  /** Withdraws an invite; whom it let in stays. @throws ClientError as `invite` */
  withdraw(invite: string): Promise<void>;
  /** Lets in who knocks, as `member` unless another role is said. @throws ClientError as `send` */
  admit(member: string, role?: Exclude<Role, "knocker">): Promise<void>;
  /** Turns away who knocks. @throws ClientError as `send` */
  deny(member: string): Promise<void>;
  /** Puts a member out; an invite lets them in again. @throws ClientError as `send` */
  kick(member: string): Promise<void>;
  /** Puts a member out for good. @throws ClientError as `send` */
  ban(member: string): Promise<void>;
  /** Gives a member another role. @throws ClientError as `send` */
  setRole(member: string, role: Exclude<Role, "knocker">): Promise<void>;
  /** Lets nobody else in. @throws ClientError as `send` */
  lock(): Promise<void>;
  /** Lets people in again. @throws ClientError as `send` */
  unlock(): Promise<void>;
  /** Ends the room for everybody, for good. @throws ClientError as `send` */
  end(): Promise<void>;
  /** Shows something to the others: a name, a raised hand. @param payload at most 511 bytes, or null */
  setMeta(payload: Bytes | null): Promise<void>;
  /** Leaves. */
  leave(): Promise<void>;
}
