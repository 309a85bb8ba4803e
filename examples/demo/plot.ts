/**
 * A small plot of two lines over a minute, drawn as SVG; its words say the latest values.
 *
 * @module
 */

import { MAX_SAMPLES } from "./history.ts";
import { part, setText } from "./parts.ts";

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 240;
const HEIGHT = 64;

/** A line of a plot. */
export interface PlotLine {
  /** What it is, as a class of the style sheet. */
  readonly name: "out" | "in";
  /** The oldest first. */
  readonly values: readonly number[];
}

/** Draws the lines into a part, and says what they show. */
export function drawPlot(name: string, lines: readonly PlotLine[], words: string): void {
  const figure = part(name);
  setText(`${name}-words`, words);
  const highest = Math.max(1, ...lines.flatMap(({ values }) => values));
  const svg = figure.querySelector("svg") ?? figure.appendChild(newPlot());
  for (const line of lines) {
    const shape = svg.querySelector(`.${line.name}`) ?? svg.appendChild(newLine(line.name));
    shape.setAttribute("points", pointsOf(line.values, highest));
  }
}

/** The latest is at the right edge. */
function pointsOf(values: readonly number[], highest: number): string {
  const step = WIDTH / (MAX_SAMPLES - 1);
  return values.map((value, i) => {
    const x = WIDTH - (values.length - 1 - i) * step;
    const y = HEIGHT - 2 - (HEIGHT - 4) * value / highest;
    return `${x.toFixed(1)},${y.toFixed(1)}`;
  }).join(" ");
}

function newPlot(): SVGElement {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("aria-hidden", "true");
  return svg;
}

function newLine(name: string): SVGElement {
  const line = document.createElementNS(SVG, "polyline");
  line.setAttribute("class", name);
  return line;
}
