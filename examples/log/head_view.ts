/**
 * The newest head on the page: what was checked of it, who signed it, and the tree as it grows.
 *
 * @module
 */

import { type HeadSight } from "../../client/log_view.ts";
import { made, part, setText } from "../demo/parts.ts";
import { drawing, type Trouble } from "./model.ts";
import { drawTree } from "./tree_drawing.ts";
import {
  ago,
  counted,
  epochText,
  policyText,
  shortHash,
  signatureText,
  treeText,
} from "./words.ts";

/** What the page knows of the head. */
export interface Watched {
  readonly head: HeadSight | null;
  /** Size of the head before this one, or 0: what is beyond it is new. */
  readonly before: number;
  /** When the head was last checked, Unix milliseconds. */
  readonly checkedMs: number;
  readonly trouble: Trouble | null;
}

/** Renders the head and the verdict on it. */
export function renderHead(origin: string, watched: Watched, nowMs: number): void {
  renderVerdict(watched, nowMs);
  setText("origin", origin);
  const { head } = watched;
  if (head === null) return;
  setText("size", head.size.toLocaleString("en"));
  setText("size-unit", head.size === 1 ? "entry" : "entries");
  const root = hexOf(head.root);
  setText("root", shortHash(root));
  part("root").title = root;
  setText("epoch", epochText(head, nowMs));
  setText("policy", policyText(head, nowMs));
  setText("tree-caption", treeText(head));
  const lines = head.signatures.map((signature) => {
    const item = made("li", "", "");
    item.append(
      made("b", "", signature.name),
      made("span", "hint", signatureText(signature, nowMs)),
    );
    return item;
  });
  const signers = part("signers");
  const text = lines.map((item) => item.textContent).join("\n");
  if (signers.dataset["text"] === text) return;
  signers.dataset["text"] = text;
  signers.replaceChildren(...lines);
}

/** Draws the tree, as wide as its place is. */
export function renderTree({ head, before }: Watched): void {
  if (head === null) return;
  const svg = drawing("tree");
  drawTree(svg, { peaks: head.subtrees, before, way: false }, svg.parentElement!.clientWidth);
}

function renderVerdict({ head, checkedMs, trouble }: Watched, nowMs: number): void {
  const verdict = part("verdict");
  if (trouble !== null) {
    verdict.dataset["kind"] = trouble.isLie ? "lie" : "trouble";
    setText("verdict-title", trouble.title);
    setText("verdict-text", trouble.text);
    setText("verdict-code", trouble.code);
    return;
  }
  if (head === null) return;
  verdict.dataset["kind"] = "good";
  setText("verdict-title", verdictOf(head));
  const audited = head.epoch === null
    ? ""
    : "Its newest epoch added what it says, and nothing else. ";
  setText("verdict-text", `${audited}Checked by this page, ${ago(nowMs - checkedMs)}.`);
  setText("verdict-code", "");
}

function verdictOf({ size, continues }: HeadSight): string {
  if (continues === null) {
    return "The signature is valid. This is the first head that this page sees.";
  }
  const entries = counted(continues, "entry", "entries");
  return size === continues
    ? `The signature is valid, and the head of ${entries} is still the same.`
    : `The signature is valid, and it continues the head of ${entries} seen before.`;
}

function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
