/**
 * The keys of a call between two, along the epochs of their session.
 *
 *     ES = Export("call", "", 32)        of each epoch; what follows from it is in `generation.ts`
 *
 * A session that rekeys takes the media along, make before break: `install` when the session holds an
 * epoch, `use` when it seals in it, because then the other side holds it too, and `retire` when the other
 * side sends in it. KIDs come again after 16 epochs; as three are live at most, no two of those share one.
 *
 * @module
 */

import { CryptoError } from "./error.ts";
import { Generation } from "./generation.ts";
import {
  type CallKeys,
  CTX,
  type Ctx,
  type Exporter,
  frameKid,
  type GenerationName,
  type KeyChange,
  oneCounter,
} from "./schedule.ts";
import { Secret } from "./secret.ts";
import { type FrameKey } from "./sframe.ts";

/** Most epochs whose keys are held: one that comes, one in use, and one that is left. */
const MAX_LIVE = 3;
const SECRET_BYTES = 32;

/** An epoch's keys, each derived once. */
interface Live {
  readonly generation: Generation;
  readonly derived: Map<number, Promise<FrameKey>>;
}

/** The frame keys of one side of a session. */
export class CallSchedule {
  /** What the stack gets. */
  readonly keys: CallKeys;
  readonly #self: 0 | 1;
  #live: readonly Live[] = [];
  #inUse: Live | null = null;
  #isWiped = false;
  #standing: Promise<void> = Promise.resolve();

  /** Without any keys yet. @param self 0 for the caller @param exporter the session's own */
  constructor(self: 0 | 1, exporter: Exporter) {
    this.#self = self;
    // Its getter reads what changes; a stack is handed this object and not the schedule.
    const names = () => this.#live.map(({ generation: { epoch, step } }) => ({ epoch, step }));
    this.keys = {
      suite: 5,
      self,
      get generations() {
        return names();
      },
      onChange: null,
      claim: oneCounter(),
      exporter,
      mediaExporter: (label, context, length, name) =>
        this.#of(name).generation.exporter(label, context, length),
      requestKey: (kid) => {
        const named = this.#claimed(kid);
        if (named !== null) this.#tell({ kind: "install", ...nameOf(named.live) });
      },
      sendKey: async (ctx) => await frameKey(this.#of(), self, ctx),
      recvKey: async (kid) => {
        if (this.#isWiped) throw spent();
        const named = this.#claimed(kid);
        return named === null ? null : await frameKey(named.live, 1 - self, named.ctx);
      },
    };
  }

  /** The session holds another epoch. @param exporter that epoch's, which is asked once */
  install(epoch: number, exporter: Exporter): void {
    if (this.#live.some(({ generation }) => generation.epoch === epoch)) return;
    const es = new Secret(exporter("call", new Uint8Array(0), SECRET_BYTES));
    const live = { generation: new Generation({ epoch, step: 0 }, es), derived: new Map() };
    // First, because the new one may have its KIDs.
    this.#drop(this.#live.slice(0, Math.max(0, this.#live.length + 1 - MAX_LIVE)));
    this.#live = [...this.#live, live];
    this.#tell({ kind: "install", epoch, step: 0 });
  }

  /** The other side holds an epoch that was installed. */
  use(epoch: number): void {
    this.#inUse = this.#of({ epoch, step: 0 });
    this.#tell({ kind: "use" });
  }

  /** Nothing comes any more under the epochs before this one. */
  retire(before: number): void {
    this.#drop(
      this.#live.filter((live) => live.generation.epoch < before && live !== this.#inUse),
    );
  }

  /** Resolves once the stack has done what it was told so far. */
  standing(): Promise<void> {
    return this.#standing;
  }

  /** Erases every secret; no key can be had afterwards. */
  wipe(): void {
    this.#isWiped = true;
    for (const { generation } of this.#live) generation.wipe();
    this.#live = [];
    this.#inUse = null;
  }

  /** A live epoch, by default the one in use. @throws CryptoError `unknown_key`, `spent` */
  #of(name?: GenerationName): Live {
    if (this.#isWiped) throw spent();
    const found = name === undefined
      ? this.#inUse
      : this.#live.find((each) => each.generation.epoch === name.epoch && name.step === 0);
    if (found === null || found === undefined) {
      throw new CryptoError("unknown_key", "An epoch's keys are not held");
    }
    return found;
  }

  /** Whose KID of the other side it is. Never one's own index: a reflected frame must not open. */
  #claimed(kid: number): { readonly live: Live; readonly ctx: Ctx } | null {
    for (const live of this.#live) {
      for (const ctx of Object.values(CTX)) {
        if (frameKid(live.generation, 1 - this.#self, ctx) === kid) return { live, ctx };
      }
    }
    return null;
  }

  #drop(old: readonly Live[]): void {
    this.#live = this.#live.filter((each) => !old.includes(each));
    for (const live of old) {
      live.generation.wipe();
      this.#tell({ kind: "retire", index: null, ...nameOf(live) });
    }
  }

  #tell(change: KeyChange): void {
    const done = this.keys.onChange?.(change);
    // Whether a stack did it or failed, it is not waited for any more.
    this.#standing = Promise.allSettled([this.#standing, done]).then(() => {});
  }
}

function nameOf({ generation: { epoch, step } }: Live): GenerationName {
  return { epoch, step };
}

function frameKey({ generation, derived }: Live, index: number, ctx: Ctx): Promise<FrameKey> {
  const kid = frameKid(generation, index, ctx);
  const key = derived.get(kid) ?? generation.frameKey(index, ctx);
  derived.set(kid, key);
  return key;
}

function spent(): CryptoError {
  return new CryptoError("spent", "This call's keys were already wiped");
}
