/**
 * How far the other side is believed, and the dialog in which that is checked: pictures with their names and
 * digits, so that any one of eyes, ears and a screen reader is enough, and a code for the camera.
 *
 * @module
 */

import { type ShortCode, type Standing } from "../../client/mod.ts";
import { drawCode } from "./code_drawing.ts";
import { setDigits } from "./devices_view.ts";
import { made, part, setOpen, setShown, setStep, setText } from "./parts.ts";
import { type CheckView, type State } from "./state.ts";

/** How far somebody is believed, in words. */
export const STANDINGS: Readonly<Record<Standing, string>> = {
  consistent: "In the log, not checked by you",
  verified: "Verified by you",
  changed: "Another identity than you verified",
  mismatch: "The codes did not match",
};

const STEPS: Readonly<Record<CheckView["step"], string>> = {
  idle: "Both of you will see four pictures.",
  asked: "The other side asks to compare pictures with you.",
  waiting: "Waiting for the other side to press Compare, too.",
  shown: "Read them to each other. Do both of you see the same, in the same order?",
  same: "Both of you see the same: nobody is in between.",
  different: "The call was ended.",
  failed: "That did not work out. Try again in a minute.",
};

/** How far the other side is believed, and the ways to check it. */
export function renderCheck({ check, screen, incoming }: State): void {
  const peer = screen.at === "call" ? screen.call.peer : null;
  setStanding("peer-standing", check?.standing ?? peer?.standing ?? null);
  setStanding("incoming-standing", incoming?.standing ?? null);
  setShown("check", check !== null);
  setText("check-asked", check?.step === "asked" ? STEPS.asked : "");
  setOpen("check-dialog", check?.open === true);
  if (check === null || !check.open) return;
  setText("check-label", check.label);
  setStanding("check-standing", check.standing);
  renderComparison(check);
  renderScan(check);
  const { trouble } = check;
  setText("check-error", trouble === null ? "" : `${trouble.title}. ${trouble.text}`);
  setText("check-error-code", trouble?.code ?? "");
  part("check-error").classList.toggle("lie", trouble?.isLie === true);
}

function renderComparison({ step, code }: CheckView): void {
  setText("check-step", STEPS[step]);
  setShown("check-code", code !== null);
  if (code !== null) setPictures(code);
  setShown("check-compare", step === "idle" || step === "asked" || step === "failed");
  setText("check-compare", step === "asked" ? "Compare with them" : "Compare pictures");
  for (const name of ["check-same", "check-differ"]) setShown(name, step === "shown");
  setStep("check-dialog", "check-title", step === "shown" ? "shown" : "ways");
}

/** Pictures are decoration to a screen reader, and their names are read out. */
function setPictures({ emoji, names, digits }: ShortCode): void {
  const list = part("check-emoji");
  if (list.dataset["digits"] !== digits) {
    list.dataset["digits"] = digits;
    list.replaceChildren(...emoji.map((picture, i) => {
      const item = made("li", "", "");
      const image = made("span", "picture", picture);
      image.setAttribute("aria-hidden", "true");
      item.append(image, made("span", "", names[i]!));
      return item;
    }));
  }
  setDigits("check-digits", digits);
}

function renderScan({ shown, scanning }: CheckView): void {
  setShown("check-qr", shown !== null && !scanning);
  if (shown !== null) void drawCode(part("check-qr"), shown);
  setShown("check-camera", scanning);
  setText("check-scan", scanning ? "Stop the camera" : "Scan their code");
}

function setStanding(name: string, standing: Standing | null): void {
  setShown(name, standing !== null);
  if (standing === null) return;
  part(name).dataset["standing"] = standing;
  setText(name, STANDINGS[standing]);
}
