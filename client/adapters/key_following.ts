/**
 * The keys of a call on their way to whatever protects its frames: those that there are, then every change
 * of them, one after the other.
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
import { type FrameKey } from "../../crypto/sframe.ts";

/** Receive keys by the bits of their KIDs. */
export interface Retired {
  /** The low eight bits, epoch and step. */
  readonly generation: number;
  /** The roster index; null for those of everybody. */
  readonly index: number | null;
}

/** What protects and opens frames: a cryptor, or a worker that has one. */
export interface KeyHolder {
  /** What counts the frames that are sent: the same object for all that share one cryptor. */
  readonly counter: object;
  /** Takes receive keys. */
  add(keys: readonly FrameKey[]): void;
  /** Takes send keys, one for a medium, and drops those whose place they take. */
  use(keys: readonly FrameKey[]): void;
  /** Drops receive keys. */
  retire(which: Retired): void;
  /** Sends nothing until the next `use`. */
  hold(): void;
  /** Asks for key frames. */
  requestKeyFrames(): void;
}

/**
 * Gives a holder the keys of some media, and follows their changes from now on.
 *
 * @param peer the roster index of who is at the other end
 * @throws CryptoError `spent` once the call is over
 */
export async function followKeys(
  keys: CallKeys,
  peer: number,
  media: readonly Ctx[],
  holder: KeyHolder,
): Promise<void> {
  keys.claim?.(holder.counter);
  let turn: Promise<void> = Promise.resolve();
  /** How often it was said what to send with. */
  let heard = 0;
  // Heard before the first key is asked for, so that no change is missed.
  keys.onChange = (change) => {
    if (change.kind === "use" || change.kind === "hold") heard++;
    const at = heard;
    turn = turn.then(() => follow(change, at)).catch(() => {
      // The call's secrets are erased: no frame may leave under what is left of them.
      holder.hold();
    });
    return turn;
  };
  const first = (async () => {
    for (const generation of keys.generations) await add(generation);
    // Others may send through the same holder: whoever begins must not end a hold that it did not hear.
    if (keys.isHeld !== true) await use(0);
  })();
  turn = first.catch(() => {});
  await first;

  async function follow(change: KeyChange, at: number): Promise<void> {
    switch (change.kind) {
      case "install":
        return await add(change);
      case "use":
        return await use(at);
      case "retire":
        if (change.index !== null && change.index !== peer) return;
        return holder.retire({ generation: frameKid(change, 0, 0), index: peer });
      case "hold":
        return holder.hold();
      case "key-frame":
        return holder.requestKeyFrames();
    }
  }

  async function add(generation: GenerationName): Promise<void> {
    const found = await Promise.all(
      media.map((ctx) => keys.recvKey(frameKid(generation, peer, ctx))),
    );
    holder.add(found.filter((key) => key !== null));
  }

  /**
   * Several may follow the keys of one holder: what a slow one was about to say must not undo what was
   * said of a later change.
   */
  async function use(at: number): Promise<void> {
    if (at !== heard) return;
    const own = await Promise.all(media.map((ctx) => keys.sendKey(ctx)));
    if (at === heard) holder.use(own);
  }
}
