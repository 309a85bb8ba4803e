/**
 * The keys of signed notes (C2SP signed-note): names, IDs, their text form, and who verifies what.
 *
 *     key ID       = SHA-256(name || 0x0A || type || public key)[0..4)
 *     verifier key = name "+" hex(key ID) "+" base64(type || public key)
 *
 * The ID only tells keys apart and is easily collided; trust comes from the configured public key.
 *
 * @module
 */

import { fromBase64, toBase64 } from "./base64.ts";
import { type Bytes, concat, utf8 } from "./bytes.ts";
import {
  ed25519CosignedMessage,
  MAX_COSIGNER_NAME_BYTES,
  splitCosignature,
  subtreeMessage,
} from "./cosignature_message.ts";
import { CryptoError } from "./error.ts";
import { parseVerifyingKey, type SigningKeyPair } from "./keys.ts";
import { ML_DSA_44_PUBLIC_KEY_BYTES, mlDsa44Verify } from "./ml_dsa.ts";
import { ed25519Sign, ed25519Verify, sha256 } from "./primitives.ts";

/** What a key signs and how: the type byte of a verifier key. */
export const NOTE_KEY_TYPE = {
  /** Ed25519 over the text (C2SP signed-note). */
  ed25519: 0x01,
  /** Ed25519 witness cosignature with a timestamp (C2SP tlog-cosignature). */
  ed25519Cosignature: 0x04,
  /** ML-DSA-44 cosignature (C2SP tlog-cosignature). */
  mlDsa44: 0x06,
} as const;

/** The longest verifier key that is read, in UTF-16 units; an ML-DSA-44 key takes 1752 of them. */
const MAX_VERIFIER_KEY_LENGTH = 4096;

/** A public key of signed notes. */
export type VerifierKey = {
  /** The key's name: not empty, no Unicode spaces, no "+", no control characters. */
  readonly name: string;
  /** The key's ID, an unsigned 32-bit number. */
  readonly keyId: number;
  /** One of `NOTE_KEY_TYPE`, or a type that this file does not know. */
  readonly type: number;
  /** The encoded key; Ed25519 has 32 bytes that passed `parseVerifyingKey`, ML-DSA-44 1312. */
  readonly publicKey: Bytes;
};

/** A known key that checks signatures. */
export interface Verifier {
  /** The key's name. */
  readonly name: string;
  /** The key's ID. */
  readonly keyId: number;
  /** What it verifies: one of `NOTE_KEY_TYPE`. */
  readonly type: number;
  /** Whether this is the key's signature (without the ID) over the UTF-8 bytes of a text. */
  verify(text: Bytes, signature: Bytes): Promise<boolean>;
}

/** A key that signs. */
export interface Signer {
  /** The key's name. */
  readonly name: string;
  /** The key's ID. */
  readonly keyId: number;
  /** The signature, without the ID, over the UTF-8 bytes of a text. */
  sign(text: Bytes): Promise<Bytes>;
}

/** Whether a text can name a key. */
export function isKeyName(name: string): boolean {
  return /^[^\p{White_Space}\p{Cc}+]+$/u.test(name) && name.isWellFormed();
}

/** The ID of a key, as the format recommends it for every type. */
export function noteKeyId(name: string, type: number, publicKey: Uint8Array): number {
  const hash = sha256(utf8(`${name}\n`), Uint8Array.of(type), publicKey);
  return new DataView(hash.buffer, hash.byteOffset).getUint32(0);
}

/** A key with its ID. @throws CryptoError `malformed` for the name, `bad_key` for the key */
export function verifierKey(name: string, type: number, publicKey: Bytes): VerifierKey {
  if (!isKeyName(name)) throw new CryptoError("malformed", "Not the name of a note key");
  const isEd25519 = type === NOTE_KEY_TYPE.ed25519 || type === NOTE_KEY_TYPE.ed25519Cosignature;
  const checked = isEd25519 ? parseVerifyingKey(publicKey) : publicKey;
  if (type === NOTE_KEY_TYPE.mlDsa44) {
    if (publicKey.length !== ML_DSA_44_PUBLIC_KEY_BYTES) {
      throw new CryptoError("bad_key", "An ML-DSA-44 public key has 1312 bytes");
    }
    // What it signs holds the name behind a length of one byte.
    if (utf8(name).length > MAX_COSIGNER_NAME_BYTES) {
      throw new CryptoError("malformed", "The name of an ML-DSA-44 key has 255 bytes at most");
    }
  }
  return { name, keyId: noteKeyId(name, type, checked), type, publicKey: checked };
}

/**
 * Reads a verifier key in its one spelling.
 *
 * @throws CryptoError `malformed` where it is not one, `bad_key` where the ID is another key's or
 * an Ed25519 key is not canonical and of prime order
 */
export function parseVerifierKey(text: string): VerifierKey {
  const parts = text.length <= MAX_VERIFIER_KEY_LENGTH
    ? /^([^+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)$/.exec(text)
    : null;
  const blob = parts && fromBase64(parts[3]!);
  if (!parts || !blob || blob.length < 2) throw new CryptoError("malformed", "Not a verifier key");
  const key = verifierKey(parts[1]!, blob[0]!, blob.slice(1));
  if (key.keyId !== parseInt(parts[2]!, 16)) {
    throw new CryptoError("bad_key", "The ID of a verifier key is not that of its key");
  }
  return key;
}

/** The text of a verifier key. */
export function formatVerifierKey({ name, keyId, type, publicKey }: VerifierKey): string {
  const id = keyId.toString(16).padStart(8, "0");
  return `${name}+${id}+${toBase64(concat(Uint8Array.of(type), publicKey))}`;
}

/** Checks Ed25519 signatures over the text. @throws CryptoError `bad_key` for another type */
export function ed25519Verifier(key: VerifierKey): Verifier {
  if (key.type !== NOTE_KEY_TYPE.ed25519) {
    throw new CryptoError("bad_key", "Not an Ed25519 key for the text of notes");
  }
  return {
    name: key.name,
    keyId: key.keyId,
    type: key.type,
    verify: (text, signature) => ed25519Verify(key.publicKey, text, signature),
  };
}

/**
 * Checks what a key of any type that this file knows signs: a text (0x01), or a checkpoint with a
 * time (0x04, 0x06).
 *
 * @throws CryptoError `bad_key` for another type
 */
export function noteVerifier(key: VerifierKey): Verifier {
  const { name, keyId, type, publicKey } = key;
  if (type === NOTE_KEY_TYPE.ed25519) return ed25519Verifier(key);
  if (type !== NOTE_KEY_TYPE.ed25519Cosignature && type !== NOTE_KEY_TYPE.mlDsa44) {
    throw new CryptoError("bad_key", "Not a type of note key that is known here");
  }
  const ofEd25519 = type === NOTE_KEY_TYPE.ed25519Cosignature;
  return {
    name,
    keyId,
    type,
    verify: async (text, bytes) => {
      const parts = splitCosignature(bytes);
      if (parts === null) return false;
      const { timestampS, signature } = parts;
      const message = ofEd25519
        ? ed25519CosignedMessage(text, timestampS)
        : subtreeMessage(name, text, timestampS);
      if (message === null) return false;
      return await (ofEd25519 ? ed25519Verify : mlDsa44Verify)(publicKey, message, signature);
    },
  };
}

/** Signs texts with Ed25519 under a name. @throws CryptoError `malformed` for the name */
export function ed25519Signer(name: string, pair: SigningKeyPair): Signer {
  const { keyId } = verifierKey(name, NOTE_KEY_TYPE.ed25519, pair.publicKey);
  return { name, keyId, sign: (text) => ed25519Sign(pair.privateKey, text) };
}
