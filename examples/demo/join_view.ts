/**
 * The screen of a device that waits for another one to take it into its account.
 *
 * @module
 */

import { drawCode } from "./code_drawing.ts";
import { setDigits } from "./devices_view.ts";
import { part, setShown, setStep, setText } from "./parts.ts";
import { type JoinView, type State } from "./state.ts";
import { troubleOf } from "./trouble.ts";

type Step = "waiting" | "code" | "compare" | "confirmed" | "adding" | "failed";

const TITLES: Readonly<Record<Step, string>> = {
  waiting: "Preparing a code…",
  code: "Show this to your other device",
  compare: "Compare the digits",
  confirmed: "One more press",
  adding: "Almost there…",
  failed: "",
};

/** The screen, where it is seen. */
export function renderJoin({ screen }: State): void {
  if (screen.at !== "joining") return;
  const { join } = screen;
  const step = stepOf(join);
  for (const name of ["code", "compare", "confirmed", "failed"] as const) {
    setShown(`join-${name}`, name === step);
  }
  setText("join-title", join.trouble?.title ?? TITLES[step]);
  setText("join-failed-text", join.trouble?.text ?? "");
  setShown("join-account", join.account !== null && step !== "failed");
  setText("join-account-label", join.account?.label ?? "");
  setText("join-account-device", join.account === null ? "" : oldDevice(join.account.device));
  const isScanned = join.kind === "scanned";
  setShown("join-qr", isScanned);
  setText("join-code-text", join.code ?? "");
  part("join-code-text").dataset["kind"] = join.kind;
  setText("join-kind", isScanned ? "Type a short code instead" : "Scan a code instead");
  setDigits("join-digits", join.digits ?? "");
  if (step === "code" && isScanned) draw(join.code!);
  setStep("join-panel", "join-title", step);
}

function oldDevice(name: string): string {
  return name === "" ? "an unnamed device" : name;
}

/** A picture that can't be loaded leaves the text. */
function draw(code: string): void {
  drawCode(part("join-qr"), code).catch((error) => {
    setText("join-code-text", `${code} (${troubleOf(error).text})`);
  });
}

function stepOf({ code, digits, account, confirmed, trouble }: JoinView): Step {
  if (trouble !== null) return "failed";
  if (confirmed) return account === null ? "confirmed" : "adding";
  if (digits !== null) return "compare";
  return code === null ? "waiting" : "code";
}
