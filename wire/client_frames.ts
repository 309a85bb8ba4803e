/**
 * What a client sends in the WebSocket subprotocol `rooms.v1`; what the fields are is said in `frames.ts`.
 *
 * @module
 */

import { type Role } from "./frames.ts";

/** One offer of a ring: for one device of the callee. */
export interface RingOffer {
  /** The device. */
  readonly device: number;
  /** The sealed offer, base64url. */
  readonly offer: string;
}

/** Which connection a client goes on with. */
export interface ResumeRequest {
  /** The connection. */
  readonly cid: string;
  /** The newest `welcome.resume` that the client has of it. */
  readonly key: string;
  /** The last `seq` that the client took in, 0 for none. */
  readonly seq: number;
}

/** What a client sends. */
export type ClientFrame =
  | {
    readonly t: "auth";
    /** An access token, or a guest's room token. */
    readonly token: string;
    readonly proof: string;
    readonly resume?: ResumeRequest | undefined;
  }
  | {
    readonly t: "join";
    readonly id: string;
    readonly room: string;
    /** A room token for the key of this connection. */
    readonly token?: string | undefined;
  }
  | { readonly t: "leave"; readonly id: string; readonly room: string }
  /** Asks for a snapshot: after a gap in `rseq`, or whenever. */
  | { readonly t: "sync"; readonly id: string; readonly room: string }
  | {
    readonly t: "signal";
    readonly id: string;
    readonly room: string;
    /** A member, up to 16 members, or `"*"` for all others. */
    readonly to: string | readonly string[];
    readonly ct: string;
    /** Whether the ack is to be signed. */
    readonly receipt?: boolean | undefined;
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
  /** What a member shows the others, sealed; null for nothing any more. */
  | {
    readonly t: "meta";
    readonly id: string;
    readonly room: string;
    readonly ct: string | null;
  }
  /** Says once, sealed, who waits in the lobby. */
  | { readonly t: "knock"; readonly id: string; readonly room: string; readonly ct: string }
  | {
    readonly t: "admit";
    readonly id: string;
    readonly room: string;
    readonly mid: string;
    /** `member` unless it is said. */
    readonly role?: Exclude<Role, "knocker"> | undefined;
  }
  | { readonly t: "deny"; readonly id: string; readonly room: string; readonly mid: string }
  | ModFrame
  /** Asks for TURN credentials. */
  | { readonly t: "ice"; readonly id: string }
  /** All frames up to this `seq` were taken in. */
  | { readonly t: "ack"; readonly seq: number }
  | { readonly t: "ping" }
  | { readonly t: "pong" }
  | { readonly t: "bye" };

/** What is done to a room or a member. */
export type ModFrame =
  | {
    readonly t: "mod";
    readonly id: string;
    readonly room: string;
    readonly act: "kick" | "ban";
    readonly mid: string;
  }
  | {
    readonly t: "mod";
    readonly id: string;
    readonly room: string;
    readonly act: "role";
    readonly mid: string;
    readonly role: Exclude<Role, "knocker">;
  }
  | {
    readonly t: "mod";
    readonly id: string;
    readonly room: string;
    readonly act: "lock" | "unlock" | "end";
  };
