/**
 * Reading the service's frames: every field is checked, and unknown ones are ignored, so that a later
 * service may say more.
 *
 * @module
 */

import { type Bytes } from "../crypto/bytes.ts";
import {
  type AckStatus,
  type JoinedFrame,
  type Member,
  type PresenceFrame,
  type RingFrame,
  type ServerFrame,
  type SignalFrame,
} from "./frames.ts";
import { asArray, asBytes, asCount, asObject, asText, type JsonObject, WireError } from "./json.ts";
import { isProblemCode } from "./problem.ts";

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
      return joinedFromWire(frame);
    case "presence":
      return presenceFromWire(frame);
    case "signal":
      return signalFromWire(frame);
    case "ring":
      return ringFromWire(frame);
    case "ack":
      return { t: "ack", id: asText(frame.id, "id"), status: ackStatus(frame.status) };
    case "error":
      return errorFromWire(frame);
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

function welcomeFromWire(frame: JsonObject): ServerFrame {
  const limits: Record<string, number> = {};
  for (const [name, value] of Object.entries(asObject(frame.limits, "limits"))) {
    limits[name] = asCount(value, name);
  }
  const resumed = frame.resumed === true;
  return {
    t: "welcome",
    cid: asText(frame.cid, "cid"),
    seq: asCount(frame.seq, "seq"),
    resumed,
    limits,
  };
}

function joinedFromWire(frame: JsonObject): JoinedFrame {
  return {
    t: "joined",
    seq: asCount(frame.seq, "seq"),
    id: asText(frame.id, "id"),
    room: asText(frame.room, "room"),
    rseq: asCount(frame.rseq, "rseq"),
    mid: asText(frame.mid, "mid"),
    members: asArray(frame.members, "members", 1_000).map(memberFromWire),
  };
}

function presenceFromWire(frame: JsonObject): PresenceFrame {
  const { event } = frame;
  if (event !== "join" && event !== "leave") throw new WireError("event");
  return {
    t: "presence",
    seq: asCount(frame.seq, "seq"),
    room: asText(frame.room, "room"),
    rseq: asCount(frame.rseq, "rseq"),
    event,
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
  };
}

function errorFromWire(frame: JsonObject): ServerFrame {
  const { code } = frame;
  if (!isProblemCode(code)) throw new WireError("code");
  return {
    t: "error",
    id: frame.id === null ? null : asText(frame.id, "id"),
    code,
    title: asText(frame.title, "title"),
  };
}

function memberFromWire(value: unknown): Member {
  const { mid, account, device } = asObject(value, "a member");
  return {
    mid: asText(mid, "mid"),
    account: asText(account, "account"),
    device: asCount(device, "device"),
  };
}

function ackStatus(value: unknown): AckStatus {
  if (value !== "relayed" && value !== "partial" && value !== "dup") throw new WireError("status");
  return value;
}
