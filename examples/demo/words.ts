/**
 * What the page says: one headline and one sentence or two for everything that can happen.
 *
 * @module
 */

import {
  type CallEnd,
  ClientError,
  type ClientErrorCode,
  type MediaStats,
} from "../../client/mod.ts";
import { type PeerView, type Progress, type Trouble } from "./model.ts";

const ERRORS: Readonly<Record<ClientErrorCode, readonly [title: string, text: string]>> = {
  head_rolled_back: [
    "The service is hiding part of its log",
    "It showed an older log than the one this device has already verified. Both signed versions were kept as evidence. Do not place calls here until this is explained.",
  ],
  log_forked: [
    "The service keeps two different logs",
    "What it shows now contradicts what it signed before. Both signed versions were kept as evidence. Do not place calls here until this is explained.",
  ],
  log_changed: [
    "The service’s log was replaced",
    "It signs with another key than the one this device trusts. This may be a new installation, or somebody in its place. Ask whoever runs it before you go on.",
  ],
  proof_invalid: [
    "The service gave a false proof",
    "The identity it answered with is not the one its own log commits to. Nothing was sent.",
  ],
  identity_changed: [
    "This is not the person you knew",
    "The keys behind this name are not those this device has seen before. Reach the person some other way before you trust this name again.",
  ],
  prekeys_invalid: [
    "The call keys were not signed by this person",
    "They are forged, or too old to be safe. Nothing was sent.",
  ],
  handshake_refused: [
    "A forged call message was refused",
    "A message did not come from the person it claimed to come from, or was meant for somebody else. It was thrown away.",
  ],
  offer_replayed: [
    "A repeated call was refused",
    "Somebody sent a copy of an earlier call. This device let it ring only once.",
  ],
  fingerprint_mismatch: [
    "Somebody is in between",
    "The media connection ended at another machine than the one this person vouched for. No sound or picture was sent.",
  ],
  bypass_detected: [
    "This browser tried to send without encryption",
    "Frames were seen to go past the encryption, so the call was stopped. Update the browser, or use another, before you call again.",
  ],
  bad_label: [
    "That is not a valid name",
    "Use 1 to 128 lower-case letters, digits, and the characters . _ @ + -",
  ],
  name_taken: ["That name is taken", "It belongs to somebody else. Choose another."],
  unknown_name: [
    "Nobody has that name",
    "The service knows nobody of that name. Check the spelling.",
  ],
  self_call: ["That is you", "To try it alone, open a second person in another tab."],
  not_registered: ["No name yet", "Register a name first."],
  not_online: ["You are offline", "Calls work again as soon as the connection is back."],
  peer_offline: ["Not there right now", "They are not connected. Try again later."],
  several_devices: [
    "They use several devices",
    "This version can only ring people who use a single device.",
  ],
  no_answer: ["No answer", "Nobody answered in time."],
  cancelled: ["They gave up", "The caller stopped before you answered."],
  media_failed: [
    "The media connection failed",
    "The two devices could not reach each other, or lost each other. Some networks need a relay.",
  ],
  refused: ["The service refused", "It did not allow this request."],
  bad_answer: [
    "The service’s answer makes no sense",
    "It does not follow the protocol. It may be another version, or broken.",
  ],
  in_use: [
    "Open in another tab",
    "This person is already online in another tab of this browser. Close that one first.",
  ],
  network: ["The service can’t be reached", "Check your connection and try again."],
  unavailable: ["The service is busy", "Wait a moment and try again."],
  closed: ["This page was closed", "Reload it to go on."],
};

const LIES: ReadonlySet<string> = new Set<ClientErrorCode>([
  "head_rolled_back",
  "log_forked",
  "log_changed",
  "proof_invalid",
  "identity_changed",
  "prekeys_invalid",
  "handshake_refused",
  "offer_replayed",
  "fingerprint_mismatch",
  "bypass_detected",
]);

/** Any failure in words. */
export function troubleOf(error: unknown): Trouble {
  if (!(error instanceof ClientError)) {
    const text = error instanceof Error ? error.message : "Reload the page and try again.";
    return { ...plain("Something broke in this page", text), code: "internal" };
  }
  const [title, text] = ERRORS[error.code];
  const isProblem = error.code === "refused" && error.problem !== null;
  const code = isProblem ? `${error.code}: ${error.problem}` : error.code;
  return { title, text, code, isLie: LIES.has(error.code) };
}

/** Something ordinary in words. */
export function plain(title: string, text: string): Trouble {
  return { title, text, code: "", isLie: false };
}

/** How a call ended, in words. */
export function troubleOfEnd(end: CallEnd, label: string): Trouble {
  if (end.error !== null) return troubleOf(end.error);
  if (end.by === "self") return plain("Call ended", "You hung up.");
  switch (end.reason) {
    case "declined":
      return plain("Call declined", `${label} does not want to take the call now.`);
    case "busy":
      return plain("Busy", `${label} is in another call.`);
    case "failed":
      return plain("Call failed", `The call failed on the side of ${label}.`);
    case "ended":
      return plain("Call ended", `${label} hung up.`);
  }
}

/** Where a call stands; "Encrypted" is said only where it is true. */
export const PROGRESS: Readonly<Record<Progress, string>> = {
  looking_up: "Checking the log",
  preparing: "Preparing the call",
  calling: "Calling",
  ringing: "Ringing",
  connecting: "Connecting",
  connected: "Encrypted",
  ended: "Ended",
};

/** How well this device knows somebody. */
export function since(peer: PeerView): string {
  if (peer.isNew) return "First call";
  const date = new Date(peer.firstSeenMs);
  return `Known since ${date.toLocaleDateString(undefined, { dateStyle: "long" })}`;
}

/** What the log proved about somebody. */
export function provenBy(peer: PeerView): string {
  const size = peer.headSize.toLocaleString();
  return `Identity proven and consistent in the log at head size ${size}.`;
}

const REFUSALS: Readonly<Record<string, string>> = {
  replayed_frame: "repeated or too late",
  bad_frame: "forged or damaged",
  unknown_key: "under a key of nobody here",
  unsupported_codec: "of an unknown codec",
};

/** Refused frames by reason, or an empty text. */
export function refusedDetail({ refused }: MediaStats): string {
  return Object.entries(refused)
    .map(([code, count]) => `${count.toLocaleString()} ${REFUSALS[code] ?? code}`).join(", ");
}

/** `m:ss`. */
export function clock(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}
