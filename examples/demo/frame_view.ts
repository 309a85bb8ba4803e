/**
 * What surrounds every screen: who is signed in, notices, the incoming call, and which screen is
 * seen at all.
 *
 * @module
 */

import { made, part, setOpen, setSafetyNumber, setShown, setText } from "./parts.ts";
import { type Notice, type Presence, type State, type Trouble } from "./state.ts";
import { provenBy, since, unansweredCalls } from "./words.ts";

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
  if (screen.at === "home" && screen.about === "group") {
    part("group-error").scrollIntoView({ block: "center" });
  }
  // Who was invited looks for nothing: the button is in sight, wherever on the page it is.
  document.querySelector<HTMLElement>(`[data-screen-name="${at}"] [data-focus=invited]`)?.focus();
}

const PRESENCE: Readonly<Record<Presence, string>> = {
  online: "online",
  reconnecting: "offline, reconnecting",
  elsewhere: "open in another tab",
  stopped: "not connected",
};

/** The name and whether the service can reach this page. */
export function renderPresence({ label, presence }: State): void {
  setShown("presence", label !== null);
  part("presence").dataset["online"] = String(presence === "online");
  setText("own-label", label ?? "");
  setText("online", PRESENCE[presence]);
  part("call", HTMLButtonElement).disabled = presence !== "online";
}

/** The calls that were not answered here, in one line, which does not push a call down. */
export function renderUnanswered({ unanswered, screen }: State): void {
  setShown("missed", unanswered.length > 0 && screen.at !== "call");
  if (unanswered.length === 0) return;
  const { title, text } = unansweredCalls(unanswered);
  setText("missed-title", title);
  setText("missed-text", text);
}

/** The notices, in the order of their coming. */
export function renderNotices(
  { notices }: State,
  dismiss: (notice: Notice) => void,
): void {
  const list = part("notices");
  // A notice that was counted again is a new one.
  const shown = new Map(
    [...list.children].map((item) => [(item as HTMLElement).dataset["id"], item]),
  );
  for (const notice of notices) {
    const id = `${notice.id} ${notice.count}`;
    if (!shown.delete(id)) list.append(noticeItem(notice, () => dismiss(notice)));
  }
  for (const gone of shown.values()) gone.remove();
}

function noticeItem(notice: Notice, dismiss: () => void): HTMLElement {
  const { trouble, count } = notice;
  const item = made("li", trouble.isLie ? "notice lie" : "notice", "");
  item.dataset["id"] = `${notice.id} ${count}`;
  item.dataset["testid"] = "notice";
  item.role = trouble.isLie ? "alert" : null;
  const words = made("div", "", "");
  const title = count === 1 ? trouble.title : `${trouble.title} (${count} times)`;
  words.append(made("strong", "", title), made("p", "", trouble.text));
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

/** The question whether to forget everything on this device, and what keeps it from being done. */
export function renderStartOver({ startOver }: State): void {
  setShown("start-over-blocked", startOver === "blocked");
  // Once it is being done there is no way back.
  for (const name of ["start-over-sure", "start-over-cancel"]) {
    part(name, HTMLButtonElement).disabled = startOver !== "asked";
  }
  setOpen("start-over-dialog", startOver !== null);
}

/** A headline and a sentence, and the code in small type, in a panel of this name, loud where somebody lied. */
export function renderTrouble(panel: string, prefix: string, trouble: Trouble): void {
  part(panel).classList.toggle("lie", trouble.isLie);
  setText(`${prefix}-title`, trouble.title);
  setText(`${prefix}-text`, trouble.text);
  setText(`${prefix}-code`, trouble.code);
  setShown(`${prefix}-code`, trouble.code !== "");
}
