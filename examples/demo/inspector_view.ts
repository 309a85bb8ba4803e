/**
 * The inspector of a call: frames and bits each way over the last minute, the keys in use, what was refused,
 * and the log that vouches for the other side.
 *
 * @module
 */

import { drawPlot } from "./plot.ts";
import { setText } from "./parts.ts";
import { type CallView, type State } from "./state.ts";
import { codecsOf, refusedDetail, wayOf } from "./words.ts";

/** What goes on in the call on the screen. */
export function renderInspector({ screen }: State): void {
  if (screen.at !== "call") return;
  const { samples, epoch, logSize, path, stats }: CallView = screen.call;
  const latest = samples.at(-1);
  drawPlot("plot-frames", [
    { name: "out", values: samples.map(({ sent }) => sent) },
    { name: "in", values: samples.map(({ opened }) => opened) },
  ], `${round(latest?.sent)} sent, ${round(latest?.opened)} received`);
  drawPlot("plot-bits", [
    { name: "out", values: samples.map(({ sentKbits }) => sentKbits) },
    { name: "in", values: samples.map(({ openedKbits }) => openedKbits) },
  ], `${round(latest?.sentKbits)} sent, ${round(latest?.openedKbits)} received`);
  setText("inspect-epoch", epoch === null ? "None yet" : `Epoch ${epoch}`);
  setText("inspect-codecs", codecsOf(path));
  setText("inspect-path", wayOf(path));
  const dropped = samples.reduce((sum, { refused }) => sum + refused, 0);
  const reasons = refusedDetail(stats);
  setText(
    "inspect-drops",
    dropped < 0.5 ? "None" : `${round(dropped)}; since the beginning ${reasons}`,
  );
  setText("inspect-log", logSize === null ? "Not known" : `${logSize.toLocaleString()} entries`);
}

function round(value: number | undefined): string {
  return Math.round(value ?? 0).toLocaleString();
}
