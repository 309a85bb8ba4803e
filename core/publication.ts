/**
 * How a committed head becomes the published one, and how it does without witnesses: it is signed,
 * and published at once. Its signature leaves the process by the published row alone, so that row is
 * all that has to be written down of it. With witnesses: `witnessed_publication.ts`.
 *
 * @module
 */

import { type LogStore } from "../kv/log_key.ts";
import { movePublished, type Published } from "../kv/published.ts";
import { StoreError } from "../kv/store_error.ts";
import { type Freeze } from "./freeze.ts";
import { type HeadWatch } from "./head_watch.ts";
import { type LogKeys, signHead } from "./signing.ts";
import { type Report } from "./report.ts";

/** Publishes the committed head, as far as it can be now. */
export interface Publication {
  /**
   * One step. @param isAwaited whether somebody waits for the committed head
   * @returns after how many milliseconds the next is due, without anybody asking for it
   * @throws ServiceError `log_frozen`; StoreError
   */
  step(isAwaited: boolean): Promise<number>;
  /** Whether the witnesses were asked about what was signed before; records are taken in since. */
  isChecked(): boolean;
}

/** What publishing works with. */
export interface PublicationParts {
  /** The log. */
  readonly log: LogStore;
  /** Its keys. */
  readonly keys: LogKeys;
  /** Its freeze. */
  readonly freeze: Freeze;
  /** Its heads. */
  readonly watch: HeadWatch;
  /** The clock, Unix milliseconds. */
  readonly now: () => number;
  /** Is given sentences for the operator. */
  readonly report: Report;
}

/** How often a head is tried to be published before the store is given up. */
export const MAX_TRIES = 16;

/** Publishes without witnesses. */
export function publishPlainly(parts: PublicationParts): Publication {
  const { log, keys, watch, now } = parts;

  async function step(): Promise<number> {
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const { published, head } = await watch.read();
      if (published?.value.size === head.size) return Infinity;
      const { size, root } = head;
      const note = await signHead(keys, log.origin, head, now());
      watch.sawSigned(head);
      const next: Published = { size, root, note, verifierKey: keys.logVerifierKey };
      if (await movePublished(log, published, next)) {
        watch.sawPublished(head);
        return Infinity;
      }
    }
    throw new StoreError("The store does not take the published head");
  }

  return { step, isChecked: () => true };
}
