/**
 * The keys of a call on their way to the worker of a participant whose media go through an SFU: of one's
 * own media as they come to be sent, and of each participant's as their tracks come.
 *
 * @module
 */

import {
  type CallKeys,
  type Ctx,
  frameKid,
  type GenerationName,
  type KeyChange,
} from "../../crypto/schedule.ts";
import { type KeyHolder } from "./key_following.ts";

/** A sender or a receiver, as far as keys go. */
export interface KeyedLine {
  /** What it carries. */
  readonly ctx: Ctx;
  /** Whose frames it opens; null for one that sends, or opens nobody's. */
  readonly index: number | null;
  /** Whether it sends. */
  readonly isSending: boolean;
}

/**
 * Follows the changes of a call's keys from now on, one after the other, for the lines that there are at
 * each. What it gives takes the keys that there are for lines that are new.
 *
 * @param lines all lines that there are by then
 */
export function followSfuKeys(
  keys: CallKeys,
  lines: () => readonly KeyedLine[],
  holder: KeyHolder,
): (added: readonly KeyedLine[]) => Promise<void> {
  keys.claim?.(holder.counter);
  let turn: Promise<void> = Promise.resolve();
  let isHeld = keys.isHeld === true;
  keys.onChange = (change) =>
    inTurn(() => follow(change)).catch(() => {
      // The call's secrets are erased: no frame may leave under what is left of them.
      holder.hold();
    });
  return (added) =>
    inTurn(async () => {
      for (const generation of keys.generations) await add(generation, added);
      if (!isHeld) await use(added);
    });

  function inTurn(work: () => Promise<void>): Promise<void> {
    const done = turn.then(work);
    turn = done.catch(() => {});
    return done;
  }

  async function follow(change: KeyChange): Promise<void> {
    switch (change.kind) {
      case "install":
        return await add(change, lines());
      case "use":
        isHeld = false;
        return await use(lines());
      case "retire":
        return holder.retire({ generation: frameKid(change, 0, 0), index: change.index });
      case "hold":
        isHeld = true;
        return holder.hold();
      case "key-frame":
        return holder.requestKeyFrames();
    }
  }

  async function add(generation: GenerationName, to: readonly KeyedLine[]): Promise<void> {
    const kids = to.flatMap(({ index, ctx }) => {
      return index === null ? [] : [frameKid(generation, index, ctx)];
    });
    const found = await Promise.all([...new Set(kids)].map((kid) => keys.recvKey(kid)));
    holder.add(found.filter((key) => key !== null));
  }

  async function use(by: readonly KeyedLine[]): Promise<void> {
    const media = new Set(by.filter(({ isSending }) => isSending).map(({ ctx }) => ctx));
    holder.use(await Promise.all([...media].map((ctx) => keys.sendKey(ctx))));
  }
}
