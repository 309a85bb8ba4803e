/**
 * The log's Merkle tree as a range of mountains: one for each complete subtree of its size, the oldest
 * and largest first, folded from right to left into the root.
 *
 *     root = node(C1, node(C2, ... node(Cm-1, Cm)))
 *
 * A small mountain is drawn leaf by leaf, of a large one only the upper levels. Widths grow with the
 * level and not with the entries, so a log of a million entries still fits a phone.
 *
 * @module
 */

import { disc, drawn, label, line, type Point, setDrawing, square } from "./svg.ts";

/** A complete subtree of 2^level entries. */
export interface Peak {
  readonly level: number;
  readonly index: number;
}

/** What to draw. */
export interface TreeView {
  /** The complete subtrees, left to right. */
  readonly peaks: readonly Peak[];
  /** Entries that were there before: what lies beyond is shown as new. */
  readonly before: number;
  /** Whether the way from the root to the last entry is what matters. */
  readonly way: boolean;
}

/** Levels that are drawn of one mountain. */
const SHOWN_LEVELS = 4;
const MARGIN = 14;
const LABEL_HEIGHT = 22;

/** A mountain with its place. */
interface Mountain extends Peak {
  readonly apex: Point;
  readonly width: number;
}

/** Draws the tree into an SVG as wide as there is room. */
export function drawTree(svg: SVGSVGElement, view: TreeView, room: number): void {
  const weights = view.peaks.map(({ level }) => weightOf(level));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const unit = Math.min(48, (room - 2 * MARGIN) / total);
  const top = Math.max(...view.peaks.map(({ level }) => level));
  const step = Math.min(30, 150 / Math.max(1, top));
  const foldStep = Math.max(10, Math.min(24, 130 / view.peaks.length));

  // Upwards from the ground at 0; how high it gets shows when all is placed.
  let at = (room - total * unit) / 2;
  const mountains = view.peaks.map((peak, i): Mountain => {
    const width = weights[i]! * unit;
    const apex = { x: at + width / 2, y: -step * peak.level };
    at += width;
    return { ...peak, apex, width };
  });
  const folds = foldsOf(mountains, foldStep);
  const height = MARGIN - (folds.at(-1) ?? mountains[0]!.apex).y;
  const content = [
    ...drawnFolds(mountains, folds, view.way),
    ...mountains.flatMap((mountain, i) => {
      return drawnMountain(mountain, view, view.way && i < mountains.length - 1);
    }),
  ];
  const moved = drawn("g", { transform: `translate(0 ${height.toFixed(2)})` }, ...content);
  setDrawing(svg, room, height + LABEL_HEIGHT + 4, [moved]);
}

/** The complete subtrees of a tree of so many entries, left to right. */
export function completeSubtrees(size: number): Peak[] {
  const peaks: Peak[] = [];
  for (let at = 0; at < size;) {
    const level = Math.floor(Math.log2(size - at));
    peaks.push({ level, index: at / 2 ** level });
    at += 2 ** level;
  }
  return peaks;
}

function weightOf(level: number): number {
  return 1 + level * (level <= SHOWN_LEVELS ? 0.9 : 0.6);
}

/** The nodes above the mountains, from the right and upwards to the root. */
function foldsOf(mountains: readonly Mountain[], step: number): Point[] {
  const folds: Point[] = [];
  let right = mountains.at(-1)!.apex;
  for (const { apex } of mountains.slice(0, -1).reverse()) {
    right = { x: (apex.x + right.x) / 2, y: Math.min(apex.y, right.y) - step };
    folds.push(right);
  }
  return folds;
}

function drawnFolds(
  mountains: readonly Mountain[],
  folds: readonly Point[],
  way: boolean,
): SVGElement[] {
  const last = mountains.at(-1)!.apex;
  const edges = folds.flatMap((node, i) => [
    line(node, mountains.at(-2 - i)!.apex, way ? "edge beside" : "edge"),
    line(node, folds[i - 1] ?? last, way ? "edge way" : "edge"),
  ]);
  const nodes = folds.slice(0, -1).map((node) => disc(node, 4, way ? "node way" : "node"));
  return [...edges, ...nodes, disc(folds.at(-1) ?? last, 7, "node top")];
}

function drawnMountain(
  { level, index, apex, width }: Mountain,
  { before, way }: TreeView,
  isBeside: boolean,
): SVGElement[] {
  const first = index * 2 ** level;
  const count = 2 ** level;
  const levels = Math.min(level, SHOWN_LEVELS);
  const isNew = !way && before > 0 && first + count > before;
  const parts: SVGElement[] = [];
  const span = width * (level === 0 ? 0 : 0.86);
  const drop = levels === 0 ? 0 : -apex.y / levels;
  const place = (down: number, i: number): Point => ({
    x: apex.x - span / 2 + span * (i + 0.5) / 2 ** down,
    y: apex.y + drop * down,
  });
  if (level > 0) {
    const sides = Array.from({ length: levels }, (_, i) => i + 1);
    const corners = [
      apex,
      ...sides.map((down) => place(down, 2 ** down - 1)),
      ...sides.reverse().map((down) => place(down, 0)),
    ];
    const points = corners.map(({ x, y }) => `${x.toFixed(1)},${y.toFixed(1)}`).join(" ");
    parts.push(drawn("polygon", { points, class: "rock" }));
  }
  for (let down = 0; down < levels; down++) {
    for (let i = 0; i < 2 ** down; i++) {
      for (const child of [2 * i, 2 * i + 1]) {
        parts.push(line(place(down, i), place(down + 1, child), "edge"));
      }
      if (down > 0) parts.push(disc(place(down, i), 2, "node small"));
    }
  }
  if (level <= SHOWN_LEVELS) {
    const half = Math.max(2, Math.min(5, span / count / 2.6 || 5));
    for (let i = 0; i < count; i++) {
      parts.push(
        leafAt(place(levels, i), first + i, half, !way && first + i >= before && before > 0),
      );
    }
  } else {
    parts.push(line({ x: apex.x - span / 2, y: 0 }, { x: apex.x + span / 2, y: 0 }, "ground"));
  }
  if (isBeside) parts.push(square(apex, 5, "node beside"));
  else if (level > 0) parts.push(disc(apex, 3.5, "node"));
  if (width >= 26) {
    parts.push(label({ x: apex.x, y: LABEL_HEIGHT - 3 }, shortCount(count), "count"));
  }
  if (isNew) return [drawn("g", { class: "grown" }, ...parts)];
  return isBeside ? [drawn("g", { class: "aside" }, ...parts)] : parts;
}

function leafAt(place: Point, index: number, half: number, isNew: boolean): SVGElement {
  const kind = index === 0 ? "config" : index % 2 === 1 ? "batch" : "root";
  return square(place, half, `leaf ${kind}${isNew ? " fresh" : ""}`);
}

/** 65,536 as it is, 1,048,576 as 1 Mi: binary, as the tree counts. */
function shortCount(count: number): string {
  return count < 2 ** 20 ? count.toLocaleString("en") : `${count / 2 ** 20} Mi`;
}
