/**
 * Alarms: what watching the log found, over every screen, until it is settled; and the evidence.
 *
 * @module
 */

import { answerTo } from "./alarms.ts";
import { made, part, setShown } from "./parts.ts";
import { type Alarm, type State } from "./state.ts";
import { about } from "./words.ts";

/** Shows the alarms; `answer` is what their buttons do. */
export function renderAlarms(state: State, answer: (alarm: Alarm) => void): void {
  const { alarms, label } = state;
  const list = part("alarms");
  const shown = new Map(
    [...list.children].map((item) => [(item as HTMLElement).dataset["id"], item as HTMLElement]),
  );
  for (const alarm of alarms) {
    const id = `${alarm.trouble.code} ${alarm.label}`;
    const item = shown.get(id) ?? alarmItem(id, alarm, about(alarm, label), answer);
    if (!shown.delete(id)) list.append(item);
    const button = item.querySelector("button");
    if (button !== null) button.disabled = alarm.busy;
  }
  for (const gone of shown.values()) gone.remove();
  setShown("alarms", alarms.length > 0);
}

function alarmItem(
  id: string,
  alarm: Alarm,
  title: string,
  answer: (alarm: Alarm) => void,
): HTMLElement {
  const { trouble } = alarm;
  const item = made("li", "alarm", "");
  item.dataset["id"] = id;
  item.dataset["testid"] = "alarm";
  item.role = "alert";
  item.append(
    made("p", "eyebrow", title),
    made("strong", "", trouble.title),
    made("p", "", trouble.text),
    made("p", "code", trouble.code),
  );
  const text = answerTo(alarm);
  if (text === null) return item;
  const button = made("button", "", text);
  button.type = "button";
  button.dataset["testid"] = "answer-alarm";
  button.addEventListener("click", () => answer(alarm));
  item.append(button);
  return item;
}

/** Shows how many pieces of evidence there are, each to be saved. */
export function renderEvidence({ evidence }: State): void {
  setShown("evidence", evidence.length > 0);
  const list = part("evidence-pieces");
  // Pieces are only ever added.
  for (const text of evidence.slice(list.children.length)) {
    const number = list.children.length + 1;
    const button = made("button", "", `Save piece ${number}`);
    button.type = "button";
    button.dataset["testid"] = "save-evidence";
    button.addEventListener("click", () => save(text, `countersign-evidence-${number}.txt`));
    const item = made("li", "", "");
    item.append(button);
    list.append(item);
  }
}

function save(text: string, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "text/plain" }));
  link.download = name;
  link.click();
  // The download has its own reference by the next turn.
  setTimeout(() => URL.revokeObjectURL(link.href));
}
