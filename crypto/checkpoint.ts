/**
 * A log's checkpoint (C2SP tlog-checkpoint), signed: who may vouch for a tree head.
 *
 *     note = checkpoint text, signed by the log, and perhaps cosigned by witnesses
 *
 * The log's own signature is of type 0x01, or 0x06 under the log's name. The origin is the name of
 * the key the log signs with. A cosignature never stands for the log's signature.
 *
 * @module
 */

import { type Checkpoint, parseCheckpoint } from "./checkpoint_text.ts";
import { CryptoError } from "./error.ts";
import { type NoteSignature, type OpenNote, openNote, type Verifier } from "./note.ts";
import { NOTE_KEY_TYPE } from "./note_key.ts";

export {
  type Checkpoint,
  encodeCheckpoint,
  MAX_ORIGIN_BYTES,
  parseCheckpoint,
  parseDecimal,
} from "./checkpoint_text.ts";

/** A checkpoint that its log signed, with the note that says so. */
export type SignedCheckpoint = Checkpoint & {
  /** The opened note: the log's signature and those of other known keys, witnesses say. */
  readonly note: OpenNote;
};

/**
 * Opens a checkpoint of the log `origin`: its note verifies, its log signed it, its body is one.
 *
 * Whether enough witnesses signed is for the policy; they are in `note.signatures`.
 *
 * @param verifiers the log's keys, which have its origin as their name, and those of witnesses
 * @throws CryptoError `bad_note` where the note does not open or the log did not sign it,
 * `malformed` where the body is not that of a checkpoint of this log
 */
export async function openCheckpoint(
  note: string,
  origin: string,
  verifiers: readonly Verifier[],
): Promise<SignedCheckpoint> {
  const opened = await openNote(note, verifiers);
  // A witness vouches for what the log signed, never in its place, whatever it calls itself.
  const ofLog = verifiers.filter(({ name, type }) =>
    name === origin && type !== NOTE_KEY_TYPE.ed25519Cosignature
  );
  if (!opened.signatures.some((line) => ofLog.some((key) => isKeyOf(key, line)))) {
    throw new CryptoError("bad_note", "Cannot read checkpoint: its log did not sign it");
  }
  const checkpoint = parseCheckpoint(opened.text);
  if (checkpoint.origin !== origin) {
    throw new CryptoError("malformed", "Cannot read checkpoint: it is of another log");
  }
  return { ...checkpoint, note: opened };
}

function isKeyOf(key: Verifier, line: NoteSignature): boolean {
  return key.name === line.name && key.keyId === line.keyId;
}
