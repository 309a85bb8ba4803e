/**
 * What the service sends over a WebSocket, as zod schemas with what is said about them: published in
 * `/asyncapi.json`, and held against every frame that the service sends in the tests.
 *
 * The table has every frame of `frames.ts`, or it is no table of this type. Clients ignore fields that
 * they do not know.
 *
 * @module
 */

import { z } from "zod";
import { CLOSE } from "./close.ts";
import { type Member, type RoomView, type ServerFrame } from "./frames.ts";
import { problemCode } from "./schema_answers.ts";
import { CID, CT, type FrameText, MID, OTHER, ROOM } from "./schema_client_frames.ts";
import { id, label, mid, room, size, text64 } from "./schema_parts.ts";

/** A frame of the service: what is said about it, and its schema. */
export interface FrameShape<Frame> extends FrameText<Frame> {
  readonly schema: z.ZodType<Frame, Frame>;
}

type Frames = { readonly [T in ServerFrame["t"]]: FrameShape<Extract<ServerFrame, { t: T }>> };
const seq = size.min(1).meta({ description: "The frame's number on this connection, from 1." });
const rseq = size.meta({ description: "The room's own number: one more with every change." });
const sealed = text64.min(1);
const role = z.enum(["host", "cohost", "member", "listener", "knocker"]);
const ct = sealed.meta({ description: "Sealed: the service can't read it." });

const member: z.ZodType<Member, Member> = z.strictObject({
  mid,
  account: label.nullable().meta({ description: "The name, or null for a guest." }),
  device: size.nullable().meta({ description: "The account's device, or null for a guest." }),
  guest: z.string().nullable().meta({
    description:
      "`~` and the thumbprint of a guest's key, `=` and the name that a backend gave, or " +
      "null for an account.",
  }),
  role,
  away: z.boolean().meta({ description: "Whether its connection is lost and may come back." }),
  meta: sealed.nullable().meta({ description: "What it shows the others, sealed." }),
}).meta({ id: "Member", description: "Somebody in a room, or at its door." });

/** The example of a member. */
const BOB: Member = {
  mid: OTHER,
  account: "bob",
  device: 1,
  guest: null,
  role: "member",
  away: false,
  meta: null,
};

const view = {
  room,
  rseq,
  mid: mid.meta({ description: "Who one is in this room." }),
  role,
  locked: z.boolean().meta({ description: "Whether nobody else gets in." }),
  meta: sealed.nullable().meta({
    description: "What the room shows to those who have its invite, sealed.",
  }),
  members: z.array(member).readonly().meta({ description: "The others." }),
};

const VIEW: RoomView = {
  room: ROOM,
  rseq: 2,
  mid: MID,
  role: "member",
  locked: false,
  meta: null,
  members: [BOB],
};

const closeCodes = Object.entries(CLOSE).map(([name, code]) => `${code} ${name}`).join(", ");

/** Every frame of the service. */
export const SERVER_FRAMES: Frames = {
  hello: {
    says: "The first frame: the nonce that the proof in `auth` has to hold.",
    schema: z.strictObject({ t: z.literal("hello"), nonce: z.string() }),
    example: { t: "hello", nonce: "AAAAAGj2Xq0kq1c5l9vY0w" },
  },
  welcome: {
    says: "The answer to `auth`: signed in, from here on frames act.",
    schema: z.strictObject({
      t: z.literal("welcome"),
      cid: id.meta({ description: "Names this connection." }),
      epoch: size.meta({ description: "How many sockets this connection has had, from 1." }),
      seq: size.meta({ description: "The last `seq` before the frames that follow." }),
      resume: z.string().meta({ description: "The key for going on at the next socket." }),
      resumed: z.boolean().meta({
        description:
          "Whether it is the connection that was asked for, every missed frame following.",
      }),
      reason: z.enum(["unknown", "expired", "overflow", "instance_lost"]).nullable().meta({
        description: "Why it is another one; null where it was resumed, or none was asked for.",
      }),
      limits: z.record(z.string(), z.number()).readonly(),
      mailbox: size.meta({ description: "How many messages wait; they follow." }),
    }),
    example: {
      t: "welcome",
      cid: CID,
      epoch: 1,
      seq: 0,
      resume: "w7Hn2Lq9T4yUo1sEd6vBzQ",
      resumed: false,
      reason: null,
      limits: { max_frame_bytes: 32_768 },
      mailbox: 0,
    },
  },
  joined: {
    says: "The answer to `join`, or to being let in: the room as it is at `rseq`.",
    schema: z.strictObject({
      t: z.literal("joined"),
      seq,
      id: id.nullable().meta({ description: "The `join`; null where it waited in the lobby." }),
      ...view,
    }),
    example: { t: "joined", seq: 1, id: "j1", ...VIEW },
  },
  snapshot: {
    says: "The answer to `sync`: the room as it is at `rseq`.",
    schema: z.strictObject({ t: z.literal("snapshot"), seq, id, ...view }),
    example: { t: "snapshot", seq: 7, id: "s1", ...VIEW },
  },
  lobby: {
    says: "The answer to the `join` of a knocker: nothing is seen from here.",
    schema: z.strictObject({ t: z.literal("lobby"), seq, id, room, mid }),
    example: { t: "lobby", seq: 1, id: "j1", room: ROOM, mid: MID },
  },
  presence: {
    says: "Something changed about a member; `lock` and `unlock` about the room, by that member.",
    schema: z.strictObject({
      t: z.literal("presence"),
      seq,
      room,
      rseq,
      event: z.enum(["join", "away", "back", "leave", "role", "meta", "lock", "unlock"]),
      member,
    }),
    example: { t: "presence", seq: 2, room: ROOM, rseq: 3, event: "join", member: BOB },
  },
  signal: {
    says: "A sealed message of another member. `from` is set by the service.",
    schema: z.strictObject({ t: z.literal("signal"), seq, room, from: mid, id, ct }),
    example: { t: "signal", seq: 3, room: ROOM, from: OTHER, id: "m1", ct: CT },
  },
  ring: {
    says: "A call for this device; the handshake in it proves who calls.",
    schema: z.strictObject({
      t: z.literal("ring"),
      seq,
      id,
      from: label,
      device: size,
      common: sealed,
      offer: sealed,
      entry: z.string().optional().meta({
        description: "Names the mailbox's entry, where it waited there; acking `seq` deletes it.",
      }),
    }),
    example: {
      t: "ring",
      seq: 4,
      id: "r1",
      from: "bob",
      device: 1,
      common: CT,
      offer: CT,
    },
  },
  mail: {
    says:
      "What waited in the mailbox. Acking its `seq` deletes a missed call there; a message stays " +
      "until `DELETE /v1/mailbox/{entry}`.",
    schema: z.strictObject({
      t: z.literal("mail"),
      seq,
      entry: z.string(),
      kind: z.enum(["message", "missed"]),
      from: label,
      sent_ms: size,
      ct: sealed.nullable(),
    }),
    example: {
      t: "mail",
      seq: 5,
      entry: "0f3k",
      kind: "message",
      from: "bob",
      sent_ms: 1_790_000_000_000,
      ct: CT,
    },
  },
  knocking: {
    says: "Somebody is at the door, or no longer: told to those who may let them in.",
    schema: z.strictObject({
      t: z.literal("knocking"),
      seq,
      room,
      event: z.enum(["knock", "gone"]),
      member,
      ct: sealed.nullable(),
    }),
    example: {
      t: "knocking",
      seq: 6,
      room: ROOM,
      event: "knock",
      member: { ...BOB, role: "knocker" },
      ct: CT,
    },
  },
  removed: {
    says: "One is no longer in a room, or at its door.",
    schema: z.strictObject({
      t: z.literal("removed"),
      seq,
      room,
      reason: z.enum(["kicked", "banned", "denied", "ended"]),
    }),
    example: { t: "removed", seq: 8, room: ROOM, reason: "ended" },
  },
  ack: {
    says:
      "What became of a frame: `relayed` to everyone, `queued` where one of them is away, `stored` " +
      "in a mailbox, `partial` where some are not there, `dup` where it was seen before.",
    schema: z.strictObject({
      t: z.literal("ack"),
      id,
      status: z.enum(["relayed", "queued", "stored", "partial", "dup"]),
      receipt: z.strictObject({ ts: size, sig: text64 }).optional().meta({
        description: "The service's signed word that it took the message, where it was asked for.",
      }),
    }),
    example: { t: "ack", id: "m1", status: "relayed" },
  },
  ice: {
    says: "TURN credentials, to be asked for again when 80 % of `ttl_ms` are over.",
    schema: z.strictObject({
      t: z.literal("ice"),
      id,
      servers: z.array(z.strictObject({
        urls: z.array(z.string()).readonly(),
        username: z.string().optional(),
        credential: z.string().optional(),
      })).readonly(),
      ttl_ms: size,
    }),
    example: {
      t: "ice",
      id: "i1",
      servers: [{ urls: ["turn:turn.example:3478"], username: "1790003600:x", credential: "c2Vj" }],
      ttl_ms: 3_600_000,
    },
  },
  error: {
    says: "A frame was refused, by the same codes as over HTTP.",
    schema: z.strictObject({
      t: z.literal("error"),
      id: id.nullable().meta({ description: "The frame, where one could be told." }),
      code: problemCode,
      title: z.string(),
    }),
    example: { t: "error", id: "j1", code: "room_not_found", title: "There is no such room" },
  },
  drain: {
    says: "The instance stops: connect again, at a moment chosen by chance within the jitter.",
    schema: z.strictObject({ t: z.literal("drain"), after_ms: size, jitter_ms: size }),
    example: { t: "drain", after_ms: 1_000, jitter_ms: 2_000 },
  },
  ping: {
    says: "Asks whether the client is there: answer with `pong`.",
    schema: z.strictObject({ t: z.literal("ping") }),
    example: { t: "ping" },
  },
  pong: {
    says: "The answer to the client's `ping`.",
    schema: z.strictObject({ t: z.literal("pong") }),
    example: { t: "pong" },
  },
  bye: {
    says: `The last frame, with the close code: below 4500 connect again, from 4500 on stop. ` +
      `${closeCodes}.`,
    schema: z.strictObject({ t: z.literal("bye"), code: size, reason: z.string() }),
    example: { t: "bye", code: CLOSE.drain, reason: "drain" },
  },
};
