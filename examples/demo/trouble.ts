/**
 * What the page says when something fails or ends: one headline, and a sentence or two.
 *
 * @module
 */

import {
  type CallEnd,
  ClientError,
  type ClientErrorCode,
  type ProblemCode,
  type RingEnd,
} from "../../client/mod.ts";
import { type Trouble } from "./model.ts";

const ERRORS: Readonly<Record<ClientErrorCode, readonly [title: string, text: string]>> = {
  head_rolled_back: [
    "The service’s log went back",
    "Its log is smaller than the one this device has already verified: it was emptied, restored from an old copy, or somebody is hiding entries. Ask whoever runs it before you go on.",
  ],
  log_forked: [
    "The service keeps two different logs",
    "What it shows now contradicts what it signed before: it was emptied and filled again, or it shows different people different logs. Ask whoever runs it before you go on.",
  ],
  quorum_missing: [
    "Too few witnesses vouch for the log",
    "The head of the log that the service shows lacks signatures of witnesses. Until it has them it may be a head that nobody else is shown. Nothing was believed.",
  ],
  stale_head: [
    "The service shows an old view of its log",
    "The witnesses have not vouched for it for too long: somebody may be hiding what was added since, such as a new key. Ask whoever runs it.",
  ],
  version_rolled_back: [
    "A name went back to older keys",
    "The service shows it with fewer changes than this device has seen already: it hides the newest ones. Nothing was sent.",
  ],
  epoch_invalid: [
    "A part of the log breaks its rules",
    "This device recomputed one of the log’s changes, and it is not what the service says, or is not shown. Whoever runs the service may have changed a name in secret.",
  ],
  account_reset: [
    "Your name was given to other devices",
    "Whoever runs the service reset your account. If that was not you, one of your devices has to take it back within 72 hours.",
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
    "It begins with a letter or digit. Lower-case letters, digits and . _ @ + - may follow, but no spaces.",
  ],
  name_taken: ["That name is taken", "It belongs to somebody else. Choose another."],
  name_retired: ["That name has ended", "Nobody can have it any more. Choose another."],
  record_conflict: [
    "Your account changed meanwhile",
    "Another of your devices was quicker. Look again, then try again.",
  ],
  reset_pending: [
    "Your account was just reset",
    "For 72 hours one of its former devices may take it back; until then nothing else changes.",
  ],
  authorization_required: [
    "This name needs an authorization",
    "The service gives names only to people whom its operator knows. Sign in there first.",
  ],
  unknown_name: [
    "Nobody has that name",
    "The service knows nobody of that name. Check the spelling.",
  ],
  self_call: ["That is you", "To try it alone, open a second person in another tab."],
  device_removed: [
    "This device was removed",
    "It is no device of your account any more: another of your devices removed it, or the service forgot it. To link it again, start over here first.",
  ],
  link_failed: [
    "The devices did not come together",
    "It took too long, was given up, or somebody stood between them. Start again on both.",
  ],
  not_registered: ["No name yet", "Register a name first."],
  not_online: ["You are offline", "Calls work again as soon as the connection is back."],
  peer_offline: ["Not there right now", "They are not connected. Try again later."],
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
  bad_option: [
    "This page is set up wrongly",
    "The address of the service, or the key of its log, is not one. Tell whoever runs this page.",
  ],
  store_failed: [
    "This browser could not keep its keys",
    "Its storage is full, blocked or damaged. Free some space, leave private browsing, and try again.",
  ],
  closed: ["This page was closed", "Reload it to go on."],
};

/** What the service refused, where its own code says more than `refused`. */
const REFUSED: Partial<Readonly<Record<ProblemCode, readonly [title: string, text: string]>>> = {
  bad_record: [
    "The service refused the keys of this device",
    "They do not verify there. Check that this device’s clock is right.",
  ],
  invalid_proof: [
    "The service refused this device’s signature",
    "Check that this device’s clock is right, then try again.",
  ],
  invalid_token: ["The service signed this device out", "Try again to sign in anew."],
  prekeys_conflict: [
    "The service lost count of this device’s call keys",
    "It may have been restored from an old copy. Ask whoever runs it before you go on.",
  ],
};

/** What a service that was emptied or replaced looks like: no other attempt gets any further. */
const HOPELESS: ReadonlySet<string> = new Set<ClientErrorCode>([
  "head_rolled_back",
  "log_forked",
  "log_changed",
  "proof_invalid",
  "bad_answer",
]);

/** What is wrong with a name belongs beside the field where it was typed. */
export const ABOUT_THE_NAME: ReadonlySet<string> = new Set<ClientErrorCode>([
  "bad_label",
  "name_taken",
  "unknown_name",
  "self_call",
]);

const LIES: ReadonlySet<string> = new Set<ClientErrorCode>([
  "head_rolled_back",
  "log_forked",
  "quorum_missing",
  "stale_head",
  "version_rolled_back",
  "epoch_invalid",
  "account_reset",
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
  const { code, problem } = error;
  const refused = code === "refused" && problem !== null;
  const [title, text] = refused ? REFUSED[problem] ?? ERRORS.refused : ERRORS[code];
  return {
    title,
    text,
    code: refused ? `${code}: ${problem}` : code,
    isLie: LIES.has(code),
    mayStartOver: refused || HOPELESS.has(code),
  };
}

/** What the same codes mean where they end being there, rather than an attempt to get a name. */
const STAY: Partial<Readonly<Record<ClientErrorCode, readonly [title: string, text: string]>>> = {
  name_taken: [
    "The service holds another account under your name",
    "It was emptied and somebody else took the name, or it gave the name away. Your people will not take the other for you. Ask whoever runs it before you go on.",
  ],
  name_retired: [
    "Your name has ended",
    "It was retired for good, by one of your devices or by whoever runs the service. You can start over with another.",
  ],
  unknown_name: [
    "The service does not know your name",
    "It was emptied, or restored from an old copy. Ask whoever runs it before you go on.",
  ],
};

/** Why this device can't be there any more, in words. */
export function troubleOfStay(error: unknown): Trouble {
  const trouble = troubleOf(error);
  if (!(error instanceof ClientError)) return trouble;
  // An own name whose identity changed was reset.
  const code = error.code === "identity_changed" ? "account_reset" : error.code;
  const [title, text] = STAY[code] ?? (code === error.code ? [] : ERRORS[code]);
  return {
    ...trouble,
    title: title ?? trouble.title,
    text: text ?? trouble.text,
    code: code === error.code ? trouble.code : code,
    isLie: trouble.isLie || code === "name_taken",
    mayStartOver: trouble.mayStartOver || code in STAY || ENDS_HERE.has(code),
  };
}

/** Codes after which only a new beginning helps on this device. */
const ENDS_HERE: ReadonlySet<string> = new Set<ClientErrorCode>([
  "device_removed",
  "account_reset",
]);

/** Why two devices did not come together: in that the library's own sentence says most. */
export function troubleOfLink(error: unknown): Trouble {
  const trouble = troubleOf(error);
  const isLink = error instanceof ClientError && error.code === "link_failed";
  return isLink ? { ...trouble, text: `${error.message}.` } : trouble;
}

/** A call that rings no more and was not answered here, as the end of an attempt to answer it. */
export function troubleOfRing(end: RingEnd, label: string): Trouble {
  switch (end) {
    case "elsewhere":
      return plain("Taken on another device", "Another of your devices took or declined the call.");
    case "ended":
      return plain("They gave up", `${label} stopped before you answered.`);
    case "gone":
      return plain("They are gone", `The service says that ${label} is not there any more.`);
    case "expired":
      return plain("Too late", "The call rang for as long as a call may.");
    case "declined":
      return plain("Declined", "You turned the call down.");
  }
}

/** Something ordinary in words. */
export function plain(title: string, text: string): Trouble {
  return { title, text, code: "", isLie: false, mayStartOver: false };
}

/** A field that was left empty. */
export const NO_NAME: Trouble = plain("Type a name", "");

/** This account is online in another tab, where the person of a link is called from. */
export function elsewhere(label: string, callee: string): Trouble {
  const self = `${label} is already online in another tab of this browser.`;
  if (callee === "") {
    return {
      ...troubleOf(new ClientError("in_use", "")),
      text: `${self} Go on there, or close it.`,
    };
  }
  return {
    ...troubleOf(new ClientError("in_use", "")),
    title: `Call ${callee} from the other tab`,
    text: `${self} The name ${callee} is filled in there. Or close that tab and try again here.`,
  };
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
    case "elsewhere":
      return plain("Taken on another device", "Another of your devices took or declined the call.");
    case "ended":
      return plain("Call ended", `${label} hung up.`);
  }
}
