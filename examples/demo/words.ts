/**
 * What the page says about people, devices, calls and counts.
 *
 * @module
 */

import { type MediaPath } from "../../client/adapters/browser.ts";
import { type DeviceInfo, type MediaStats, type Peer } from "../../client/mod.ts";
import {
  type Alarm,
  type CallView,
  type Contact,
  type PeerView,
  type Progress,
  type Trouble,
  type Unanswered,
} from "./state.ts";

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

/** What the page shows of somebody. */
export function viewOf(peer: Peer): PeerView {
  const { label, isNew, firstSeenMs, standing } = peer;
  return { label, isNew, firstSeenMs, standing, safetyNumber: peer.safetyNumber() };
}

/** Since when this device has met these keys, which says nothing about whose they are. */
export function since(peer: PeerView): string {
  if (peer.isNew) return "First call";
  const date = new Date(peer.firstSeenMs);
  return `First seen ${date.toLocaleDateString(undefined, { dateStyle: "long" })}`;
}

/** When a call with somebody last came about here, or since when this device knows them. */
export function lastSeen({ lastCallMs, firstSeenMs }: Contact): string {
  if (lastCallMs === null) {
    return `First seen ${
      new Date(firstSeenMs).toLocaleDateString(undefined, { dateStyle: "long" })
    }`;
  }
  const date = new Date(lastCallMs);
  return `Last call ${date.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" })}`;
}

/** What the log proved about somebody. */
export function provenBy(peer: PeerView): string {
  return `The service’s public log of names holds these keys for ${peer.label}. ` +
    "This device checked the proof.";
}

/** Calls that were not answered here, as one line: `2 missed calls: bob, carol`. */
export function unansweredCalls(calls: readonly Unanswered[]): Pick<Trouble, "title" | "text"> {
  const missed = calls.filter(({ end }) => end !== "elsewhere");
  const taken = counted(calls.filter(({ end }) => end === "elsewhere"));
  if (missed.length === 0) return { title: "Taken on another device", text: taken };
  const title = missed.length === 1 ? "Missed call" : `${missed.length} missed calls`;
  const why = missed.length === 1 ? `, who ${WHY[missed[0]!.end]}` : "";
  const beside = taken === "" ? "" : `; taken on another device: ${taken}`;
  return { title, text: `${counted(missed)}${why}${beside}` };
}

const WHY: Readonly<Record<Unanswered["end"], string>> = {
  ended: "gave up",
  gone: "is not there any more",
  expired: "waited in vain",
  busy: "called while you were in a call",
  away: "called while you were away, as the service says",
  // Not missed.
  elsewhere: "",
  declined: "was turned down",
};

/** Names, with how often each: `bob (2), carol`. */
function counted(calls: readonly Unanswered[]): string {
  const counts = new Map<string, number>();
  for (const { label } of calls) counts.set(label, (counts.get(label) ?? 0) + 1);
  return [...counts].map(([label, count]) => count === 1 ? label : `${label} (${count})`)
    .join(", ");
}

/** That something somebody wrote is not there. */
export function missingTexts(count: number, label: string): string {
  const what = count === 1 ? "A message" : `${count} messages`;
  return `${what} of ${label} did not arrive: the service lost or kept back what was written here.`;
}

/** Which way media go, such as `direct, UDP, 12 ms`. */
export function wayOf(path: MediaPath | null): string {
  if (path === null || path.transport === null) return "None yet";
  const way = path.transport === "relayed" ? "Over a relay" : "Direct";
  const parts = [way, path.protocol.toUpperCase()];
  if (path.roundTripMs !== null) parts.push(`${Math.round(path.roundTripMs)} ms there and back`);
  return parts.filter((part) => part !== "").join(", ");
}

/** The codecs each way; what is the same both ways is said once. */
export function codecsOf(path: MediaPath | null): string {
  const [sent, received] = [path?.sent ?? [], path?.received ?? []].map((names) =>
    [...names].sort().join(", ")
  );
  if (sent === received) return sent === "" ? "None yet" : sent!;
  return `${sent || "nothing"} out, ${received || "nothing"} in`;
}

/** What a device is called, or that it is not. */
export function calledDevice({ name }: Pick<DeviceInfo, "name">): string {
  return name === "" ? "Unnamed device" : name;
}

/** When a device was added. */
export function addedOn({ addedMs }: DeviceInfo): string {
  const date = new Date(addedMs);
  return `Added ${date.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" })}`;
}

/** Whose name an alarm is about. */
export function about({ label }: Alarm, own: string | null): string {
  if (label === null) return "Alarm: the service’s log";
  return label === own ? "Alarm: your own name" : `Alarm: ${label}`;
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
