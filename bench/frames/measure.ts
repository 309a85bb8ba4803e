/**
 * The part of the benchmark that runs where frames are encrypted: Countersign, its peer and the floor in turn.
 *
 * @module
 */

import { inTurn } from "../shared/rounds.ts";
import { liveKit } from "./livekit.ts";
import { ours } from "./ours.ts";
import { raw } from "./raw.ts";

const SIZES = [100, 1_200, 10_000, 100_000];

/** Times everything, with a line for each size and side. */
export async function measure(rounds: number, say: (line: string) => void): Promise<void> {
  say("microseconds a frame, one after the other (frames/s); how many times as long as ...");
  for (const bytes of SIZES) {
    const all = [await ours(bytes), await liveKit(bytes), await raw(bytes)]
      .filter((each) => each !== null);
    for (const side of ["protect", "unprotect"] as const) {
      const [own, ...others] = await inTurn(all.map((each) => each[side]), rounds);
      const us = own!.medianMs * 1_000;
      const ratios = others.map(({ who, medianMs }) =>
        `${who} ${(medianMs * 1_000).toFixed(1)}: ${(own!.medianMs / medianMs).toFixed(2)}`
      );
      const perSecond = Math.round(1e6 / us).toLocaleString("en");
      say(`${side} ${bytes} B: ${us.toFixed(1)} (${perSecond}); ${ratios.join("; ")}`);
    }
  }
}
