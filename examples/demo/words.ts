/**
 * What the page says about people, calls and counts.
 *
 * @module
 */

import { type MediaStats } from "../../client/mod.ts";
import { type CallView, type PeerView, type Progress, type Trouble } from "./model.ts";
import { plain } from "./trouble.ts";

/** Where a call stands; "Encrypted" is said only where it is true. */
const PROGRESS: Readonly<Record<Progress, string>> = {
  looking_up: "Checking the log",
  preparing: "Preparing the call",
  calling: "Calling",
  ringing: "Ringing",
  connecting: "Connecting",
  connected: "Encrypted",
  ended: "Ended",
};

/** Where a call stands in words; a connection that brings nothing is not called anything good. */
export function standing({ progress, stalled }: CallView): string {
  return progress === "connected" && stalled ? "Connection lost, waiting…" : PROGRESS[progress];
}

/** Since when this device has met these keys, which says nothing about whose they are. */
export function since(peer: PeerView): string {
  if (peer.isNew) return "First call";
  const date = new Date(peer.firstSeenMs);
  return `First seen ${date.toLocaleDateString(undefined, { dateStyle: "long" })}`;
}

/** What the log proved about somebody. */
export function provenBy(peer: PeerView): string {
  return `The service’s public log of names holds these keys for ${peer.label}. ` +
    "This device checked the proof.";
}

/** Calls that rang here in vain, as one line: `bob (2), carol`. */
export function missedCalls(labels: readonly string[]): Trouble {
  const counts = new Map<string, number>();
  for (const label of labels) counts.set(label, (counts.get(label) ?? 0) + 1);
  const names = [...counts].map(([label, count]) => count === 1 ? label : `${label} (${count})`);
  const title = labels.length === 1 ? "Missed call" : `${labels.length} missed calls`;
  return plain(title, names.join(", "));
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
