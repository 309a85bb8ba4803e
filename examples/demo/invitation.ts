/**
 * The link of a group call that brings somebody here, in the page's own address: it stands in its field, and
 * the button that follows it is where the eye and the keyboard go.
 *
 * @module
 */

import { part } from "./parts.ts";

/** Shorter ones are words of the demo, such as `#test`. */
const MIN_HASH = 40;

/** Takes the invitation that the page was opened with, and each one that is opened in it later. */
export function serveInvitations(): void {
  takeInvitation();
  addEventListener("hashchange", takeInvitation);
}

/** It was followed: the field is an ordinary one again. */
export function closeInvitation(): void {
  delete part("group-join-press").dataset["focus"];
}

function takeInvitation(): void {
  if (location.hash.length <= MIN_HASH) return;
  part("group-join-link", HTMLInputElement).value = location.href;
  const button = part("group-join-press");
  button.dataset["focus"] = "invited";
  // Where another screen is shown, the next look at this one finds it.
  button.focus();
}
