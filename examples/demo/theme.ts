/**
 * Light or dark: the system's choice until somebody presses the button, and theirs from then on.
 *
 * @module
 */

import { onPress, part } from "./parts.ts";

const KEPT = "countersign-theme";

type Theme = "light" | "dark";

/** Takes up the kept choice and serves the button. */
export function startTheme(): void {
  const kept = localStorage.getItem(KEPT);
  const system = matchMedia("(prefers-color-scheme: dark)");
  let chosen: Theme | null = kept === "light" || kept === "dark" ? kept : null;

  const seen = (): Theme => chosen ?? (system.matches ? "dark" : "light");
  const show = (): void => {
    if (chosen !== null) document.documentElement.dataset["theme"] = chosen;
    const other: Theme = seen() === "dark" ? "light" : "dark";
    const button = part("theme");
    button.dataset["to"] = other;
    button.title = `Switch to ${other}`;
    button.setAttribute("aria-label", button.title);
  };
  onPress("theme", () => {
    chosen = seen() === "dark" ? "light" : "dark";
    localStorage.setItem(KEPT, chosen);
    show();
  });
  system.addEventListener("change", show);
  show();
}
