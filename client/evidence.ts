/**
 * What may convict the service, kept as texts until the user exports it.
 *
 * @module
 */

import { type Evidence } from "../crypto/evidence.ts";
import { formatEvidence } from "../crypto/evidence_text.ts";
import { cell, change, keep, readCell } from "./cell.ts";
import { type Store } from "./store.ts";

/** Most pieces that are kept; the oldest convict as well as newer ones. */
const MAX_EVIDENCE = 16;

const EVIDENCE = cell<readonly string[]>("evidence");

/** Keeps a piece of evidence, once. */
export function keepEvidence(store: Store, evidence: Evidence): Promise<void> {
  return change(store, [EVIDENCE], ([held]) => {
    const kept = held ?? [];
    const text = formatEvidence(evidence);
    const isNew = !kept.includes(text);
    const changes = isNew && kept.length < MAX_EVIDENCE ? keep(EVIDENCE, [...kept, text]) : {};
    return { changes, result: undefined };
  });
}

/** All that is kept, oldest first: texts for `judgeEvidence`. */
export async function readEvidence(store: Store): Promise<readonly string[]> {
  return await readCell(store, EVIDENCE) ?? [];
}
