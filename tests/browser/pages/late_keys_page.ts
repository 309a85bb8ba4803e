/**
 * The page of the tests of keys that change in a call: two adapters, one of which has each key later
 * than frames under it.
 *
 * @module
 */

import { turningKeys } from "../../support/turning_keys.ts";
import { after, connect, party, plays, type Side, sideOf, until } from "./party.ts";

/** What became of a call whose keys came late. */
export interface LateKeys {
  readonly played: boolean;
  /** From the key to the next picture, of each turn, in milliseconds. */
  readonly toPictureMs: readonly number[];
  /** The longest time without a picture, of each turn. */
  readonly freezeMs: readonly number[];
  /** How often the receiver asked for a key. */
  readonly requested: number;
  readonly missing: readonly number[];
  readonly ended: readonly Side[];
}

/** Turns the keys so often, and has the receiver wait so long for each. */
async function lateKeys(turns: number, lateMs: number): Promise<LateKeys> {
  const missing: number[] = [];
  const [a, b] = [
    await party(),
    await party({ onMissingKey: (ctx) => missing.push(ctx) }),
  ];
  await connect(a, b);
  await Promise.all([a.adapter.connected(), b.adapter.connected()]);
  const [ours, theirs] = [turningKeys("s", 0), turningKeys("s", 1)];
  await Promise.all([a.adapter.start(ours), b.adapter.start(theirs)]);
  const played = await until(10_000, async () => await plays(a) && await plays(b));
  const pictures = picturesOf(b.connection.getReceivers()[1]!.track);
  await after(500);
  const [toPictureMs, freezeMs]: [number[], number[]] = [[], []];
  for (let epoch = 2; epoch < 2 + turns; epoch++) {
    await ours.use(epoch);
    const turnedMs = performance.now();
    await after(lateMs);
    const before = pictures.length;
    const installMs = performance.now();
    await theirs.install(epoch);
    await until(5_000, () => pictures.length > before);
    toPictureMs.push(pictures[before]! - installMs);
    await after(500);
    const since = pictures.filter((at) => at >= turnedMs - 200);
    freezeMs.push(Math.max(...since.slice(1).map((at, i) => at - since[i]!)));
    await theirs.retire(epoch - 1);
  }
  for (const { connection } of [a, b]) {
    for (const sender of connection.getSenders()) await sender.replaceTrack(null);
  }
  await after(1_200);
  const ended = [await sideOf(a), await sideOf(b)];
  a.adapter.close();
  b.adapter.close();
  return {
    played,
    toPictureMs,
    freezeMs,
    requested: theirs.requested.length,
    missing,
    ended,
  };
}

/** When each picture of a track was decoded, from now on. */
function picturesOf(track: MediaStreamTrack): number[] {
  const times: number[] = [];
  const Processor = (globalThis as unknown as {
    MediaStreamTrackProcessor: new (of: { track: MediaStreamTrack }) => {
      readable: ReadableStream<{ close(): void }>;
    };
  }).MediaStreamTrackProcessor;
  (async () => {
    for await (const picture of new Processor({ track: track.clone() }).readable) {
      times.push(performance.now());
      picture.close();
    }
  })().catch(() => {});
  return times;
}

/** What the page can be asked for. */
export type LateKeysPage = typeof lateKeys;

Object.assign(globalThis, { lateKeys });
