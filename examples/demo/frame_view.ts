/**
 * What surrounds every screen: who is signed in, notices, the incoming call, and which screen is
 * seen at all.
 *
 * @module
 */

import { type Notice, type State, type Trouble } from "./model.ts";
import { made, part, setOpen, setSafetyNumber, setShown, setText } from "./parts.ts";
import { provenBy, since } from "./words.ts";

/** Shows one screen; the focus goes along, so that a keyboard and a screen reader follow. */
export function renderScreen({ screen }: State): void {
  const { at } = screen;
  if (document.body.dataset["screen"] === at) return;
  document.body.dataset["screen"] = at;
  for (const section of document.querySelectorAll<HTMLElement>("[data-screen-name]")) {
    const shown = section.dataset["screenName"] === at;
    section.hidden = !shown;
    if (shown) section.querySelector<HTMLElement>("[data-focus]")?.focus({ preventScroll: true });
  }
  scrollTo(0, 0);
}

/** The name and whether the service can reach this device. */
export function renderPresence({ label, online }: State): void {
  setShown("presence", label !== null);
  part("presence").dataset["online"] = String(online);
  setText("own-label", label ?? "");
  setText("online", online ? "online" : "offline, reconnecting");
  part("call", HTMLButtonElement).disabled = !online;
}

/** The notices, in the order of their coming. */
export function renderNotices(
  { notices }: State,
  dismiss: (notice: Notice) => void,
): void {
  const list = part("notices");
  const shown = new Map(
    [...list.children].map((item) => [(item as HTMLElement).dataset["id"], item]),
  );
  for (const notice of notices) {
    const id = String(notice.id);
    if (!shown.delete(id)) list.append(noticeItem(notice, () => dismiss(notice)));
  }
  for (const gone of shown.values()) gone.remove();
}

function noticeItem(notice: Notice, dismiss: () => void): HTMLElement {
  const { trouble } = notice;
  const item = made("li", trouble.isLie ? "notice lie" : "notice", "");
  item.dataset["id"] = String(notice.id);
  item.dataset["testid"] = "notice";
  item.role = trouble.isLie ? "alert" : null;
  const words = made("div", "", "");
  words.append(made("strong", "", trouble.title), made("p", "", trouble.text));
  if (trouble.code !== "") words.append(made("p", "code", trouble.code));
  const button = made("button", "quiet", "Dismiss");
  button.type = "button";
  button.dataset["testid"] = "dismiss";
  button.addEventListener("click", dismiss);
  item.append(words, button);
  return item;
}

/** The call that rings here; the title says so where the page is not seen. */
export function renderIncoming({ incoming }: State): void {
  document.title = incoming === null ? "Countersign" : `${incoming.label} is calling`;
  if (incoming !== null) {
    setText("incoming-label", incoming.label);
    setText("incoming-since", since(incoming));
    part("incoming-since").dataset["new"] = String(incoming.isNew);
    setText("incoming-identity", provenBy(incoming));
    setSafetyNumber("incoming-safety-number", incoming.safetyNumber);
  }
  setOpen("incoming", incoming !== null);
}

/** The question what to send where there is no camera. */
export function renderMediaProblem({ mediaProblem }: State): void {
  setText("media-problem-text", mediaProblem ?? "");
  setOpen("media-problem", mediaProblem !== null);
}

/** A headline and a sentence in a panel of this name, loud where somebody lied. */
export function renderTrouble(panel: string, prefix: string, trouble: Trouble): void {
  part(panel).classList.toggle("lie", trouble.isLie);
  setText(`${prefix}-title`, trouble.title);
  setText(`${prefix}-text`, trouble.text);
}
