/**
 * The inboxes that instances left: read once, and from then on only what came since, however many
 * connections are gone on with.
 *
 * @module
 */

import { type Arrival, readInbox, readLeft } from "../../kv/inboxes.ts";
import { type Unnumbered } from "../effect.ts";
import { decodeItem, isWord } from "./item.ts";

/** A frame that waited in an inbox. */
export interface LeftFrame {
  readonly from: string;
  /** The last row that holds it. */
  readonly n: number;
  readonly frame: Unnumbered;
}

/** The inboxes of others. */
export interface LeftInboxes {
  /** All that an inbox has for a connection now, in the order of commits. @throws StoreError */
  framesFor(instance: string, cid: string): Promise<readonly LeftFrame[]>;
}

interface Left {
  readonly byCid: Map<string, LeftFrame[]>;
  readonly cursors: Map<string, number>;
  readonly readMs: number;
}

/** How long an inbox is remembered, in milliseconds: until its instance is forgotten. */
const MEMORY_MS = 300_000;

/** Nothing read yet. */
export function openLeftInboxes(
  kv: Deno.Kv,
  instance: string,
  monotonic: () => number,
): LeftInboxes {
  const inboxes = new Map<string, Promise<Left>>();

  function take(left: Left, arrivals: readonly Arrival[]): void {
    for (const { from, places, items } of arrivals) {
      const n = places.at(-1)!.n;
      left.cursors.set(from, Math.max(n, left.cursors.get(from) ?? 0));
      for (const bytes of items) {
        const item = decodeItem(bytes);
        if (isWord(item)) continue;
        for (const cid of item.to) {
          const held = left.byCid.get(cid);
          const one = { from, n, frame: item.frame };
          if (held === undefined) left.byCid.set(cid, [one]);
          else held.push(one);
        }
      }
    }
  }

  async function readWhole(of: string): Promise<Left> {
    const left = { byCid: new Map(), cursors: new Map(), readMs: monotonic() };
    take(left, await readLeft(kv, of));
    return left;
  }

  async function readOn(of: string, before: Left): Promise<Left> {
    take(before, (await readInbox(kv, of, before.cursors)).arrivals);
    return before;
  }

  return {
    async framesFor(of, cid) {
      if (of === instance) return [];
      const known = inboxes.get(of);
      // One after the other, so that nothing is taken twice.
      const reading = known === undefined
        ? readWhole(of)
        : known.then((left) =>
          monotonic() - left.readMs < MEMORY_MS ? readOn(of, left) : readWhole(of)
        );
      inboxes.set(of, reading);
      try {
        return (await reading).byCid.get(cid) ?? [];
      } catch (error) {
        inboxes.delete(of);
        throw error;
      }
    },
  };
}
