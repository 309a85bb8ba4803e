/**
 * Which keys a member of a group call sends with: a step's at once, an epoch's when all have them, and
 * none where there are none that may be used.
 *
 * @module
 */

import { type Bytes } from "./bytes.ts";
import { EpochSwitch } from "./epoch_switch.ts";
import { type Generation } from "./generation.ts";
import { type GroupEffect } from "./group_effect.ts";
import { type GenerationName } from "./schedule.ts";
import { type ChainHead } from "./commit.ts";
import { type Secret } from "./secret.ts";

/** What is in use, and the epoch on its way there. */
export class Sending {
  #switch: EpochSwitch | null = null;
  #inUse: GenerationName | null = null;
  #isHeld = false;

  /** Whether nothing is sent. */
  get isHeld(): boolean {
    return this.#isHeld;
  }

  /** An epoch begins: all who had a seat before and have one now acknowledge it to its signer. */
  begin({ commit, roster }: ChainHead, self: number, nowMs: number): void {
    const fresh = new Set(commit.change.added.map(({ index }) => index));
    const awaited = roster.map(({ index }) => index).filter((index) =>
      index !== self && !fresh.has(index)
    );
    const isLeave = commit.change.removed.length > 0;
    this.#switch = new EpochSwitch(commit.hash, awaited, isLeave, nowMs, this.#switch);
  }

  /** An epoch's keys are there; false where none is on its way. Takes ownership of `auth` where true. */
  know(auth: Secret): boolean {
    this.#switch?.know(auth);
    return this.#switch !== null;
  }

  /** Counts an acknowledgement; true where it was the last one. @throws CryptoError `malformed` */
  ack(bytes: Bytes): boolean {
    return this.#switch?.ack(bytes) ?? false;
  }

  /** The signer says that all acknowledgements are in. */
  release(bytes: Bytes): void {
    this.#switch?.release(bytes);
  }

  /** One's own commit has all acknowledgements; the others are told. */
  releaseOwn(isAlone: boolean): readonly GroupEffect[] {
    const message = this.#switch?.message() ?? null;
    if (message === null) return [];
    this.#switch!.release(message);
    return isAlone ? [] : [{ kind: "tell", to: null, message }];
  }

  /** What is to be sent with from now on, where that is another than before. */
  due(current: Generation | null, isStale: boolean, nowMs: number): readonly GroupEffect[] {
    const isDue = this.#switch === null || this.#switch.isDue(nowMs) || this.#inUse === null;
    if (current === null || !isDue) return this.#switch?.isOver(nowMs) ? this.hold("left") : [];
    this.drop();
    const { epoch, step } = this.#inUse ?? { epoch: 0, step: 0 };
    if (isStale || (epoch === current.epoch && step === current.step && !this.#isHeld)) return [];
    this.#isHeld = false;
    this.#inUse = { epoch: current.epoch, step: current.step };
    return [{ kind: "use", generation: current.copy() }];
  }

  /** Nothing is sent until there is something to use. */
  hold(why: "left" | "stale"): readonly GroupEffect[] {
    if (this.#isHeld) return [];
    this.#isHeld = true;
    return [{ kind: "hold", why }];
  }

  /** When time matters next. */
  nextMs(isReady: boolean): number {
    const { atMs = Infinity, capMs } = this.#switch ?? {};
    return Math.min(
      isReady && this.#inUse !== null ? atMs : Infinity,
      this.#isHeld ? Infinity : capMs ?? Infinity,
    );
  }

  /** Forgets the epoch on its way. */
  drop(): void {
    this.#switch?.wipe();
    this.#switch = null;
  }
}
