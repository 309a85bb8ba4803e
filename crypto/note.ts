/**
 * Signed notes (C2SP signed-note): text, a blank line, and one line for each signature.
 *
 *     note = text "\n" 1*("— " key name " " base64(key ID[4] || signature) "\n")
 *     text ends with "\n"; the *last* blank line parts it from the signatures
 *     signed bytes = UTF-8(text)        what a signature type signs beyond that is its own affair
 *
 * A note that a known key (one name *and* ID) signed wrongly is refused as a whole, also where
 * other signatures verify: the damage or the lie is worth knowing. Signatures of unknown keys are
 * ignored and say nothing. A text is never handed out unless a known key's signature verified.
 *
 * @module
 */

import { fromBase64, toBase64 } from "./base64.ts";
import { type Bytes, concat, utf8 } from "./bytes.ts";
import { CryptoError } from "./error.ts";
import { isKeyName, type Signer, type Verifier } from "./note_key.ts";

export {
  ed25519Signer,
  ed25519Verifier,
  formatVerifierKey,
  parseVerifierKey,
  type Signer,
  type Verifier,
} from "./note_key.ts";

/** The longest note that is read, in bytes of UTF-8. */
export const MAX_NOTE_BYTES = 256 * 1024;
/** The most signatures of a note; the format asks for 16 at least. */
export const MAX_NOTE_SIGNATURES = 64;

/** One signature line. */
export type NoteSignature = {
  /** The key's name, for a log its origin. */
  readonly name: string;
  /** The key's ID, an unsigned 32-bit number. */
  readonly keyId: number;
  /** What follows the key ID; its layout is the signature type's. */
  readonly signature: Bytes;
};

/** A note taken apart. Nothing in it is verified. */
export type UnverifiedNote = {
  /** The text with its final newline. */
  readonly text: string;
  /** Its signature lines, in order. */
  readonly signatures: readonly NoteSignature[];
};

/** A note that at least one known key signed. */
export type OpenNote = {
  /** The text with its final newline. */
  readonly text: string;
  /** One verified signature of each known key that signed, in the order of the note. */
  readonly signatures: readonly NoteSignature[];
  /** The lines of unknown keys, in order: they prove nothing. */
  readonly unknown: readonly NoteSignature[];
};

/** Takes a note apart, verifying nothing. @throws CryptoError `bad_note` */
export function parseNote(note: string): UnverifiedNote {
  requireText(note);
  const blank = note.lastIndexOf("\n\n");
  if (blank < 0) throw badNote("it has no blank line before its signatures");
  const signatures = parseSignatureLines(note.slice(blank + 2));
  return { text: note.slice(0, blank + 1), signatures };
}

/**
 * Reads one or more signature lines, as a note ends with them and as a witness answers.
 *
 * @throws CryptoError `bad_note`
 */
export function parseSignatureLines(lines: string): NoteSignature[] {
  requireText(lines);
  // The limit goes to `split` too, so that a note of newlines makes no long list.
  const split = lines.slice(0, -1).split("\n", MAX_NOTE_SIGNATURES + 1);
  if (split.length > MAX_NOTE_SIGNATURES) throw badNote("it has too many signatures");
  return split.map((line) => {
    const match = /^\u2014 ([^ ]+) ([^ ]+)$/.exec(line);
    const blob = match && fromBase64(match[2]!);
    if (!match || !isKeyName(match[1]!) || !blob || blob.length < 5) {
      throw badNote("a line among its signatures is none");
    }
    const keyId = new DataView(blob.buffer).getUint32(0);
    return { name: match[1]!, keyId, signature: blob.slice(4) };
  });
}

/** The line of one signature, with its newline. */
export function formatSignatureLine({ name, keyId, signature }: NoteSignature): string {
  const id = new Uint8Array(4);
  new DataView(id.buffer).setUint32(0, keyId);
  return `\u2014 ${name} ${toBase64(concat(id, signature))}\n`;
}

/**
 * A note out of a text and signatures that were made before.
 *
 * @throws CryptoError `bad_note` where `parseNote` would not give the same back
 */
export function formatNote(text: string, signatures: readonly NoteSignature[]): string {
  // The text alone must end in a newline: without one, its last line would part it elsewhere.
  if (!text.endsWith("\n")) throw badNote("its text does not end with a newline");
  const note = `${text}\n${signatures.map(formatSignatureLine).join("")}`;
  parseNote(note);
  return note;
}

/**
 * Signs a text with every signer, in their order.
 *
 * @throws CryptoError `bad_note` where the text cannot be one of a note
 */
export async function signNote(text: string, signers: readonly Signer[]): Promise<string> {
  const message = utf8(text);
  const signatures = await Promise.all(signers.map(async (signer) => {
    const { name, keyId } = signer;
    return { name, keyId, signature: await signer.sign(message) };
  }));
  return formatNote(text, signatures);
}

/**
 * Opens a note with the keys that are known.
 *
 * @param verifiers keys of distinct (name, ID); how many of them must have signed is for the caller
 * @throws CryptoError `bad_note` where it is malformed, where a known key's signature does not
 * verify, and where no known key signed
 */
export async function openNote(note: string, verifiers: readonly Verifier[]): Promise<OpenNote> {
  const { text, signatures } = parseNote(note);
  const known = new Map<string, Verifier>();
  for (const verifier of verifiers) {
    if (known.has(keyOf(verifier))) throw new Error("bug: two keys of one name and ID");
    known.set(keyOf(verifier), verifier);
  }

  const message = utf8(text);
  const unknown = signatures.filter((signature) => !known.has(keyOf(signature)));
  const ours = signatures.filter((signature) => known.has(keyOf(signature)));
  // Every line of a known key is verified, but a key that signed twice still counts once.
  const valid = await Promise.all(
    ours.map((line) => known.get(keyOf(line))!.verify(message, line.signature)),
  );
  if (valid.includes(false)) throw badNote("a known key's signature does not verify");
  if (ours.length === 0) throw badNote("no known key signed it");
  const first = new Map<string, NoteSignature>();
  for (const line of ours) if (!first.has(keyOf(line))) first.set(keyOf(line), line);
  return { text, signatures: [...first.values()], unknown };
}

function keyOf({ name, keyId }: { readonly name: string; readonly keyId: number }): string {
  return `${keyId} ${name}`;
}

/** Well-formed Unicode within the limit, ending in a newline, without other control characters. */
function requireText(text: string): void {
  // A lone surrogate has no UTF-8 of its own: two texts would share one signature.
  if (text.length > MAX_NOTE_BYTES || utf8(text).length > MAX_NOTE_BYTES) {
    throw badNote("it is too long");
  }
  if (!text.isWellFormed()) throw badNote("it is not Unicode text");
  if (!text.endsWith("\n")) throw badNote("it does not end with a newline");
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x20 && unit !== 0x0a) throw badNote("it has a control character");
  }
}

function badNote(why: string): CryptoError {
  return new CryptoError("bad_note", `Cannot read note: ${why}`);
}
