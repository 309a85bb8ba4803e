/**
 * What may convict the service, kept as texts until the user exports it.
 *
 * What convicts is kept before what only was not explained, and one thing is kept once: a service that
 * hands out worthless pieces leaves room for the one that counts.
 *
 * @module
 */

import { type Evidence, judgeEvidence } from "../crypto/evidence.ts";
import { formatEvidence } from "../crypto/evidence_text.ts";
import { type LogIdentity } from "../crypto/head.ts";
import { cell, change, keep, readCell } from "./cell.ts";
import { type Store } from "./store.ts";

/** Most pieces that are kept; the oldest convict as well as newer ones. */
const MAX_EVIDENCE = 16;

/** A piece of evidence. */
type Piece = {
  readonly text: string;
  /** What it is about: two heads, or an epoch. */
  readonly about: string;
  /** Whether it convicts. */
  readonly convicts: boolean;
};

const EVIDENCE = cell<readonly Piece[]>("evidence");

/** Judges a piece of evidence, and keeps it if it shows a fault. */
export async function keepEvidence(
  store: Store,
  log: Pick<LogIdentity, "origin" | "policy">,
  evidence: Evidence,
): Promise<void> {
  const judgement = await judgeEvidence(log, evidence);
  if (judgement === "consistent") return;
  const convicts = judgement !== "unexplained";
  const piece = { text: formatEvidence(evidence), about: aboutOf(evidence), convicts };
  await change(store, [EVIDENCE], ([held]) => {
    const pieces = withPiece(held ?? [], piece);
    return { changes: pieces === null ? {} : keep(EVIDENCE, pieces), result: undefined };
  });
}

/** All that is kept, oldest first: texts for `judgeEvidence`. */
export async function readEvidence(store: Store): Promise<readonly string[]> {
  return (await readCell(store, EVIDENCE) ?? []).map(({ text }) => text);
}

/** The pieces with one more, or null where it adds nothing. */
function withPiece(pieces: readonly Piece[], piece: Piece): readonly Piece[] | null {
  const same = pieces.find(({ about }) => about === piece.about);
  const isFull = pieces.length >= MAX_EVIDENCE;
  if (same === undefined && !isFull) return [...pieces, piece];
  if (!piece.convicts || same?.convicts === true) return null;
  const worthless = same ?? pieces.find(({ convicts }) => !convicts);
  if (worthless === undefined) return null;
  return [...pieces.filter((one) => one !== worthless), piece];
}

function aboutOf(evidence: Evidence): string {
  if (evidence.kind === "epoch") return `epoch ${evidence.index}`;
  // Two notes of one head may differ in who signed them.
  const bodies = [evidence.first, evidence.second].map((note) => note.split("\n\n")[0]);
  return bodies.sort().join("\n\n");
}
