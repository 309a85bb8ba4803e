/**
 * Whom this device knows: each with a badge that says how far they are believed, and a button to call.
 *
 * @module
 */

import { type KnownPerson } from "../../client/mod.ts";
import { STANDINGS } from "./check_view.ts";
import { made, part, setShown } from "./parts.ts";
import { type State } from "./state.ts";

/** The people, the loudest first. */
export function renderContacts(
  { contacts, presence }: State,
  call: (label: string) => void,
): void {
  const list = part("contacts");
  const shown = JSON.stringify(contacts);
  if (list.dataset["shown"] !== shown) {
    list.dataset["shown"] = shown;
    list.replaceChildren(...contacts.map((person) => contactItem(person, call)));
  }
  setShown("contacts-card", contacts.length > 0);
  for (const button of list.querySelectorAll("button")) button.disabled = presence !== "online";
}

function contactItem(
  { label, standing, firstSeenMs }: KnownPerson,
  call: (label: string) => void,
): HTMLElement {
  const item = made("li", "", "");
  const who = made("div", "", "");
  const since = new Date(firstSeenMs).toLocaleDateString(undefined, { dateStyle: "long" });
  const badge = made("span", "badge", STANDINGS[standing]);
  badge.dataset["standing"] = standing;
  who.append(made("b", "", label), made("span", "hint", `First seen ${since}`), badge);
  const button = made("button", "plain-button", "Call");
  button.type = "button";
  button.setAttribute("aria-label", `Call ${label}`);
  button.addEventListener("click", () => call(label));
  item.append(who, button);
  return item;
}
