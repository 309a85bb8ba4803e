/**
 * What two clients seal for each other: JSON inside, bytes outside. The service sees neither.
 *
 *     offer    { kind, room, replaces, sdp, fingerprints, head, proof }    in the handshake's offer
 *     answer   { kind, sdp, fingerprints, head, proof }                    in its answer
 *     ready    { kind }                                                    in its confirm
 *     hangup   { kind, reason, head, proof }                               in the session, or ending an offer
 *     sas      { kind, step, epoch, value }                                in the session
 *     chat     { kind, n, text }                                           in the session
 *     restart  { kind, step, round, sdp, fingerprints }                    in the session
 *
 * `replaces` is the id of the call that this one takes the place of, or empty.
 * `fingerprints` are the SHA-256 hashes of the sender's DTLS certificates, in hexadecimal: they
 * belong to the identity, not to the SDP. `head` and `proof` are what the sender was shown of the log: its
 * newest checkpoint, and the proof of its own name; empty where it says nothing of it. `sas` is a step of a
 * comparison of short codes: 32 bytes in base64url, and the session's epoch in which it began. `restart` is
 * an offer, or the answer to it, of a call whose media were interrupted; rounds count from 1.
 *
 * @module
 */

import { toBase64Url } from "../crypto/base64.ts";
import { type Bytes, fromUtf8, utf8 } from "../crypto/bytes.ts";
import {
  asArray,
  asBytes,
  asCount,
  asObject,
  asOneOf,
  asText,
  type JsonObject,
  WireError,
} from "./json.ts";

/**
 * Why a call ended; `elsewhere`: another device of the callee's took it, or declined it; `replaced`:
 * another call of the same two goes on in its place; `mismatch`: the two people saw different codes.
 */
export type HangupReason =
  | "ended"
  | "declined"
  | "busy"
  | "failed"
  | "elsewhere"
  | "replaced"
  | "mismatch";
const REASONS: readonly HangupReason[] = [
  "ended",
  "declined",
  "busy",
  "failed",
  "elsewhere",
  "replaced",
  "mismatch",
];

/** A side's SDP and the certificates that it promises. */
export interface Description {
  /** The whole SDP, with its candidates. */
  readonly sdp: string;
  /** Hex SHA-256 of each DTLS certificate. */
  readonly fingerprints: readonly string[];
}

/** What a side was shown of the log; empty texts say nothing. */
export interface GossipWire {
  /** The newest checkpoint: a note. */
  readonly head: string;
  /** A tlog-proof of the sender's own name. */
  readonly proof: string;
}

/** Says nothing of the log. */
export const NO_GOSSIP: GossipWire = { head: "", proof: "" };

/** What an offer says. */
export interface OfferPayload extends Description, GossipWire {
  readonly kind: "offer";
  /** The room in which the answer is awaited. */
  readonly room: string;
  /** The id of the call that this one takes the place of, or empty. */
  readonly replaces: string;
}

/** A step of a comparison of short codes. */
export interface SasPayload {
  readonly kind: "sas";
  /** In this order: the initiator's commitment, the responder's nonce, the initiator's. */
  readonly step: "commit" | "nonce" | "reveal";
  /** The session's epoch in which it began. */
  readonly epoch: number;
  /** 32 bytes. */
  readonly value: Bytes;
}
const SAS_STEPS: readonly SasPayload["step"][] = ["commit", "nonce", "reveal"];
const SAS_VALUE_BYTES = 32;

/** A description of a call whose media connection was interrupted. */
export interface RestartPayload extends Description {
  readonly kind: "restart";
  /** Offers are the caller's. */
  readonly step: "offer" | "answer";
  /** The number of the offer; an answer has its offer's. */
  readonly round: number;
}
const RESTART_STEPS: readonly RestartPayload["step"][] = ["offer", "answer"];

/** Something that a person writes. */
export interface ChatPayload {
  readonly kind: "chat";
  /** How many this side of the call wrote before. */
  readonly n: number;
  readonly text: string;
}

/** Longest payload of a text that a person writes at once. */
export const MAX_CHAT_BYTES = 4_096;

/** One sealed payload. */
export type Payload =
  | ChatPayload
  | OfferPayload
  | ({ readonly kind: "answer" } & Description & GossipWire)
  | { readonly kind: "ready" }
  | SasPayload
  | RestartPayload
  | ({ readonly kind: "hangup"; readonly reason: HangupReason } & GossipWire);

/** The bytes to seal. */
export function payloadToBytes(payload: Payload): Bytes {
  if (payload.kind !== "sas") return utf8(JSON.stringify(payload));
  return utf8(JSON.stringify({ ...payload, value: toBase64Url(payload.value) }));
}

/** Reads what was opened. @throws WireError */
export function payloadFromBytes(bytes: Bytes): Payload {
  const text = fromUtf8(bytes);
  let value: unknown = null;
  try {
    value = JSON.parse(text ?? "");
  } catch {
    throw new WireError("a payload");
  }
  const payload = asObject(value, "a payload");
  switch (payload.kind) {
    case "offer":
      return {
        kind: "offer",
        room: asText(payload.room, "room"),
        replaces: asText(payload.replaces, "replaces"),
        ...descriptionOf(payload),
        ...gossipOf(payload),
      };
    case "answer":
      return {
        kind: "answer",
        ...descriptionOf(payload),
        ...gossipOf(payload),
      };
    case "ready":
      return { kind: "ready" };
    case "chat": {
      if (bytes.length > MAX_CHAT_BYTES) throw new WireError("text");
      return { kind: "chat", n: asCount(payload.n, "n"), text: asText(payload.text, "text") };
    }
    case "hangup": {
      const reason = REASONS.find((known) => known === payload.reason);
      if (reason === undefined) throw new WireError("reason");
      return { kind: "hangup", reason, ...gossipOf(payload) };
    }
    case "sas": {
      const value = asBytes(payload.value, "value");
      if (value.length !== SAS_VALUE_BYTES) throw new WireError("value");
      const step = asOneOf(payload.step, SAS_STEPS, "step");
      return { kind: "sas", step, epoch: asCount(payload.epoch, "epoch"), value };
    }
    case "restart":
      return {
        kind: "restart",
        step: asOneOf(payload.step, RESTART_STEPS, "step"),
        round: asCount(payload.round, "round"),
        ...descriptionOf(payload),
      };
    default:
      throw new WireError("a payload's kind");
  }
}

/** The end that an authentic message gives; whatever else it says is a failure. */
export function hangupOf(bytes: Bytes): Extract<Payload, { readonly kind: "hangup" }> {
  try {
    const payload = payloadFromBytes(bytes);
    if (payload.kind === "hangup") return payload;
  } catch {
    // Said below.
  }
  return hangup("failed");
}

/** The end of a call or an offer. */
export function hangup(
  reason: HangupReason,
  gossip: GossipWire = NO_GOSSIP,
): Extract<Payload, { readonly kind: "hangup" }> {
  return { kind: "hangup", reason, ...gossip };
}

function gossipOf({ head, proof }: JsonObject): GossipWire {
  return { head: asText(head, "head"), proof: asText(proof, "proof") };
}

function descriptionOf(payload: JsonObject): Description {
  return {
    sdp: asText(payload.sdp, "sdp"),
    fingerprints: asArray(payload.fingerprints, "fingerprints", 4).map((fingerprint) => {
      const hex = asText(fingerprint, "a fingerprint");
      if (!/^[0-9a-f]{64}$/.test(hex)) throw new WireError("a fingerprint");
      return hex;
    }),
  };
}
