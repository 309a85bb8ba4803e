/**
 * The keys of a group call as the stacks of its connections get them: one view for each other participant.
 *
 * @module
 */

import { CryptoError } from "../crypto/error.ts";
import { type Generation } from "../crypto/generation.ts";
import { type Retirement } from "../crypto/live_generations.ts";
import {
  type CallKeys,
  CTX,
  type Ctx,
  frameKid,
  type GenerationName,
  indexOfKid,
  type KeyChange,
  oneCounter,
} from "../crypto/schedule.ts";
import { type FrameKey } from "../crypto/sframe.ts";

/** The keys that one participant of a group call holds. */
export class GroupKeys {
  readonly #views = new Set<CallKeys>();
  readonly #live = new Map<string, Generation>();
  readonly #derived = new Map<string, Promise<FrameKey>>();
  readonly #retired = new Set<string>();
  #used: Generation | null = null;
  #isHeld = true;
  /** One's own seat at present. */
  #seat: number | null = null;
  /** Takes what counts the frames of all connections. */
  readonly #claim = oneCounter();

  /** Whether something may be sent now. */
  get isUsable(): boolean {
    return this.#used !== null && !this.#isHeld;
  }

  /** The generation that is sent with, or null. */
  get used(): GenerationName | null {
    return this.#used === null ? null : { epoch: this.#used.epoch, step: this.#used.step };
  }

  /** One's own seat from now on: nothing is sent under the keys of another, whose somebody else may be. */
  sit(seat: number | null): void {
    this.#seat = seat;
  }

  /** The keys for the connection to one other participant. @param self one's own seat */
  view(self: number): CallKeys {
    const isHeld = () => this.#isHeld;
    const keys: CallKeys = {
      suite: 5,
      self,
      get isHeld() {
        return isHeld();
      },
      get generations() {
        return live();
      },
      sendKey: (ctx) => this.#sendKey(self, ctx),
      recvKey: (kid) => this.#recvKey(self, kid),
      requestKey: (kid) => {
        const named = this.#claimed(self, kid);
        if (named !== null) {
          void keys.onChange?.({ kind: "install", ...nameFor(named.generation) });
        }
      },
      claim: this.#claim,
      onChange: null,
      exporter: (label, context, length) => this.#present().exporter(label, context, length),
      mediaExporter: (label, context, length, name) =>
        this.#named(name).exporter(label, context, length),
    };
    const live = () => [...this.#live.values()].map(nameFor);
    this.#views.add(keys);
    return keys;
  }

  /** The connection is gone. */
  drop(view: CallKeys): void {
    this.#views.delete(view);
  }

  /** Receive keys of a generation may be had. Takes ownership of it. */
  install(generation: Generation): void {
    const { epoch, step } = generation;
    const name = nameOf(generation);
    if (this.#live.has(name)) return generation.wipe();
    this.#live.set(name, generation);
    this.#tell({ kind: "install", epoch, step });
  }

  /** Frames are sent under this one from now on. Takes ownership of it. */
  use(generation: Generation): void {
    this.#used?.wipe();
    this.#used = generation;
    this.#isHeld = false;
    this.#tell({ kind: "use" });
  }

  /** Keys to drop. */
  retire({ index, epoch, step }: Retirement): void {
    const name = nameOf({ epoch, step });
    if (index === null) {
      this.#live.get(name)?.wipe();
      this.#live.delete(name);
      for (const key of this.#derived.keys()) {
        if (key.startsWith(`${name} `)) this.#derived.delete(key);
      }
      for (const key of this.#retired) if (key.startsWith(`${name} `)) this.#retired.delete(key);
    } else this.#retired.add(`${name} ${index}`);
    this.#tell({ kind: "retire", index, epoch, step });
  }

  /** A seat is somebody's no more: whatever came of it before this commit opens for nobody from now on. */
  vacate(index: number, { epoch, step }: GenerationName): void {
    for (const live of [...this.#live.values()]) {
      const isBefore = live.epoch < epoch || (live.epoch === epoch && live.step < step);
      if (isBefore) this.retire({ index, epoch: live.epoch, step: live.step });
    }
  }

  /** Nothing is sent until the next `use`. */
  hold(): void {
    this.#isHeld = true;
    this.#tell({ kind: "hold" });
  }

  /** Senders are asked for key frames. */
  requestKeyFrames(): void {
    this.#tell({ kind: "key-frame" });
  }

  /** Erases everything. */
  wipe(): void {
    this.#isHeld = true;
    for (const generation of [...this.#live.values(), this.#used]) generation?.wipe();
    this.#live.clear();
    this.#used = null;
    this.#derived.clear();
  }

  async #sendKey(self: number, ctx: Ctx): Promise<FrameKey> {
    if (self !== this.#seat) throw new CryptoError("spent", "The seat of these keys was given up");
    return await this.#frameKey(this.#present(), self, ctx);
  }

  async #recvKey(self: number, kid: number): Promise<FrameKey | null> {
    const named = this.#claimed(self, kid);
    return named === null
      ? null
      : await this.#frameKey(named.generation, indexOfKid(kid), named.ctx);
  }

  /** Whose KID of the others it is. Never one's own: a reflected frame must not open. */
  #claimed(
    self: number,
    kid: number,
  ): { readonly generation: Generation; readonly ctx: Ctx } | null {
    const index = indexOfKid(kid);
    if (index === self) return null;
    for (const generation of this.#live.values()) {
      if (this.#retired.has(`${nameOf(generation)} ${index}`)) continue;
      const ctx = Object.values(CTX).find((each) => frameKid(generation, index, each) === kid);
      if (ctx !== undefined) return { generation, ctx };
    }
    return null;
  }

  #frameKey(generation: Generation, index: number, ctx: Ctx): Promise<FrameKey> {
    const name = `${nameOf(generation)} ${index} ${ctx}`;
    let key = this.#derived.get(name);
    if (key === undefined) {
      key = generation.frameKey(index, ctx);
      this.#derived.set(name, key);
    }
    return key;
  }

  /** By default the one that is sent with. @throws CryptoError `unknown_key`, `spent` */
  #named(name?: GenerationName): Generation {
    const present = this.#present();
    if (name === undefined) return present;
    const live = this.#live.get(nameOf(name));
    if (live === undefined) {
      throw new CryptoError("unknown_key", "A generation's keys are not held");
    }
    return live;
  }

  #present(): Generation {
    if (this.#used === null) throw new CryptoError("spent", "The call has no keys now");
    return this.#used;
  }

  #tell(change: KeyChange): void {
    for (const view of this.#views) void view.onChange?.(change);
  }
}

function nameFor({ epoch, step }: GenerationName): GenerationName {
  return { epoch, step };
}

function nameOf({ epoch, step }: GenerationName): string {
  return `${epoch} ${step}`;
}
