/**
 * Whom this device knows: each with a badge that says how far they are believed, and a button to call.
 *
 * @module
 */

import { STANDINGS } from "./check_view.ts";
import { made, part, setShown } from "./parts.ts";
import { type Contact, type State } from "./state.ts";
import { lastSeen } from "./words.ts";

/** The people; `call` is what their buttons do. */
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

function contactItem(contact: Contact, call: (label: string) => void): HTMLElement {
  const { label, standing } = contact;
  const item = made("li", "", "");
  item.dataset["testid"] = "contact";
  const who = made("div", "", "");
  const badge = made("span", "badge", STANDINGS[standing]);
  badge.dataset["standing"] = standing;
  who.append(made("b", "", label), made("span", "hint", lastSeen(contact)), badge);
  const button = made("button", "plain-button", "Call");
  button.type = "button";
  button.setAttribute("aria-label", `Call ${label}`);
  button.addEventListener("click", () => call(label));
  item.append(who, button);
  return item;
}
