/**
 * What is said about the frames of clients, in `/asyncapi.json`; what is checked of them is `clientFrame`
 * of `schema.ts`. The table has every frame of `client_frames.ts`, or it is no table of this type.
 *
 * @module
 */

import { type ClientFrame } from "./client_frames.ts";

/** What is said about a frame. */
export interface FrameText<Frame> {
  /** One sentence. */
  readonly says: string;
  /** One that is right. */
  readonly example: Frame;
}

type Texts = { readonly [T in ClientFrame["t"]]: FrameText<Extract<ClientFrame, { t: T }>> };

/** A room of the examples. */
export const ROOM = "yKtqPVZpQtOvRL0hXm8ZZA";
/** Oneself in it. */
export const MID = "b0sQm2nXQ1mKx4vJ9sT5Ww";
/** Somebody else in it. */
export const OTHER = "Zr8eH2gkTB-1y3Qm7vYpXg";
/** A connection. */
export const CID = "n3Jw8pQxR5mLk2Vt9sYbUg";
/** Something sealed. */
export const CT = "c2VhbGVk";

/** What is said about every frame of a client; their schemas are `clientFrame`. */
export const CLIENT_FRAMES: Texts = {
  auth: {
    says:
      "Signs in within 5 s of `hello`; later renews the token on the same socket. The proof names " +
      "`GET` and the URL of the WebSocket with `https` or `http` for its scheme, and holds the nonce of " +
      "`hello` and the token's hash.",
    example: {
      t: "auth",
      token: "eyJ0eXAiOiJhdCtqd3QifQ.e30.c2ln",
      proof: "eyJ0eXAiOiJkcG9wK2p3dCJ9.e30.c2ln",
      resume: { cid: CID, key: "w7Hn2Lq9T4yUo1sEd6vBzQ", seq: 12 },
    },
  },
  join: {
    says:
      "Enters a room. One that was created takes the room token along, unless it knows who enters: " +
      "whoever has to knock it never knows, and answers with `lobby`.",
    example: { t: "join", id: "j1", room: ROOM },
  },
  leave: { says: "Leaves a room.", example: { t: "leave", id: "l1", room: ROOM } },
  sync: {
    says: "Asks for a snapshot: after a gap in `rseq`, or whenever.",
    example: { t: "sync", id: "s1", room: ROOM },
  },
  signal: {
    says: "A sealed message to a member, to up to 16, or to all others; delivered once per `id`.",
    example: { t: "signal", id: "m1", room: ROOM, to: OTHER, ct: CT },
  },
  ring: {
    says: "Calls an account: one sealed offer for each of its devices, and the list of them all.",
    example: {
      t: "ring",
      id: "r1",
      to: "bob",
      common: CT,
      devices: [1],
      offers: [{ device: 1, offer: CT }],
    },
  },
  meta: {
    says: "What one shows the others in a room, sealed; null for nothing any more.",
    example: { t: "meta", id: "x1", room: ROOM, ct: CT },
  },
  knock: {
    says: "Says once, sealed, who waits in the lobby.",
    example: { t: "knock", id: "k1", room: ROOM, ct: CT },
  },
  admit: {
    says: "Lets somebody in, as `member` unless it says otherwise.",
    example: { t: "admit", id: "a1", room: ROOM, mid: OTHER },
  },
  deny: {
    says: "Sends somebody away from the door.",
    example: { t: "deny", id: "d1", room: ROOM, mid: OTHER },
  },
  mod: {
    says: "Moderates: `kick`, `ban` and `role` a member; `lock`, `unlock` and `end` the room.",
    example: { t: "mod", id: "o1", room: ROOM, act: "kick", mid: OTHER },
  },
  ice: { says: "Asks for TURN credentials.", example: { t: "ice", id: "i1" } },
  ack: {
    says: "All frames up to this `seq` were taken in: every 16 of them, or every 2 s.",
    example: { t: "ack", seq: 16 },
  },
  ping: { says: "Asks whether the service is there.", example: { t: "ping" } },
  pong: { says: "The answer to the service's `ping`.", example: { t: "pong" } },
  bye: { says: "Ends the connection for good.", example: { t: "bye" } },
};
