/**
 * A code as a QR code: dark on white whatever the theme, because some cameras read nothing else.
 *
 * @module
 */

const SVG = "http://www.w3.org/2000/svg";
/** The quiet zone around it, in modules (ISO/IEC 18004, 6.3.8). */
const QUIET = 4;

/** Draws a code into an element. */
export async function drawCode(frame: HTMLElement, code: string): Promise<void> {
  if (frame.dataset["code"] === code) return;
  frame.dataset["code"] = code;
  frame.replaceChildren();
  // Needed by few, so it is loaded only here.
  const { encodeQR } = await import("qr");
  // Another one may be wanted by now.
  if (frame.dataset["code"] !== code) return;
  const rows = encodeQR(code, "raw", { ecc: "medium", border: QUIET });
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", `0 0 ${rows.length} ${rows.length}`);
  svg.setAttribute("shape-rendering", "crispEdges");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", rows.map(runsOf).join(""));
  svg.append(path);
  frame.replaceChildren(svg);
}

/** The dark runs of a row, as parts of one path. */
function runsOf(row: readonly boolean[], y: number): string {
  let runs = "";
  for (let x = 0; x < row.length; x++) {
    if (row[x] !== true) continue;
    const start = x;
    while (row[x + 1] === true) x++;
    runs += `M${start} ${y}h${x - start + 1}v1H${start}z`;
  }
  return runs;
}
