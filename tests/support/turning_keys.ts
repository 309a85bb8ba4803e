/**
 * The keys of a call of any number of people, which turn when a test says so. They come of a text, and
 * so does each generation: for tests of media alone.
 *
 * @module
 */

import { type Bytes, utf8 } from "../../crypto/bytes.ts";
import { hkdfExpand, sha256 } from "../../crypto/primitives.ts";
import {
  type CallKeys,
  CTX,
  type Ctx,
  ctxOfKid,
  frameKid,
  indexOfKid,
  type KeyChange,
} from "../../crypto/schedule.ts";
import { deriveFrameKey, type FrameKey } from "../../crypto/sframe.ts";

/** Keys that turn. */
export interface TurningKeys extends CallKeys {
  /** KIDs that a stack asked for. */
  readonly requested: number[];
  /** Another epoch's receive keys may be had. */
  install(epoch: number): Promise<void>;
  /** Sends with an epoch's keys. */
  use(epoch: number): Promise<void>;
  /** Drops an epoch's receive keys. */
  retire(epoch: number): Promise<void>;
  /** Sends nothing. */
  hold(): Promise<void>;
}

/** Those of one participant; all have the same text. */
export function turningKeys(text: string, self: number): TurningKeys {
  let used = 1;
  let epochs = [1];
  const tell = async (change: KeyChange) => void await keys.onChange?.(change);
  const exporter = (label: string, _: Uint8Array, length: number) =>
    hkdfExpand(sha256(utf8(text)), utf8(label), length);
  const keys: TurningKeys = {
    suite: 5,
    self,
    requested: [],
    onChange: null,
    get generations() {
      return epochs.map((epoch) => ({ epoch, step: 0 }));
    },
    requestKey: (kid) => void keys.requested.push(kid),
    sendKey: (ctx) => keyOf(used, self, ctx),
    async recvKey(kid) {
      const ctx = Object.values(CTX).find((each) => each === ctxOfKid(kid));
      const epoch = epochs.find((each) => (each & 15) === (kid >>> 4 & 15));
      if (ctx === undefined || epoch === undefined || indexOfKid(kid) === self) return null;
      return await keyOf(epoch, indexOfKid(kid), ctx);
    },
    exporter,
    mediaExporter: exporter,
    install(epoch) {
      epochs = [...epochs, epoch];
      return tell({ kind: "install", epoch, step: 0 });
    },
    use(epoch) {
      used = epoch;
      return tell({ kind: "use" });
    },
    retire(epoch) {
      epochs = epochs.filter((each) => each !== epoch);
      return tell({ kind: "retire", epoch, step: 0, index: null });
    },
    hold: () => tell({ kind: "hold" }),
  };
  return keys;

  function keyOf(epoch: number, index: number, ctx: Ctx): Promise<FrameKey> {
    const base: Bytes = hkdfExpand(
      sha256(utf8(`${text} ${epoch}`)),
      utf8(`${index} ${ctx}`),
      64,
    );
    return deriveFrameKey(base, frameKid({ epoch, step: 0 }, index, ctx));
  }
}
