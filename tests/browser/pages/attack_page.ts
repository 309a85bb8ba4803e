/**
 * The page of the tests of frames under attack: two adapters, whose workers are flooded.
 *
 * @module
 */

import { type MediaStats } from "../../../client/adapter.ts";
import { turningKeys } from "../../support/turning_keys.ts";
import { connect, countsOf, party, plays, sideOf, until } from "./party.ts";

/** What became of one side under attack. */
export interface AttackedSide {
  readonly stats: MediaStats;
  readonly failures: readonly string[];
  /** How often it asked for a key. */
  readonly requested: number;
  /** The media for which it told of a missing key. */
  readonly missing: readonly number[];
}

/** What became of a call. */
export interface AttackedCall {
  readonly played: boolean;
  /** Whether all that was made up came, in time. */
  readonly flooded: boolean;
  readonly tookMs: number;
  /** Pictures that were decoded meanwhile, and after the flood. */
  readonly decoded: readonly number[];
  readonly playsOn: boolean;
  readonly sides: readonly AttackedSide[];
}

/** Floods both media of both sides. */
async function attack(): Promise<AttackedCall> {
  const channel = new BroadcastChannel("attack");
  let floods = 0;
  channel.onmessage = () => floods++;
  const missing: number[][] = [[], []];
  const make = (self: number) =>
    party({ worker: "/attack_worker.js", onMissingKey: (ctx) => missing[self]!.push(ctx) });
  const [a, b] = [await make(0), await make(1)];
  await connect(a, b);
  await Promise.all([a.adapter.connected(), b.adapter.connected()]);
  const keys = [turningKeys("s", 0), turningKeys("s", 1)] as const;
  await Promise.all([a.adapter.start(keys[0]), b.adapter.start(keys[1])]);
  const played = await until(10_000, async () => await plays(a) && await plays(b));
  const begin = performance.now();
  const before = await countsOf(b.connection);
  const flooded = await until(90_000, () => floods === 4);
  const tookMs = performance.now() - begin;
  const during = await countsOf(b.connection);
  const playsOn = await until(
    10_000,
    async () => (await countsOf(b.connection)).framesDecoded > during.framesDecoded + 20,
  );
  const sides = [];
  for (const [self, side] of [a, b].entries()) {
    const { stats, failures } = await sideOf(side);
    const requested = keys[self]!.requested.length;
    sides.push({ stats, failures, requested, missing: missing[self]! });
    side.adapter.close();
  }
  channel.close();
  const decoded = [during.framesDecoded - before.framesDecoded];
  return { played, flooded, tookMs, decoded, playsOn, sides };
}

Object.assign(globalThis, { attack });
