/**
 * What the page says when something fails or ends: one headline, and a sentence or two.
 *
 * @module
 */

import { type CallEnd, ClientError, type ClientErrorCode, type RingEnd } from "../../client/mod.ts";
import { type Trouble } from "./state.ts";
import { ERRORS, REFUSED, STAY } from "./trouble_texts.ts";

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
  "code_mismatch",
  "comparison_refused",
  "room_forked",
]);

/** Any failure in words. */
export function troubleOf(error: unknown): Trouble {
  if (!(error instanceof ClientError)) {
    const text = error instanceof Error ? error.message : "Reload the page and try again.";
    return { ...plain("Something broke in this page", text), code: "internal" };
  }
  const { code, problem, identity } = error;
  const refused = code === "refused" && problem !== null;
  const isFrozen = problem === "log_frozen";
  const words = refused || isFrozen ? REFUSED[problem] : undefined;
  const [title, text] = words ?? ERRORS[code];
  return {
    title,
    text,
    code: refused ? `${code}: ${problem}` : code,
    identity,
    isLie: LIES.has(code),
    mayStartOver: refused || HOPELESS.has(code),
  };
}

/** Why this device can't be there any more, in words. */
export function troubleOfStay(error: unknown): Trouble {
  const trouble = troubleOf(error);
  if (!(error instanceof ClientError)) return trouble;
  const { code } = error;
  const [title, text] = STAY[code] ?? [trouble.title, trouble.text];
  // A reset is shown loudly as the alarm that it is, and whoever was reset is needed to cancel it.
  const isReset = code === "account_reset";
  const isLie = code === "name_taken" || (trouble.isLie && !isReset);
  const isOver = code === "device_removed" || code in STAY;
  const mayStartOver = (trouble.mayStartOver || isOver) && !isReset;
  return { ...trouble, title, text, isLie, mayStartOver };
}

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
  return { title, text, code: "", identity: null, isLie: false, mayStartOver: false };
}

/** A field that was left empty. */
export const NO_NAME: Trouble = plain("Type a name", "");

/** A microphone or camera that can't be used. */
export const NO_DEVICE: Trouble = plain(
  "That microphone or camera can’t be used",
  "It is gone, or another program has it. The one before goes on.",
);

/** A text that goes into no message. */
export const TOO_LONG: Trouble = plain(
  "That is too long for one message",
  "Nothing was sent. Send it in parts.",
);

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
    case "replaced":
      return plain("Call goes on", `Another call with ${label} took its place.`);
    case "mismatch":
      return troubleOf(new ClientError("code_mismatch", ""));
    case "ended":
      return plain("Call ended", `${label} hung up.`);
  }
}
