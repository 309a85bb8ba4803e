/**
 * Cosigners (C2SP tlog-cosignature): witnesses, auditors, and a log that signs its own heads with
 * ML-DSA-44 too.
 *
 *     line = "— " name " " base64(key ID[4] || u64 timestamp, Unix seconds || signature) "\n"
 *
 * A cosignature says that its signer saw this tree continue every earlier one of the same log, and
 * as of when it is the largest that it saw. Nothing here checks that: the caller has, before it
 * signs. An Ed25519 key has one cosigner, because what it signs does not name the cosigner.
 *
 * Verifying is `noteVerifier`'s (`note_key.ts`).
 *
 * @module
 */

import { type Bytes, utf8 } from "./bytes.ts";
import {
  ed25519CosignedMessage,
  joinCosignature,
  MAX_COSIGNED_S,
  splitCosignature,
  subtreeMessage,
} from "./cosignature_message.ts";
import { CryptoError } from "./error.ts";
import { type SigningKeyPair } from "./keys.ts";
import { mlDsa44FromSeed } from "./ml_dsa.ts";
import { type NoteSignature } from "./note.ts";
import { NOTE_KEY_TYPE, type VerifierKey, verifierKey } from "./note_key.ts";
import { ed25519Sign } from "./primitives.ts";

/** A key that cosigns checkpoints. */
export interface Cosigner {
  /** The public half, type 0x04 or 0x06. */
  readonly key: VerifierKey;
  /**
   * Cosigns the text of a checkpoint.
   *
   * @param text the text, with its final newline and without extension lines
   * @param timestampS Unix seconds, not zero
   * @throws CryptoError `malformed` where the text is not that of a checkpoint
   */
  sign(text: string, timestampS: number): Promise<NoteSignature>;
}

/** A cosigner of type 0x04. @throws CryptoError `malformed` for the name */
export function ed25519Cosigner(name: string, pair: SigningKeyPair): Cosigner {
  const key = verifierKey(name, NOTE_KEY_TYPE.ed25519Cosignature, pair.publicKey);
  return cosigner(
    key,
    ed25519CosignedMessage,
    (message) => ed25519Sign(pair.privateKey, message),
  );
}

/**
 * A cosigner of type 0x06; under a log's origin it is the log's own second signature.
 *
 * @param seed 32 bytes, not kept
 * @throws CryptoError `malformed` for the name
 */
export async function mlDsa44Cosigner(name: string, seed: Bytes): Promise<Cosigner> {
  const pair = await mlDsa44FromSeed(seed);
  const key = verifierKey(name, NOTE_KEY_TYPE.mlDsa44, pair.publicKey);
  return cosigner(
    key,
    (text, timestampS) => subtreeMessage(name, text, timestampS),
    (message) => pair.sign(message),
  );
}

/** When a *verified* signature was made, in Unix milliseconds; null for a type without a time. */
export function cosignedAtMs(
  { signature }: Pick<NoteSignature, "signature">,
  type: number,
): number | null {
  if (type !== NOTE_KEY_TYPE.ed25519Cosignature && type !== NOTE_KEY_TYPE.mlDsa44) return null;
  const parts = splitCosignature(signature);
  if (parts === null) throw new Error("bug: the time of a cosignature that does not verify");
  return parts.timestampS * 1000;
}

function cosigner(
  key: VerifierKey,
  messageOf: (text: Bytes, timestampS: number) => Bytes | null,
  signMessage: (message: Bytes) => Promise<Bytes>,
): Cosigner {
  return {
    key,
    sign: async (text, timestampS) => {
      if (!Number.isSafeInteger(timestampS) || timestampS < 1 || timestampS > MAX_COSIGNED_S) {
        throw new Error("bug: a cosignature needs a time in seconds");
      }
      const message = messageOf(utf8(text), timestampS);
      if (message === null) {
        throw new CryptoError("malformed", "Only the three lines of a checkpoint are cosigned");
      }
      const signature = joinCosignature(timestampS, await signMessage(message));
      return { name: key.name, keyId: key.keyId, signature };
    },
  };
}
