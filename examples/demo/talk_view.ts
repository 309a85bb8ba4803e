/**
 * What people write to each other: text only, the newest in sight.
 *
 * @module
 */

import { made, part, setShown } from "./parts.ts";
import { type TalkLine } from "./state.ts";

/** Lines are only ever added, until another call begins with none. */
export function renderTalk(name: string, talk: readonly TalkLine[]): void {
  const list = part(name);
  setShown(`${name}-quiet`, talk.length === 0);
  const first = talk[0];
  if (list.children.length > talk.length || first === undefined) list.replaceChildren();
  for (const { from, text } of talk.slice(list.children.length)) {
    const item = made("li", "", "");
    if (from === null) item.append(made("em", "", text));
    else item.append(made("b", "", from), made("span", "", text));
    list.append(item);
    list.scrollTop = list.scrollHeight;
  }
}
