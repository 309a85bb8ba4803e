/**
 * Reading the service's frames: every field is checked, and unknown ones are ignored, so that a later
 * service may say more.
 *
 * @module
 */

import { type Bytes } from "../crypto/bytes.ts";
import {
  type AckFrame,
  type AckStatus,
  type ErrorFrame,
  type IceServer,
  type KnockingFrame,
  type MailFrame,
  type Member,
  type PresenceEvent,
  type PresenceFrame,
  type RemovalReason,
  type RemovedFrame,
  type ResumeFailure,
  type RingFrame,
  type Role,
  type RoomView,
  type ServerFrame,
  type SignalFrame,
  type WelcomeFrame,
} from "./frames.ts";
import {
  asArray,
  asBoolean,
  asBytes,
  asCount,
  asObject,
  asOneOf,
  asText,
  type JsonObject,
  orNull,
  WireError,
} from "./json.ts";
import { isProblemCode } from "./problem.ts";

const ROLES: readonly Role[] = ["host", "cohost", "member", "listener", "knocker"];
const EVENTS: readonly PresenceEvent[] = [
  "join",
  "away",
  "back",
  "leave",
  "role",
  "meta",
  "lock",
  "unlock",
];
const STATUSES: readonly AckStatus[] = ["relayed", "queued", "stored", "partial", "dup"];
const FAILURES: readonly ResumeFailure[] = ["unknown", "expired", "overflow", "instance_lost"];
const REASONS: readonly RemovalReason[] = ["kicked", "banned", "denied", "ended"];

/** Most members of a room, and most servers of an `ice`, that are read. */
const MOST_ENTRIES = 1_000;

/** Reads a server frame. @throws WireError */
export function serverFrameFromWire(text: string): ServerFrame {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new WireError("a frame");
  }
  const frame = asObject(value, "a frame");
  switch (frame.t) {
    case "hello":
      return { t: "hello", nonce: asText(frame.nonce, "nonce") };
    case "welcome":
      return welcomeFromWire(frame);
    case "joined":
      return {
        t: "joined",
        seq: asCount(frame.seq, "seq"),
        id: orNull(frame.id, (id) => asText(id, "id")),
        ...viewFromWire(frame),
      };
    case "snapshot":
      return {
        t: "snapshot",
        seq: asCount(frame.seq, "seq"),
        id: asText(frame.id, "id"),
        ...viewFromWire(frame),
      };
    case "lobby":
      return {
        t: "lobby",
        seq: asCount(frame.seq, "seq"),
        id: asText(frame.id, "id"),
        room: asText(frame.room, "room"),
        mid: asText(frame.mid, "mid"),
      };
    case "presence":
      return presenceFromWire(frame);
    case "signal":
      return signalFromWire(frame);
    case "ring":
      return ringFromWire(frame);
    case "mail":
      return mailFromWire(frame);
    case "knocking":
      return knockingFromWire(frame);
    case "removed":
      return removedFromWire(frame);
    case "ack":
      return ackFromWire(frame);
    case "ice":
      return {
        t: "ice",
        id: asText(frame.id, "id"),
        servers: asArray(frame.servers, "servers", MOST_ENTRIES).map(iceServerFromWire),
        ttl_ms: asCount(frame.ttl_ms, "ttl_ms"),
      };
    case "error":
      return errorFromWire(frame);
    case "drain":
      return {
        t: "drain",
        after_ms: asCount(frame.after_ms, "after_ms"),
        jitter_ms: asCount(frame.jitter_ms, "jitter_ms"),
      };
    case "ping":
    case "pong":
      return { t: frame.t };
    case "bye":
      return {
        t: "bye",
        code: asCount(frame.code, "code"),
        reason: asText(frame.reason, "reason"),
      };
    default:
      throw new WireError("a frame's type");
  }
}

/** The opaque bytes of a signal or ring. @throws WireError */
export function opaqueFromWire(text: string): Bytes {
  return asBytes(text, "an opaque payload");
}

/** Reads one server of an `ice`. @throws WireError */
export function iceServerFromWire(value: unknown): IceServer {
  const { urls, username, credential } = asObject(value, "a server");
  return {
    urls: asArray(urls, "urls", MOST_ENTRIES).map((url) => asText(url, "a url")),
    ...username === undefined ? {} : { username: asText(username, "username") },
    ...credential === undefined ? {} : { credential: asText(credential, "credential") },
  };
}

function welcomeFromWire(frame: JsonObject): WelcomeFrame {
  const limits: Record<string, number> = {};
  for (const [name, value] of Object.entries(asObject(frame.limits, "limits"))) {
    limits[name] = asCount(value, name);
  }
  return {
    t: "welcome",
    cid: asText(frame.cid, "cid"),
    epoch: asCount(frame.epoch, "epoch"),
    seq: asCount(frame.seq, "seq"),
    resume: asText(frame.resume, "resume"),
    resumed: asBoolean(frame.resumed, "resumed"),
    reason: orNull(frame.reason, (reason) => asOneOf(reason, FAILURES, "reason")),
    limits,
    mailbox: asCount(frame.mailbox, "mailbox"),
  };
}

function viewFromWire(frame: JsonObject): RoomView {
  return {
    room: asText(frame.room, "room"),
    rseq: asCount(frame.rseq, "rseq"),
    mid: asText(frame.mid, "mid"),
    role: asOneOf(frame.role, ROLES, "role"),
    locked: asBoolean(frame.locked, "locked"),
    meta: orNull(frame.meta, (meta) => asText(meta, "meta")),
    members: asArray(frame.members, "members", MOST_ENTRIES).map(memberFromWire),
  };
}

function presenceFromWire(frame: JsonObject): PresenceFrame {
  return {
    t: "presence",
    seq: asCount(frame.seq, "seq"),
    room: asText(frame.room, "room"),
    rseq: asCount(frame.rseq, "rseq"),
    event: asOneOf(frame.event, EVENTS, "event"),
    member: memberFromWire(frame.member),
  };
}

function signalFromWire(frame: JsonObject): SignalFrame {
  return {
    t: "signal",
    seq: asCount(frame.seq, "seq"),
    room: asText(frame.room, "room"),
    from: asText(frame.from, "from"),
    id: asText(frame.id, "id"),
    ct: asText(frame.ct, "ct"),
  };
}

function ringFromWire(frame: JsonObject): RingFrame {
  return {
    t: "ring",
    seq: asCount(frame.seq, "seq"),
    id: asText(frame.id, "id"),
    from: asText(frame.from, "from"),
    device: asCount(frame.device, "device"),
    common: asText(frame.common, "common"),
    offer: asText(frame.offer, "offer"),
    ...frame.entry === undefined ? {} : { entry: asText(frame.entry, "entry") },
  };
}

function mailFromWire(frame: JsonObject): MailFrame {
  return {
    t: "mail",
    seq: asCount(frame.seq, "seq"),
    entry: asText(frame.entry, "entry"),
    kind: asOneOf(frame.kind, ["message", "missed"], "kind"),
    from: asText(frame.from, "from"),
    sent_ms: asCount(frame.sent_ms, "sent_ms"),
    ct: orNull(frame.ct, (ct) => asText(ct, "ct")),
  };
}

function knockingFromWire(frame: JsonObject): KnockingFrame {
  return {
    t: "knocking",
    seq: asCount(frame.seq, "seq"),
    room: asText(frame.room, "room"),
    event: asOneOf(frame.event, ["knock", "gone"], "event"),
    member: memberFromWire(frame.member),
    ct: orNull(frame.ct, (ct) => asText(ct, "ct")),
  };
}

function removedFromWire(frame: JsonObject): RemovedFrame {
  return {
    t: "removed",
    seq: asCount(frame.seq, "seq"),
    room: asText(frame.room, "room"),
    reason: asOneOf(frame.reason, REASONS, "reason"),
  };
}

function ackFromWire(frame: JsonObject): AckFrame {
  const ack: AckFrame = {
    t: "ack",
    id: asText(frame.id, "id"),
    status: asOneOf(frame.status, STATUSES, "status"),
  };
  if (frame.receipt === undefined) return ack;
  const { ts, sig } = asObject(frame.receipt, "receipt");
  return { ...ack, receipt: { ts: asCount(ts, "ts"), sig: asText(sig, "sig") } };
}

function errorFromWire(frame: JsonObject): ErrorFrame {
  const { code } = frame;
  if (!isProblemCode(code)) throw new WireError("code");
  return {
    t: "error",
    id: orNull(frame.id, (id) => asText(id, "id")),
    code,
    title: asText(frame.title, "title"),
  };
}

function memberFromWire(value: unknown): Member {
  const { mid, account, device, guest, role, away, meta } = asObject(value, "a member");
  return {
    mid: asText(mid, "mid"),
    account: orNull(account, (label) => asText(label, "account")),
    device: orNull(device, (number) => asCount(number, "device")),
    guest: orNull(guest, (name) => asText(name, "guest")),
    role: asOneOf(role, ROLES, "role"),
    away: asBoolean(away, "away"),
    meta: orNull(meta, (ct) => asText(ct, "meta")),
  };
}
