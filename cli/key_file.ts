/**
 * Secret keys of signed notes in files, as Go's `sumdb/note` writes them, for every type of key.
 *
 *     PRIVATE+KEY+<name>+<hex key ID>+<base64(type || seed[32])> LF       mode 0600
 *
 * The seed is read into the key and wiped; nothing here prints it. A file that others can read is
 * refused: whoever read it could sign.
 *
 * @module
 */

import { fromBase64, toBase64 } from "../crypto/base64.ts";
import { type Bytes, concat, utf8 } from "../crypto/bytes.ts";
import { type Cosigner, ed25519Cosigner, mlDsa44Cosigner } from "../crypto/cosignature.ts";
import { CryptoError } from "../crypto/error.ts";
import { parseVerifyingKey, type SigningKeyPair } from "../crypto/keys.ts";
import { NOTE_KEY_TYPE, type VerifierKey, verifierKey } from "../crypto/note_key.ts";
import { ed25519FromSeed, randomBytes } from "../crypto/primitives.ts";
import { CommandError } from "./command.ts";

/** A secret key that was read. */
export interface NoteKey {
  /** Its public half. */
  readonly key: VerifierKey;
  /** What it cosigns with, or null for a key of type 0x01, which signs texts. */
  readonly cosigner: Cosigner | null;
}

const SEED_BYTES = 32;
const PREFIX = "PRIVATE+KEY+";

/** Makes a key and writes it to a new file. @throws CommandError, CryptoError `malformed` */
export async function writeNewKey(path: string, name: string, type: number): Promise<VerifierKey> {
  const seed = randomBytes(SEED_BYTES);
  try {
    const { key } = await keyOf(name, type, seed);
    const id = key.keyId.toString(16).padStart(8, "0");
    const line = `${PREFIX}${name}+${id}+${toBase64(concat(Uint8Array.of(type), seed))}\n`;
    await writeSecret(path, utf8(line));
    return key;
  } finally {
    seed.fill(0);
  }
}

/** Reads a key. @throws CommandError */
export async function readKey(path: string): Promise<NoteKey> {
  const text = await readSecret(path);
  const match = /^PRIVATE\+KEY\+([^+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)\n?$/.exec(text);
  const blob = match && fromBase64(match[3]!);
  if (!match || blob?.length !== 1 + SEED_BYTES) throw notAKey(path);
  const seed = blob.slice(1);
  try {
    const made = await keyOf(match[1]!, blob[0]!, seed);
    if (made.key.keyId === parseInt(match[2]!, 16)) return made;
  } catch (error) {
    if (!(error instanceof CryptoError)) throw error;
  } finally {
    seed.fill(0);
    blob.fill(0);
  }
  throw notAKey(path);
}

async function keyOf(name: string, type: number, seed: Bytes): Promise<NoteKey> {
  if (type === NOTE_KEY_TYPE.mlDsa44) {
    const cosigner = await mlDsa44Cosigner(name, seed);
    return { key: cosigner.key, cosigner };
  }
  const { publicKey, privateKey } = await ed25519FromSeed(seed);
  const pair: SigningKeyPair = { publicKey: parseVerifyingKey(publicKey), privateKey };
  if (type === NOTE_KEY_TYPE.ed25519Cosignature) {
    const cosigner = ed25519Cosigner(name, pair);
    return { key: cosigner.key, cosigner };
  }
  if (type !== NOTE_KEY_TYPE.ed25519) throw new CryptoError("bad_key", "Not a type of note key");
  return { key: verifierKey(name, type, pair.publicKey), cosigner: null };
}

async function writeSecret(path: string, bytes: Bytes): Promise<void> {
  try {
    using file = await Deno.open(path, { write: true, createNew: true, mode: 0o600 });
    await file.write(bytes);
    await file.sync();
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists) {
      throw new CommandError(`${path} is there already, and no key is written over another`);
    }
    throw new CommandError(`${path} can't be written`);
  }
}

async function readSecret(path: string): Promise<string> {
  try {
    const { mode } = await Deno.stat(path);
    if (mode !== null && (mode & 0o077) !== 0) {
      throw new CommandError(`${path} can be read by others: chmod 600 it, if nobody has`);
    }
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof CommandError) throw error;
    throw new CommandError(`${path} can't be read`);
  }
}

function notAKey(path: string): CommandError {
  return new CommandError(`${path} does not hold a key that this version knows`);
}
