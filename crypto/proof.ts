/**
 * The text of a proof that can be kept and checked offline (C2SP tlog-proof).
 *
 *     c2sp.org/tlog-proof@v1
 *     extra <base64>              optional; not authenticated by the format
 *     index <decimal>
 *     <base64 hash>               the inclusion proof, from the leaf's sibling upwards
 *
 *     <checkpoint>                the signed note, verbatim
 *
 * This file reads and writes the text and believes nothing in it. The checkpoint is for
 * `openCheckpoint`, the hashes are for `checkInclusion`, and what `extra` means, and what proves it,
 * is the application's.
 *
 * @module
 */

import { fromBase64, toBase64 } from "./base64.ts";
import { type Bytes } from "./bytes.ts";
import { parseDecimal } from "./checkpoint.ts";
import { CryptoError } from "./error.ts";
import { MAX_NOTE_BYTES } from "./note.ts";
import { HASH_BYTES } from "./primitives.ts";

/** The most extra data of a proof in bytes. */
export const MAX_EXTRA_BYTES = 512 * 1024;
/** The most hashes of an inclusion proof: the height of a tree of less than 2^53 leaves. */
export const MAX_INCLUSION_HASHES = 53;

const HEADER = "c2sp.org/tlog-proof@v1";
const HASH_LINE_LENGTH = 44;
/** Header, extra, index and hashes in base64 with their newlines, rounded up; then the note. */
const MAX_TEXT_LENGTH = Math.ceil(MAX_EXTRA_BYTES / 3) * 4 + 4096 + MAX_NOTE_BYTES;

/** The parts of a proof's text. None of them is verified. */
export type TlogProof = {
  /** Opaque bytes of the application; null where the line is left out, which differs from empty. */
  readonly extra: Bytes | null;
  /** The leaf's index in the log. */
  readonly index: number;
  /** The inclusion proof, 32 bytes each. */
  readonly hashes: readonly Bytes[];
  /** The checkpoint's note. */
  readonly checkpoint: string;
};

/** The text of a proof. */
export function formatTlogProof(proof: TlogProof): string {
  const lines = [HEADER];
  if (proof.extra !== null) lines.push(`extra ${toBase64(proof.extra)}`);
  lines.push(`index ${proof.index}`, ...proof.hashes.map(toBase64), "");
  const text = `${lines.join("\n")}\n${proof.checkpoint}`;
  if (parseText(text) === null) throw new Error("bug: a proof that cannot be");
  return text;
}

/** Reads the text of a proof, in its one spelling. @throws CryptoError `malformed` */
export function parseTlogProof(text: string): TlogProof {
  const proof = parseText(text);
  if (proof === null) throw new CryptoError("malformed", "Not a transparency-log proof");
  return proof;
}

function parseText(text: string): TlogProof | null {
  if (text.length > MAX_TEXT_LENGTH) return null;
  // The first blank line: the lines above it are never empty, the note below may have more.
  const blank = text.indexOf("\n\n");
  if (blank < 0) return null;
  const lines = text.slice(0, blank).split("\n", MAX_INCLUSION_HASHES + 4);
  if (lines.shift() !== HEADER) return null;
  const extra = lines[0]?.startsWith("extra ") ? fromBase64(lines.shift()!.slice(6)) : null;
  const hasExtra = text.startsWith("extra ", HEADER.length + 1);
  if (hasExtra && (extra === null || extra.length > MAX_EXTRA_BYTES)) return null;
  const index = lines[0]?.startsWith("index ") ? parseDecimal(lines.shift()!.slice(6)) : null;
  if (index === null || lines.length > MAX_INCLUSION_HASHES) return null;

  const hashes: Bytes[] = [];
  for (const line of lines) {
    const hash = line.length === HASH_LINE_LENGTH ? fromBase64(line) : null;
    if (hash?.length !== HASH_BYTES) return null;
    hashes.push(hash);
  }
  const checkpoint = text.slice(blank + 2);
  if (checkpoint === "" || checkpoint.length > MAX_NOTE_BYTES) return null;
  return { extra, index, hashes, checkpoint };
}
