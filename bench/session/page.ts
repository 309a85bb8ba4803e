/**
 * The part of the benchmark that runs in a browser: Countersign alone, on Web APIs, because its native peer
 * has no build for browsers.
 *
 * @module
 */

import { makePair, messages, offers, rekeys, setups } from "./ours.ts";
import { inTurn } from "../shared/rounds.ts";

/** Times everything and gives a line each. */
async function measure(rounds: number): Promise<readonly string[]> {
  const pair = await makePair();
  const rows = [
    { name: "offer + accept", contender: offers(pair) },
    { name: "full setup", contender: setups(pair) },
    { name: "rekey of both sides", contender: rekeys(pair) },
    ...[100, 1_000, 10_000].map((bytes) => ({
      name: `message of ${bytes} B`,
      contender: messages(pair, bytes),
    })),
  ];
  const lines: string[] = [];
  for (const { name, contender } of rows) {
    const [timed] = await inTurn([contender], rounds);
    lines.push(`${name}: ${timed!.medianMs.toFixed(3)} ms`);
  }
  return lines;
}

Object.assign(globalThis, { measure });
