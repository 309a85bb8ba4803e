/**
 * The page of the test of a mesh: three people, a connection for each two, and one worker for each of the
 * three. The third sends to the first in the name of the second when it is told to.
 *
 * @module
 */

import { browserMedia } from "../../../client/adapters/browser.ts";
import { toHex } from "../../../crypto/bytes.ts";
import { type TurningKeys, turningKeys } from "../../support/turning_keys.ts";
import { type SeenFrame } from "./codec_page.ts";
import { connect, countsOf, type Party, party, plays, type Side, sideOf, until } from "./party.ts";
import { type TappedFrame } from "./tap_worker.ts";

/** What became of a mesh. */
export interface Mesh {
  readonly played: boolean;
  /** The sides by name, `01` that of the first to the second. */
  readonly sides: Readonly<Record<string, Side>>;
  /** Whether the others play on once the second and the third hung up on each other. */
  readonly playsOn: boolean;
  /** All that came, before anything was opened. */
  readonly frames: readonly SeenFrame[];
}

const SMALL = { width: 160, height: 120 };
const PAIRS = [[0, 1], [0, 2], [1, 2]] as const;

/** Calls until all see each other. @param lies whether the third has the second's keys for the first */
async function mesh(lies: boolean): Promise<Mesh> {
  const frames: SeenFrame[] = [];
  const channel = new BroadcastChannel("frames");
  channel.onmessage = ({ data: { bytes, ...frame } }: MessageEvent<TappedFrame>) => {
    if (frame.side === "recv") frames.push({ ...frame, hex: toHex(bytes) });
  };
  // The fourth is for whoever lies, on one connection.
  const workers = [0, 1, 2, 3].map(() => browserMedia(() => new Worker("/tap_worker.js")));
  const parties = new Map<string, Party>();
  for (const [a, b] of PAIRS) {
    const make = (self: number) => party({ shared: workers[self]!, size: SMALL });
    const isLie = lies && a === 0 && b === 2;
    const [ours, theirs] = [await make(a), await make(isLie ? 3 : b)];
    parties.set(`${a}${b}`, ours).set(`${b}${a}`, theirs);
    await connect(ours, theirs);
  }
  await Promise.all(
    [...parties].map(async ([name, { adapter }]) => {
      const [self, peer] = [Number(name[0]), Number(name[1])];
      await adapter.connected();
      await adapter.start(keysFor(lies && name === "20" ? 1 : self), peer);
    }),
  );
  const honest = [...parties].filter(([name]) => !lies || name !== "02" && name !== "20");
  const all = async (some: readonly (readonly [string, Party])[]) =>
    (await Promise.all(some.map(([, each]) => plays(each)))).every((each) => each);
  const played = await until(20_000, () => all(honest));
  const ended: Record<string, Side> = {};
  for (const [name, each] of parties) ended[name] = await sideOf(each);
  for (const name of ["12", "21"]) parties.get(name)!.adapter.close();
  const before = await countsOf(parties.get("01")!.connection);
  const playsOn = await until(
    10_000,
    async () =>
      (await countsOf(parties.get("01")!.connection)).framesDecoded > before.framesDecoded + 20,
  );
  for (const { adapter } of parties.values()) adapter.close();
  for (const worker of workers) worker.close();
  channel.close();
  return { played, sides: ended, playsOn, frames };
}

/** A view of one's keys for each connection: each has a listener of its own. */
function keysFor(self: number): TurningKeys {
  return turningKeys("mesh", self);
}

Object.assign(globalThis, { mesh });
