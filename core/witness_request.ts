/**
 * What a log sends to a witness (C2SP tlog-witness, `add-checkpoint`), taken apart and not believed.
 *
 *     body = "old " decimal(size) LF *63(base64(hash) LF) LF note
 *
 * @module
 */

import { fromBase64 } from "../crypto/base64.ts";
import { type Bytes } from "../crypto/bytes.ts";
import { parseDecimal } from "../crypto/checkpoint.ts";
import { HASH_BYTES } from "../crypto/primitives.ts";

/** A request to cosign. Nothing in it is verified. */
export interface AddCheckpoint {
  /** The size of which the log believes that the witness has it. */
  readonly old: number;
  /** From `old` to the checkpoint's size, 32 bytes each. */
  readonly proof: readonly Bytes[];
  /** The signed checkpoint. */
  readonly note: string;
}

const MAX_PROOF_LINES = 63;

/** Reads a request, or null where the text is none. */
export function parseAddCheckpoint(body: string): AddCheckpoint | null {
  // The first blank line: those before it are never empty, and the note may have more.
  const blank = body.indexOf("\n\n");
  if (blank < 0) return null;
  const [first, ...lines] = body.slice(0, blank).split("\n", MAX_PROOF_LINES + 2);
  const old = first?.startsWith("old ") ? parseDecimal(first.slice(4)) : null;
  if (old === null || lines.length > MAX_PROOF_LINES) return null;
  const proof: Bytes[] = [];
  for (const line of lines) {
    const hash = fromBase64(line);
    if (hash?.length !== HASH_BYTES) return null;
    proof.push(hash);
  }
  return { old, proof, note: body.slice(blank + 2) };
}
