/**
 * The way of each version through the prefix tree, as a verified proof shows it: what is on a way is
 * computed from what stands at its end, what is beside one is a hash of the proof.
 *
 * @module
 */

import { type PrefixSight } from "../../client/log_view.ts";
import { disc, drawn, label, line, type Point, setDrawing, square } from "./svg.ts";

/** A version that was searched for, in the order of the proof. */
export interface SearchedVersion {
  readonly version: number;
  readonly present: boolean;
}

const MARGIN = 26;
const TOP = 16;
const LABEL_HEIGHT = 40;
/** How far apart ways must be for a word beneath each end. */
const ROOM_FOR_WORDS = 30;

/** Where everything stands. */
interface Layout {
  /** The next free column. */
  column: number;
  readonly pitch: number;
  readonly left: number;
  readonly step: number;
  readonly edges: SVGElement[];
  readonly nodes: SVGElement[];
  lowest: number;
}

/** Draws the ways into an SVG as wide as there is room. */
export function drawPrefix(
  svg: SVGSVGElement,
  sight: PrefixSight,
  versions: readonly SearchedVersion[],
  room: number,
): void {
  const columns = columnsOf(sight);
  const pitch = columns < 2 ? 0 : Math.min(58, (room - 2 * MARGIN) / (columns - 1));
  const layout: Layout = {
    column: 0,
    pitch,
    left: (room - pitch * (columns - 1)) / 2,
    step: Math.max(16, Math.min(40, 400 / Math.max(1, depthOf(sight)))),
    edges: [],
    nodes: [],
    lowest: TOP,
  };
  const root = place(layout, sight, 0, versions);
  layout.nodes.push(disc(root, 7, "node top"));
  const height = layout.lowest + LABEL_HEIGHT;
  setDrawing(svg, room, height, [...layout.edges, ...layout.nodes]);
}

/** Lays a subtree out, left to right, and gives its place. */
function place(
  layout: Layout,
  sight: PrefixSight,
  depth: number,
  versions: readonly SearchedVersion[],
): Point {
  const y = TOP + depth * layout.step;
  layout.lowest = Math.max(layout.lowest, y);
  if (sight.kind !== "node") {
    const x = layout.left + layout.pitch * layout.column++;
    if (sight.kind === "end") drawEnd(layout, sight, { x, y }, versions);
    else layout.nodes.push(square({ x, y }, 5, sight.empty ? "node empty" : "node beside"));
    return { x, y };
  }
  const left = place(layout, sight.left, depth + 1, versions);
  const right = place(layout, sight.right, depth + 1, versions);
  const here = { x: (left.x + right.x) / 2, y };
  for (const [child, to, bit] of [[sight.left, left, "0"], [sight.right, right, "1"]] as const) {
    const isWay = child.kind !== "beside";
    layout.edges.push(line(here, to, isWay ? "edge way" : "edge beside"));
    if (isWay && layout.step >= 24) layout.edges.push(bitAt(here, to, bit));
  }
  if (depth > 0) layout.nodes.push(disc(here, 4, "node way"));
  return here;
}

function drawEnd(
  layout: Layout,
  sight: Extract<PrefixSight, { kind: "end" }>,
  at: Point,
  versions: readonly SearchedVersion[],
): void {
  const namesOf = (searches: readonly number[]) =>
    searches.map((search) => versions[search]!.version).sort((a, b) => a - b)
      .map((version) => `v${version}`).join(", ");
  const isOwn = sight.own.length > 0;
  const mark = isOwn
    ? square(at, 8, "leaf own")
    : sight.leaf
    ? square(at, 7, "leaf other")
    : disc(at, 7, "leaf nothing");
  // Where ways are close, the mark alone says what the word would.
  const hasRoom = layout.pitch === 0 || layout.pitch >= ROOM_FOR_WORDS;
  const lines = [
    { text: namesOf(sight.own), kind: "version", word: "present" },
    { text: namesOf(sight.missed), kind: "version missed", word: "absent" },
  ].filter(({ text }) => text !== "").flatMap(({ text, kind, word }) => [
    { text, kind },
    ...hasRoom ? [{ text: word, kind: "count" }] : [],
  ]);
  const labels = lines.map(({ text, kind }, i) => {
    return label({ x: at.x, y: at.y + 24 + 15 * i }, text, kind);
  });
  // A key that is absent may end at the leaf of another version.
  layout.lowest = Math.max(layout.lowest, at.y + (lines.length > 2 ? 32 : 0));
  layout.nodes.push(drawn("g", { class: "end" }, mark, ...labels));
}

function bitAt(from: Point, to: Point, bit: string): SVGElement {
  const side = to.x < from.x ? -7 : 7;
  return label({ x: (from.x + to.x) / 2 + side, y: (from.y + to.y) / 2 + 1 }, bit, "bit");
}

function columnsOf(sight: PrefixSight): number {
  return sight.kind === "node" ? columnsOf(sight.left) + columnsOf(sight.right) : 1;
}

function depthOf(sight: PrefixSight): number {
  return sight.kind === "node" ? 1 + Math.max(depthOf(sight.left), depthOf(sight.right)) : 0;
}
