/**
 * Which microphone and camera a call uses, as two fields below it; each is seen where there is a choice.
 *
 * @module
 */

import { part, setShown } from "./parts.ts";
import { type DeviceChoice, type State } from "./state.ts";

const FIELDS = [["audio", "choose-mic"], ["video", "choose-camera"]] as const;

/** Shows what there is, and what is used. */
export function renderChoices({ screen }: State): void {
  if (screen.at !== "call") return;
  for (const [kind, name] of FIELDS) {
    const choices = screen.call.choices.filter((choice) => choice.kind === kind);
    setShown(`${name}-row`, choices.length > 1);
    fill(part(name, HTMLSelectElement), choices);
  }
}

/** Runs an action when something else is chosen. */
export function onChoice(action: (choice: Pick<DeviceChoice, "kind" | "id">) => void): void {
  for (const [kind, name] of FIELDS) {
    const field = part(name, HTMLSelectElement);
    field.addEventListener("change", () => action({ kind, id: field.value }));
  }
}

function fill(field: HTMLSelectElement, choices: readonly DeviceChoice[]): void {
  const shown = JSON.stringify(choices);
  if (field.dataset["shown"] === shown) return;
  field.dataset["shown"] = shown;
  field.replaceChildren(
    ...choices.map(({ id, name, isUsed }) => new Option(name, id, isUsed, isUsed)),
  );
}
