/**
 * The one door to cryptographic primitives, one file each.
 *
 * Each has up to two ways to the same bytes: the runtime's own synchronous functions where it has them
 * (`platform.ts`: Deno, Node), and else WebCrypto, with `@noble/*` for what must be synchronous or is
 * missing. Nothing else of the sources knows which.
 *
 * @module
 */

export { aesOpen, aesSeal, importAesKey, NONCE_BYTES, TAG_BYTES } from "./aes.ts";
export { constantTimeEqual } from "./constant_time.ts";
export { type RawKeyPair } from "./curve_key.ts";
export {
  HASH_BYTES,
  hkdfExpand,
  hkdfExpandSha512,
  hkdfExtract,
  hkdfExtractSha512,
  hmacSha256,
  sha256,
  sha512,
} from "./digest.ts";
export {
  ed25519FromSeed,
  ed25519Sign,
  ed25519Verify,
  generateEd25519,
  isEd25519PublicKey,
  SIGNATURE_BYTES,
} from "./ed25519.ts";
export {
  generateMlKem768,
  isMlKem768PublicKey,
  KEM_CIPHERTEXT_BYTES,
  type KemPrivateKey,
  mlKem768Decapsulate,
  mlKem768Encapsulate,
} from "./ml_kem.ts";
export { randomBytes } from "./random.ts";
export {
  type AgreementPrivateKey,
  generateEphemeralX25519,
  generateX25519,
  isX25519PublicKey,
  x25519,
} from "./x25519.ts";
