/**
 * Drawings: SVG elements made by name, never from markup.
 *
 * @module
 */

const SVG = "http://www.w3.org/2000/svg";

/** A place in a drawing, in pixels. */
export interface Point {
  readonly x: number;
  readonly y: number;
}

/** An element with its attributes, and what stands in it. */
export function drawn<Tag extends keyof SVGElementTagNameMap>(
  tag: Tag,
  attributes: Readonly<Record<string, string | number>>,
  ...content: readonly (SVGElement | string)[]
): SVGElementTagNameMap[Tag] {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) {
    element.setAttribute(name, typeof value === "number" ? rounded(value) : value);
  }
  element.append(...content);
  return element;
}

/** A line from one place to another. */
export function line(from: Point, to: Point, className: string): SVGElement {
  return drawn("line", { x1: from.x, y1: from.y, x2: to.x, y2: to.y, class: className });
}

/** A disc. */
export function disc({ x, y }: Point, radius: number, className: string): SVGElement {
  return drawn("circle", { cx: x, cy: y, r: radius, class: className });
}

/** A square around a place. */
export function square({ x, y }: Point, half: number, className: string): SVGElement {
  return drawn("rect", {
    x: x - half,
    y: y - half,
    width: half * 2,
    height: half * 2,
    rx: half / 3,
    class: className,
  });
}

/** A short text centred over a place. */
export function label({ x, y }: Point, text: string, className: string): SVGElement {
  return drawn("text", { x, y, class: className }, text);
}

/** Replaces a drawing; a title would be read twice, the caption says it. */
export function setDrawing(
  svg: SVGSVGElement,
  width: number,
  height: number,
  content: readonly SVGElement[],
): void {
  svg.setAttribute("viewBox", `0 0 ${rounded(width)} ${rounded(height)}`);
  svg.setAttribute("width", rounded(width));
  svg.setAttribute("height", rounded(height));
  svg.replaceChildren(...content);
}

function rounded(value: number): string {
  return String(Math.round(value * 100) / 100);
}
