/**
 * Verdicts as tables for people: the project's own, and beside them what each runtime's WebCrypto says
 * where that is not the same.
 *
 * @module
 */

import { ACCEPTS, type Case } from "./checks/case.ts";
import { type Verdicts } from "./checks/verdicts.ts";
import { type Ran } from "./everywhere.ts";

type Row = readonly string[];

/** Whether a verdict of the project is a refusal; a broken length of our own is an `Error`. */
export function isRefusal(verdict: string): boolean {
  return verdict.startsWith("refuses") || verdict === "throws Error";
}

/** The project's verdicts, counted by algorithm, author and what the author says. */
export function ourTable(cases: readonly Case[], all: readonly Ran<Verdicts>[]): string {
  const counts = new Map<string, { accepted: number; refused: number; differ: number }>();
  cases.forEach(({ algorithm, source, says }, i) => {
    const key = [algorithm, source, says].join("\t");
    const row = counts.get(key) ?? { accepted: 0, refused: 0, differ: 0 };
    const ours = new Set(all.map(({ output }) => output.verdicts[i]!.ours));
    if (ours.size > 1) row.differ++;
    else if (ours.has(ACCEPTS)) row.accepted++;
    else row.refused++;
    counts.set(key, row);
  });
  const head = ["algorithm", "author", "says", "accepted", "refused", "runtimes differ"];
  const rows = [...counts].map(([key, { accepted, refused, differ }]) => [
    ...key.split("\t"),
    ...[accepted, refused, differ].map(String),
  ]);
  return layOut([head, ...rows]);
}

/** What an author calls valid or acceptable and the project refuses, counted by the reason. */
export function stricterTable(cases: readonly Case[], all: readonly Ran<Verdicts>[]): string {
  const counts = new Map<string, number>();
  cases.forEach(({ algorithm, says, why }, i) => {
    const strict = all.every(({ output }) => isRefusal(output.verdicts[i]!.ours));
    if (!strict || (says !== "valid" && says !== "acceptable")) return;
    const key = [algorithm, says, why].join("\t");
    counts.set(key, (counts.get(key) ?? 0) + 1);
  });
  const rows = [...counts].map(([key, n]) => [...key.split("\t"), String(n)]);
  return layOut([["algorithm", "says", "refused because", "vectors"], ...rows]);
}

/**
 * What each WebCrypto says, where two of them part, or where one takes what the project refuses.
 *
 * Runtimes part where one takes and another doesn't, or where they refuse at different steps.
 */
export function rawTable(cases: readonly Case[], all: readonly Ran<Verdicts>[]): string {
  const counts = new Map<string, number>();
  cases.forEach(({ algorithm, source, why }, i) => {
    // The same vectors once more, for the sake of the project's own functions.
    if (algorithm === "X25519 unparsed") return;
    const { ours } = all[0]!.output.verdicts[i]!;
    const raw = all.map(({ output }) => output.verdicts[i]!.raw);
    const steps = new Set(raw.filter((verdict) => verdict !== "absent").map(stepOf));
    if (steps.size < 2 && !(isRefusal(ours) && steps.has(ACCEPTS))) return;
    const key = [algorithm, source, why, isRefusal(ours) ? "refuses" : ours, ...raw].join("\t");
    counts.set(key, (counts.get(key) ?? 0) + 1);
  });
  const head = ["algorithm", "author", "vector", "n", "ours", ...all.map(({ runtime }) => runtime)];
  const rows = [...counts].map(([key, n]) => {
    const [algorithm, source, why, ...verdicts] = key.split("\t");
    return [algorithm!, source!, why!, String(n), ...verdicts];
  });
  return layOut([head, ...rows]);
}

/** "import" of "import: DataError": runtimes give one refusal different names. */
function stepOf(verdict: string): string {
  return verdict.split(":")[0]!;
}

function layOut(rows: readonly Row[]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows
    .map((row) => row.map((cell, i) => cell.padEnd(widths[i]!)).join("  ").trimEnd())
    .join("\n");
}
