/**
 * The call keys of a roster of any size whose secret is a text, without the commits that lead to it:
 * for tests of adapters. The keys are those of a group call.
 *
 * @module
 */

import { utf8 } from "../../crypto/bytes.ts";
import { Generation } from "../../crypto/generation.ts";
import { sha256 } from "../../crypto/primitives.ts";
import { type CallKeys, CTX, type Ctx, frameKid } from "../../crypto/schedule.ts";
import { Secret } from "../../crypto/secret.ts";

/** Keys that a test can change. */
export interface RosterKeys extends CallKeys {
  /** Goes to the next epoch, as far as receiving: `use` has to follow. */
  install(): Promise<void>;
  /** Sends with the newest epoch. */
  use(): Promise<void>;
  /** Drops the epoch before the newest. */
  retire(): Promise<void>;
  /** Sends nothing until the next `use`. */
  hold(): Promise<void>;
  /** KIDs that the stack asked for. */
  readonly requested: readonly number[];
}

/** The keys of one seat. */
export function rosterKeys(seed: string, self: number): RosterKeys {
  const epochOf = (epoch: number) =>
    new Generation({ epoch, step: 0 }, new Secret(sha256(utf8(`${seed} ${epoch}`))));
  const generations = [epochOf(1)];
  const requested: number[] = [];
  let used = generations[0]!;
  const keys: RosterKeys = {
    suite: 5,
    self,
    generations,
    requested,
    onChange: null,
    sendKey: async (ctx) => await used.frameKey(self, ctx),
    async recvKey(kid) {
      const index = Math.floor(kid / 2 ** 11);
      const ctx = Object.values(CTX).find((each) => each === (kid >>> 8 & 7)) as Ctx | undefined;
      const live = generations.find((each) =>
        ctx !== undefined && frameKid(each, index, ctx) === kid
      );
      return live === undefined || index === self ? null : await live.frameKey(index, ctx!);
    },
    requestKey: (kid) => requested.push(kid),
    exporter: (label, context, length) => used.exporter(label, context, length),
    mediaExporter: (label, context, length) => used.exporter(label, context, length),
    async install() {
      const { epoch, step } =
        generations[generations.push(epochOf(generations.at(-1)!.epoch + 1)) - 1]!;
      await keys.onChange?.({ kind: "install", epoch, step });
    },
    async use() {
      used = generations.at(-1)!;
      await keys.onChange?.({ kind: "use" });
    },
    async retire() {
      const { epoch, step } = generations.shift()!;
      await keys.onChange?.({ kind: "retire", epoch, step, index: null });
    },
    async hold() {
      await keys.onChange?.({ kind: "hold" });
    },
  };
  return keys;
}
