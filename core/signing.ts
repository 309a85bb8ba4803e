/**
 * The log's own signatures under a head: Ed25519 always, ML-DSA-44 as a second line where it is
 * configured. Nothing but the publisher signs heads, and only those that `head_watch.ts` found sound.
 *
 * @module
 */

import { encodeCheckpoint } from "../crypto/checkpoint.ts";
import { formatNote, parseNote, signNote } from "../crypto/note.ts";
import { type TreeHead } from "./freeze.ts";
import { type ServiceKeys } from "./service_keys.ts";

/** The keys that sign heads. */
export type LogKeys = Pick<ServiceKeys, "logSigner" | "logCosigner" | "logKeys" | "logVerifierKey">;

/** The note of a head with the log's signatures. */
export async function signHead(
  keys: LogKeys,
  origin: string,
  { size, root }: TreeHead,
  nowMs: number,
): Promise<string> {
  const text = encodeCheckpoint({ origin, size, root });
  const note = await signNote(text, [keys.logSigner]);
  if (keys.logCosigner === null) return note;
  const line = await keys.logCosigner.sign(text, Math.max(1, Math.floor(nowMs / 1000)));
  return formatNote(text, [...parseNote(note).signatures, line]);
}

/** A note with the log's own lines alone. */
export function withoutCosignatures(note: string, origin: string): string {
  const { text, signatures } = parseNote(note);
  return formatNote(text, signatures.filter(({ name }) => name === origin));
}
