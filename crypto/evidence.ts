/**
 * Evidence against a log: two heads that it signed, and what shows that no one history has both.
 *
 *     equal sizes, other roots          the notes alone convict
 *     from < to, consistency proof      the proof leads from the newer note's root to a root at `from`
 *                                       that is not the older note's
 *
 * A consistency proof reconstructs both roots, the older one as the newer tree has it. So an honest
 * proof of the newer history convicts the older note, whoever handed it over. Without one, the log has
 * only failed to explain itself.
 *
 * @module
 */

import { fromBase64, toBase64 } from "./base64.ts";
import { type Bytes, equal } from "./bytes.ts";
import { type SignedCheckpoint } from "./checkpoint.ts";
import { CryptoError } from "./error.ts";
import { type LogIdentity, openHead } from "./head.ts";
import { consistencyRoots } from "./tree.ts";

const HEADER = "countersign.evidence/1";
const MAX_LENGTH = 1024 * 1024;
const MAX_HASHES = 64;

/** Two heads of one log that contradict each other, or that the log could not explain. */
export type Evidence = {
  /** The head that was trusted, or the smaller one: a note. */
  readonly first: string;
  /** The head that was shown beside it: a note. */
  readonly second: string;
  /** What was given as the consistency proof between them; empty where nothing was. */
  readonly consistency: readonly Bytes[];
};

/** What evidence comes to. */
export type Judgement =
  /** The log signed two histories. */
  | "forked"
  /** One history has both heads: no fault is shown. */
  | "consistent"
  /** The log signed both, and nothing shows that one history has both. */
  | "unexplained";

/**
 * Judges evidence under the log's keys alone.
 *
 * @throws CryptoError `bad_note`, `other_log`, `malformed`, `bad_checkpoint`
 */
export async function judgeEvidence(
  log: Pick<LogIdentity, "origin" | "policy">,
  { first, second, consistency }: Evidence,
): Promise<Judgement> {
  const [older, newer] = (await Promise.all([first, second].map((note) => openHead(log, note))))
    .sort((a, b) => a.size - b.size) as [SignedCheckpoint, SignedCheckpoint];
  if (older.size === newer.size) return equal(older.root, newer.root) ? "consistent" : "forked";
  const roots = consistencyRoots(older.size, older.root, newer.size, consistency);
  if (roots === null || !equal(roots.newer, newer.root)) return "unexplained";
  return equal(roots.older, older.root) ? "consistent" : "forked";
}

/** Evidence as a text to keep and to hand on. */
export function formatEvidence({ first, second, consistency }: Evidence): string {
  const hashes = consistency.map(toBase64);
  return `${HEADER}\n${JSON.stringify({ first, second, consistency: hashes }, null, 2)}\n`;
}

/** Reads such a text. @throws CryptoError `malformed` */
export function parseEvidence(text: string): Evidence {
  const evidence = text.startsWith(`${HEADER}\n`) && text.length <= MAX_LENGTH
    ? evidenceOf(text.slice(HEADER.length + 1))
    : null;
  if (evidence === null) throw new CryptoError("malformed", "Not evidence about a log");
  return evidence;
}

function evidenceOf(json: string): Evidence | null {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    return null;
  }
  if (typeof value !== "object" || value === null) return null;
  const { first, second, consistency } = value as Record<string, unknown>;
  if (typeof first !== "string" || typeof second !== "string") return null;
  if (!Array.isArray(consistency) || consistency.length > MAX_HASHES) return null;
  const hashes = consistency.map((hash) => typeof hash === "string" ? fromBase64(hash) : null);
  if (hashes.some((hash) => hash?.length !== 32)) return null;
  return { first, second, consistency: hashes as Bytes[] };
}
