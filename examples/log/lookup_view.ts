/**
 * A lookup on the page: the field, the verdict on the answer, its steps, and the ways through both trees.
 *
 * @module
 */

import { type LookupView } from "../../client/log_view.ts";
import { made, part, setShown, setText } from "../demo/parts.ts";
import { drawing, type LookupState } from "./model.ts";
import { drawPrefix } from "./prefix_drawing.ts";
import { completeSubtrees, drawTree } from "./tree_drawing.ts";
import { answerWords, counted, STEP_TITLES, stepText } from "./words.ts";

const MARKS = { passed: "✓", failed: "✕", skipped: "–" } as const;
const SAID = { passed: "Passed", failed: "Failed", skipped: "Not reached" } as const;

/** Renders the field and the answer. */
export function renderLookup(label: string | null, state: LookupState, nowMs: number): void {
  const { view, busy, trouble } = state;
  const isReady = label !== null && !busy;
  part("lookup-input", HTMLInputElement).disabled = label === null;
  part("lookup", HTMLButtonElement).disabled = !isReady;
  setText("lookup", busy ? "Checking…" : "Look up");
  setText("lookup-error", trouble === null ? "" : `${trouble.title}. ${trouble.text}`.trim());
  part("lookup-input").setAttribute("aria-invalid", String(trouble !== null));
  setShown("answer", view !== null);
  if (view !== null) renderAnswer(view, nowMs);
}

function renderAnswer(view: LookupView, nowMs: number): void {
  const answer = part("answer");
  const isRefused = view.outcome === "refused";
  answer.dataset["kind"] = isRefused ? "lie" : view.outcome;
  setText("answer-eyebrow", isRefused ? "Refused" : "Proven, here and now");
  const { title, text } = answerWords(view);
  setText("answer-title", title);
  setText("answer-text", text);
  setText("answer-code", view.error?.code ?? "");
  const items = view.steps.map(({ name, verdict }) => {
    const item = made("li", verdict, "");
    const mark = made("span", "mark", MARKS[verdict]);
    mark.setAttribute("role", "img");
    mark.setAttribute("aria-label", SAID[verdict]);
    const words = made("div", "", "");
    words.append(made("b", "", STEP_TITLES[name]));
    if (verdict !== "skipped" || !isRefused) {
      words.append(made("p", "hint", stepText(name, view, nowMs)));
    }
    item.append(mark, words);
    item.dataset["step"] = name;
    item.dataset["verdict"] = verdict;
    return item;
  });
  part("steps").replaceChildren(...items);
}

/** Draws both ways, as wide as their place is; nothing of an answer that was refused. */
export function renderWays({ view }: LookupState): void {
  const shown = view !== null && view.outcome !== "refused" && view.size !== null &&
    view.prefix !== null;
  setShown("ways", shown);
  if (!shown) return;
  const { size, prefix, versions, inclusion } = view;
  const [way, ways] = [drawing("way"), drawing("prefix")];
  const peaks = completeSubtrees(size!);
  drawTree(way, { peaks, before: 0, way: true }, way.parentElement!.clientWidth);
  setText(
    "way-caption",
    inclusion.length === 0
      ? "The log has one entry, which is its head."
      : `The way from the root down to the last entry. ${
        counted(inclusion.length, "hash stands", "hashes stand")
      } beside it: all that the proof needs.`,
  );
  drawPrefix(ways, prefix!, versions, ways.parentElement!.clientWidth);
  setText("prefix-caption", prefixCaption(view));
}

function prefixCaption({ prefix, versions }: LookupView): string {
  const beside = besideOf(prefix!);
  const where = versions.map(({ version, present }) => {
    return `version ${version} is ${present ? "there" : "not there"}`;
  });
  const found = where.length <= 3 ? `: ${where.join(", ")}` : "";
  return `Each bit of a version’s index goes left or right${found}. ${
    counted(beside, "subtree is", "subtrees are")
  } beside the ways, shown by a hash each.`;
}

function besideOf(sight: NonNullable<LookupView["prefix"]>): number {
  if (sight.kind === "node") return besideOf(sight.left) + besideOf(sight.right);
  return sight.kind === "beside" && !sight.empty ? 1 : 0;
}
