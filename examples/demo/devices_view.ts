/**
 * The devices of the account: their list, and the dialogs that add and remove one.
 *
 * @module
 */

import { type DeviceInfo } from "../../client/mod.ts";
import { renderFieldError } from "./home_view.ts";
import { made, part, setOpen, setShown, setStep, setText } from "./parts.ts";
import { type State } from "./state.ts";
import { addedOn, calledDevice } from "./words.ts";

/** Shows the list; `ask` is what its buttons do. */
export function renderDevices(state: State, ask: (device: DeviceInfo) => void): void {
  const { devices, presence } = state;
  const list = part("devices");
  const ids = JSON.stringify(devices);
  if (list.dataset["shown"] !== ids) {
    list.dataset["shown"] = ids;
    list.replaceChildren(...devices.map((device) => deviceItem(device, ask)));
  }
  setText("devices-news", state.devicesNews);
  part("link-device", HTMLButtonElement).disabled = presence !== "online";
  for (const button of list.querySelectorAll("button")) button.disabled = presence !== "online";
}

function deviceItem(device: DeviceInfo, ask: (device: DeviceInfo) => void): HTMLElement {
  const item = made("li", "", "");
  item.dataset["testid"] = "device";
  const words = made("div", "", "");
  words.append(made("b", "", calledDevice(device)), made("span", "hint", addedOn(device)));
  item.append(words);
  if (device.isThis) {
    item.append(made("span", "badge", "This one"));
    return item;
  }
  const button = made("button", "plain-button quiet", "Remove");
  button.type = "button";
  button.dataset["testid"] = "remove-device";
  button.setAttribute("aria-label", `Remove ${calledDevice(device)}`);
  button.addEventListener("click", () => ask(device));
  item.append(button);
  return item;
}

/** Shows the dialog in which a new device is linked, one step at a time. */
export function renderLink({ link }: State): void {
  if (link !== null) {
    const { step, scanning, trouble } = link;
    for (const name of ["code", "meeting", "compare", "adding"] as const) {
      setShown(`link-${name}`, name === step);
    }
    setText("link-title", TITLES[step]);
    renderFieldError("link-input", "link-error", trouble);
    setShown("scan-view", scanning);
    setText("scan", scanning ? "Stop the camera" : "Scan with the camera");
    setText("link-name", calledDevice(link));
    setDigits("link-digits", link.digits);
    setShown("link-confirm", step === "compare");
    setShown("link-take", step === "code");
    setText("link-cancel", step === "compare" ? "They differ" : "Cancel");
  } else {
    part("link-input", HTMLInputElement).value = "";
  }
  setOpen("link-dialog", link !== null);
  if (link !== null) setStep("link-dialog", "link-title", link.step);
}

const TITLES: Readonly<Record<NonNullable<State["link"]>["step"], string>> = {
  code: "Link a device",
  meeting: "Looking for it…",
  compare: "Compare the digits",
  adding: "One more press",
};

/** The six digits, in two groups; read out one by one. */
export function setDigits(name: string, digits: string): void {
  const element = part(name);
  if (element.dataset["digits"] === digits) return;
  element.dataset["digits"] = digits;
  element.setAttribute("aria-label", [...digits].join(" "));
  element.replaceChildren(
    made("span", "", digits.slice(0, 3)),
    made("span", "", digits.slice(3)),
  );
}

/** Shows the question whether to remove a device. */
export function renderRemoval({ removal }: State): void {
  if (removal !== null) {
    setText("remove-name", calledDevice(removal.device));
    setText("remove-added", addedOn(removal.device));
    const { trouble, busy } = removal;
    setText("remove-error", trouble === null ? "" : `${trouble.title}. ${trouble.text}`);
    setText("remove-sure", busy ? "Removing…" : "Remove it");
    for (const name of ["remove-sure", "remove-cancel"]) {
      part(name, HTMLButtonElement).disabled = busy;
    }
  }
  setOpen("remove-dialog", removal !== null);
}
