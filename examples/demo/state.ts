/**
 * What the page shows, as one value.
 *
 * @module
 */

import { type MediaPath } from "../../client/adapters/browser.ts";
import {
  type CallState,
  type ComparisonState,
  type DeviceInfo,
  type KnownPerson,
  type MediaStats,
  type RelayedMessage,
  type RingEnd,
  type ShortCode,
  type Standing,
} from "../../client/mod.ts";

import { type Sample } from "./history.ts";

/** A message for people: what went wrong, and whether somebody lied. */
export interface Trouble {
  /** A headline. */
  readonly title: string;
  /** What it means and what to do. */
  readonly text: string;
  /** The code behind it, for whoever reports it. */
  readonly code: string;
  /** Which new identity of somebody it is about, or null. */
  readonly identity: string | null;
  /** Somebody lied, or an identity changed: to be shown loudly. */
  readonly isLie: boolean;
  /** The keys of this device may be no use any more: it may be offered to make new ones. */
  readonly mayStartOver: boolean;
}

/** The other side, as proven to this device. */
export interface PeerView {
  readonly label: string;
  readonly isNew: boolean;
  readonly firstSeenMs: number;
  /** How far they are believed, as of when this was looked at. */
  readonly standing: Standing;
  /** 60 digits. */
  readonly safetyNumber: string;
}

/** Where a call stands, beginning before the client has one. */
export type Progress = "looking_up" | "preparing" | CallState;

/** The call on the screen. */
export interface CallView {
  readonly label: string;
  readonly progress: Progress;
  readonly peer: PeerView | null;
  readonly local: MediaStream | null;
  /** Whether the local picture is a camera, which people want to see mirrored. */
  readonly isCamera: boolean;
  readonly remote: MediaStream | null;
  readonly muted: boolean;
  readonly cameraOff: boolean;
  /** It is connected, and yet nothing has arrived for a while. */
  readonly stalled: boolean;
  readonly stats: MediaStats;
  /** The last minute, a sample a second. */
  readonly samples: readonly Sample[];
  /** The number of the keys in use, or null. */
  readonly epoch: number | null;
  /** Size of the log's head that vouches for the other side, or null. */
  readonly logSize: number | null;
  /** Which way the media go, once it was looked at. */
  readonly path: MediaPath | null;
  /** Microphones and cameras. */
  readonly choices: readonly DeviceChoice[];
  readonly sharing: boolean;
  readonly talk: readonly TalkLine[];
  readonly relayed: readonly RelayedMessage[];
  /** When it became `connected`, Unix milliseconds. */
  readonly connectedMs: number | null;
}

/** Checking who the other side of the call is. */
export interface CheckView {
  /** Whether the dialog is open. */
  readonly open: boolean;
  readonly label: string;
  readonly standing: Standing;
  /** Where the comparison of pictures stands. */
  readonly step: ComparisonState;
  /** What both should see, once it is there. */
  readonly code: ShortCode | null;
  /** The safety number's code for the other side's camera, once it is there. */
  readonly shown: string | null;
  readonly scanning: boolean;
  /** What came of the last attempt, or null. */
  readonly trouble: Trouble | null;
}

/** Somebody whom this device knows. */
export interface Contact extends KnownPerson {
  /** When a call with them last came about here, Unix milliseconds; null where none did. */
  readonly lastCallMs: number | null;
}

/** A microphone or a camera. */
export interface DeviceChoice {
  readonly kind: "audio" | "video";
  readonly id: string;
  readonly name: string;
  readonly isUsed: boolean;
}

/** Something that somebody wrote. */
export interface TalkLine {
  /** Null for a line of the page itself. */
  readonly from: string | null;
  readonly text: string;
}

/** Somebody else in a group call. */
export interface GroupTile {
  readonly id: string;
  readonly label: string;
  readonly standing: Standing;
  readonly state: "joining" | "connecting" | "connected";
  readonly stream: MediaStream | null;
}

/** The group call on the screen. */
export interface GroupView {
  readonly progress: "entering" | "inside";
  /** For those who are to come, or empty. */
  readonly link: string;
  readonly local: MediaStream | null;
  readonly isCamera: boolean;
  readonly muted: boolean;
  readonly cameraOff: boolean;
  readonly sharing: boolean;
  readonly tiles: readonly GroupTile[];
  readonly talk: readonly TalkLine[];
  /** The keys in use. */
  readonly generation: { readonly epoch: number; readonly step: number } | null;
  /** What is not as it should be, or empty. */
  readonly warning: string;
  /** Frames on all connections. */
  readonly stats: {
    readonly protected: number;
    readonly opened: number;
    readonly refused: number;
  } | null;
}

/** How the last call ended. */
export interface EndView {
  readonly label: string;
  /** Whether it was placed from here, so that calling again makes sense. */
  readonly outgoing: boolean;
  readonly trouble: Trouble;
  readonly seconds: number;
  readonly stats: MediaStats;
}

/** A code for a camera, or a short one for fingers. */
export type CodeKind = "scanned" | "typed";

/** This device, while it waits for another one to take it into its account. */
export interface JoinView {
  readonly kind: CodeKind;
  /** What the other device has to be shown, once it is good. */
  readonly code: string | null;
  /** The digits to compare, once the other device is there. */
  readonly digits: string | null;
  /** Whose account it is, once the other device was told that the digits are the same. */
  readonly account: { readonly label: string; readonly device: string } | null;
  /** Somebody said here that they are the same. */
  readonly confirmed: boolean;
  /** Why it came to nothing, or null. */
  readonly trouble: Trouble | null;
}

/** A new device, while this one takes it into the account. */
export interface LinkView {
  /** `code`: asked for; `meeting`: looking for it; `compare`: the digits; `adding`: the rest. */
  readonly step: "code" | "meeting" | "compare" | "adding";
  /** Whether the camera looks for the code. */
  readonly scanning: boolean;
  readonly digits: string;
  /** What the new device is called. */
  readonly name: string;
  readonly trouble: Trouble | null;
}

/** The question whether to remove a device. */
export interface Removal {
  readonly device: DeviceInfo;
  readonly busy: boolean;
  readonly trouble: Trouble | null;
}

/** What fills the page. */
export type Screen =
  | { readonly at: "starting" }
  | { readonly at: "broken"; readonly trouble: Trouble }
  | {
    readonly at: "welcome";
    readonly busy: boolean;
    /** Which of the two ways to a name the trouble is about. */
    readonly about: "name" | "device";
    readonly trouble: Trouble | null;
  }
  | { readonly at: "joining"; readonly join: JoinView }
  | {
    readonly at: "home";
    /** Which of the two ways to somebody the trouble is about. */
    readonly about: "call" | "group";
    readonly trouble: Trouble | null;
  }
  | { readonly at: "call"; readonly call: CallView }
  | { readonly at: "group"; readonly group: GroupView }
  | { readonly at: "ended"; readonly end: EndView };

/** A message that stays until it is dismissed. */
export interface Notice {
  readonly id: number;
  readonly trouble: Trouble;
  /** How often it happened. */
  readonly count: number;
}

/** What watching the log found; it stays until somebody settles it. */
export interface Alarm {
  /** Whose name it is about, or null where it is about the log. */
  readonly label: string | null;
  readonly trouble: Trouble;
  /** What somebody does about it is under way. */
  readonly busy: boolean;
}

/** A call that rang here and was not answered here. */
export interface Unanswered {
  readonly label: string;
  /** `away`: while no device was there, as the service says. */
  readonly end: RingEnd | "busy" | "away";
}

/** Whether the service can reach this page, and if not, what becomes of it. */
export type Presence = "online" | "reconnecting" | "elsewhere" | "stopped";

/** Where the question stands whether to forget everything on this device. */
export type StartOver = "asked" | "working" | "blocked";

/** Where sound and picture come from. */
export type Source = "camera" | "test";

/** Everything that is shown. */
export interface State {
  readonly screen: Screen;
  /** The own name, once registered. */
  readonly label: string | null;
  readonly presence: Presence;
  /** Why the client stopped for good, or null. */
  readonly gaveUp: Trouble | null;
  readonly source: Source;
  readonly incoming: PeerView | null;
  /** Why there is no camera, while somebody must decide what to send instead. */
  readonly mediaProblem: string | null;
  readonly startOver: StartOver | null;
  /** Calls that were not answered here, in their order. */
  readonly unanswered: readonly Unanswered[];
  readonly notices: readonly Notice[];
  readonly alarms: readonly Alarm[];
  /** What may convict the service, as texts. */
  readonly evidence: readonly string[];
  readonly devices: readonly DeviceInfo[];
  /** Whom this device knows. */
  readonly contacts: readonly Contact[];
  /** Whether the browser may tell of calls while this page is not seen; null where it can't. */
  readonly announcing: NotificationPermission | null;
  /** What became of the devices last, to be read out. */
  readonly devicesNews: string;
  readonly link: LinkView | null;
  readonly removal: Removal | null;
  /** Null while there is nobody to check. */
  readonly check: CheckView | null;
  /** Whether the browser promised to keep the keys; null while that is not known. */
  readonly kept: boolean | null;
}
