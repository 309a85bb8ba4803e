/**
 * Evidence as a text that is kept, handed on, and judged by anybody.
 *
 *     countersign.evidence/1
 *     { "kind": "heads", "first", "second", "consistency": [base64, ...] }
 *     { "kind": "epoch", "head", "index", "before", "batch", "root", "transition": base64 }
 *         before, batch, root = { "entry": base64, "hashes": [base64, ...] }
 *
 * Nothing read here is believed; `evidence.ts` judges.
 *
 * @module
 */

import { fromBase64, toBase64 } from "./base64.ts";
import { type Bytes } from "./bytes.ts";
import { CryptoError } from "./error.ts";
import { type Evidence } from "./evidence.ts";
import { type ProvenEntry } from "./transition_audit.ts";

/** How such a text begins. */
export const EVIDENCE_HEADER = "countersign.evidence/1";
const MAX_LENGTH = 1024 * 1024;
const MAX_HASHES = 64;

/** The text of evidence. */
export function formatEvidence(evidence: Evidence): string {
  return `${EVIDENCE_HEADER}\n${JSON.stringify(plain(evidence), null, 2)}\n`;
}

/** Reads such a text. @throws CryptoError `malformed` */
export function parseEvidence(text: string): Evidence {
  if (!text.startsWith(`${EVIDENCE_HEADER}\n`) || text.length > MAX_LENGTH) throw malformed();
  let value: unknown;
  try {
    value = JSON.parse(text.slice(EVIDENCE_HEADER.length + 1));
  } catch {
    throw malformed();
  }
  const fields = objectOf(value);
  const { kind, first, second, head, index } = fields;
  if (kind === "heads") {
    const consistency = hashesOf(fields.consistency);
    return { kind, first: textOf(first), second: textOf(second), consistency };
  }
  if (kind !== "epoch" || !Number.isSafeInteger(index)) throw malformed();
  const answer = {
    before: entryOf(fields.before),
    batch: entryOf(fields.batch),
    root: entryOf(fields.root),
    transition: bytesOf(fields.transition),
  };
  return { kind, head: textOf(head), index: index as number, answer };
}

function plain(evidence: Evidence): unknown {
  if (evidence.kind === "heads") {
    return { ...evidence, consistency: evidence.consistency.map(toBase64) };
  }
  const { kind, head, index, answer: { before, batch, root, transition } } = evidence;
  const [a, b, c] = [before, batch, root].map(({ entry, hashes }) => ({
    entry: toBase64(entry),
    hashes: hashes.map(toBase64),
  }));
  return { kind, head, index, before: a, batch: b, root: c, transition: toBase64(transition) };
}

function entryOf(value: unknown): ProvenEntry {
  const { entry, hashes } = objectOf(value);
  return { entry: bytesOf(entry), hashes: hashesOf(hashes) };
}

function hashesOf(value: unknown): readonly Bytes[] {
  if (!Array.isArray(value) || value.length > MAX_HASHES) throw malformed();
  return value.map(bytesOf);
}

function bytesOf(value: unknown): Bytes {
  const bytes = fromBase64(textOf(value));
  if (bytes === null) throw malformed();
  return bytes;
}

function textOf(value: unknown): string {
  if (typeof value !== "string") throw malformed();
  return value;
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null) throw malformed();
  return value as Record<string, unknown>;
}

function malformed(): CryptoError {
  return new CryptoError("malformed", "Not evidence about a log");
}
