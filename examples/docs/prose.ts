/**
 * Sentences of the documents: text, with what stands between backticks as code. Never markup.
 *
 * @module
 */

import { made } from "../demo/parts.ts";

/** A paragraph. */
export function prose(text: string): HTMLParagraphElement {
  const paragraph = document.createElement("p");
  paragraph.append(...inline(text));
  return paragraph;
}

/** Its words and pieces of code. */
export function inline(text: string): readonly (string | HTMLElement)[] {
  return text.split(/(`[^`]*`)/).filter((part) => part !== "").map((part) =>
    part.startsWith("`") ? made("code", "", part.slice(1, -1)) : part
  );
}
