/**
 * What the page shows: the head that it watches, and one lookup.
 *
 * @module
 */

import { type LookupView } from "../../client/log_view.ts";

/** A message for people: what went wrong, and whether somebody lied. */
export interface Trouble {
  readonly title: string;
  readonly text: string;
  /** For whoever reports it. */
  readonly code: string;
  readonly isLie: boolean;
}

/** The lookup on the page. */
export interface LookupState {
  readonly busy: boolean;
  readonly view: LookupView | null;
  /** What is wrong beside the field. */
  readonly trouble: Trouble | null;
}

/** The drawing of this name. @throws Error where the page has none */
export function drawing(name: string): SVGSVGElement {
  const found = document.querySelector(`[data-testid="${name}"]`);
  if (!(found instanceof SVGSVGElement)) throw new Error(`bug: the page has no drawing ${name}`);
  return found;
}
