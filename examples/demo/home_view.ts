/**
 * The screens without a call: choosing a name, calling one, and how the last call ended.
 *
 * @module
 */

import { part, setShown, setText } from "./parts.ts";
import { renderTrouble } from "./frame_view.ts";
import { type State, type Trouble } from "./state.ts";
import { ABOUT_THE_NAME } from "./trouble.ts";
import { clock } from "./words.ts";

/** The screens of somebody who is in no call. */
export function renderHome(state: State): void {
  const { screen } = state;
  switch (screen.at) {
    case "broken":
      setShown("start-over", screen.trouble.mayStartOver);
      return renderTrouble("broken-trouble", "broken", screen.trouble);
    case "welcome":
      part("register", HTMLButtonElement).disabled = screen.busy;
      setText("register", screen.busy ? "Registering…" : "Register name");
      for (
        const [about, field, error] of [
          ["name", "name-input", "register-error"],
          ["device", "device-input", "join-error"],
        ] as const
      ) renderFieldError(field, error, about === screen.about ? screen.trouble : null);
      return;
    case "home":
      renderFieldError("call-input", "call-error", screen.about === "call" ? screen.trouble : null);
      renderFieldError(
        "group-join-link",
        "group-error",
        screen.about === "group" ? screen.trouble : null,
      );
      return renderDialling(state);
    case "ended":
      return renderEnd(screen.end);
  }
}

function renderDialling(state: State): void {
  const label = state.label ?? "";
  setText("home-label", label);
  setShown("announce-row", state.announcing === "default");
  setShown("kept-row", state.kept === true);
  setShown("kept-refused", state.kept === false);
  const saved = state.devices.length > 1
    ? "Your other devices would still have your name."
    : "Link a second device, so that you don’t lose your name.";
  setText(
    "kept-refused",
    `The browser did not promise to keep your keys: it may delete them when space runs out. ${saved}`,
  );
  part(`source-${state.source}`, HTMLInputElement).checked = true;
  const here = new URL(location.href);
  const device = Number(here.searchParams.get("device") ?? 1);
  setText("invite", `${here.origin}/?call=${encodeURIComponent(label)}`);
  const second = `/?device=${device + 1}&call=${encodeURIComponent(label)}`;
  part("second-person", HTMLAnchorElement).href = second;
  part("log-link", HTMLAnchorElement).href = device === 1 ? "/log" : `/log?device=${device}`;
}

function renderEnd(end: Extract<State["screen"], { at: "ended" }>["end"]): void {
  renderTrouble("ended-panel", "ended", end.trouble);
  setText("ended-peer", end.trouble.isLie ? "Security warning" : `Call with ${end.label}`);
  const counts = `${end.stats.framesProtected.toLocaleString()} frames protected, ` +
    `${end.stats.framesOpened.toLocaleString()} opened`;
  setText("ended-facts", end.seconds > 0 ? `${clock(end.seconds)} encrypted; ${counts}.` : "");
  // After a lie nobody should be one press away from trying again.
  setShown("again", !end.trouble.isLie);
  setText("again", end.outgoing ? "Call again" : "Call back");
}

/** What is wrong with a field, beside it. */
export function renderFieldError(field: string, name: string, trouble: Trouble | null): void {
  part(field).setAttribute("aria-invalid", String(trouble !== null));
  part(name).classList.toggle("lie", trouble?.isLie === true);
  setText(name, trouble === null ? "" : `${trouble.title}. ${trouble.text}`.trim());
  // What is wrong with a name needs no code beside it; everything else may be reported by it.
  const code = trouble === null || ABOUT_THE_NAME.has(trouble.code) ? "" : trouble.code;
  setText(`${name}-code`, code);
}
