/**
 * AES-GCM (NIST SP 800-38D) with full tags: the runtime's, or WebCrypto's.
 *
 * It counts nothing: whoever seals must never give one key the same nonce twice.
 *
 * @module
 */

import { type Bytes } from "./bytes.ts";
import { type NativeCrypto, nativeCrypto, type NativeKey, nativeKey, plain } from "./platform.ts";

/** Length of an AES-GCM nonce in bytes. */
export const NONCE_BYTES = 12;
/** Length of an AES-GCM tag in bytes; never truncated. */
export const TAG_BYTES = 16;

/** Imports a 16- or 32-byte AES-GCM key that can never be exported again. */
export function importAesKey(key: Bytes): Promise<CryptoKey> {
  return crypto.subtle.importKey("raw", key, "AES-GCM", false, ["encrypt", "decrypt"]);
}

/** AES-GCM encryption: ciphertext with its 16-byte tag behind it. */
export async function aesSeal(
  key: CryptoKey,
  nonce: Bytes,
  ad: Bytes,
  plaintext: Bytes,
): Promise<Bytes> {
  const native = nativeCrypto();
  const held = native === null ? null : nativeKey(native, key);
  if (native !== null && held !== null) {
    const { length } = key.algorithm as AesKeyAlgorithm;
    return seal(native, held, length / 8, nonce, ad, plaintext);
  }
  const algorithm = { name: "AES-GCM", iv: nonce, additionalData: ad, tagLength: 128 };
  return new Uint8Array(await crypto.subtle.encrypt(algorithm, key, plaintext));
}

/** The plaintext, or null where the tag does not verify. */
export async function aesOpen(
  key: CryptoKey,
  nonce: Bytes,
  ad: Bytes,
  ciphertext: Bytes,
): Promise<Bytes | null> {
  // Some runtimes would take a shorter tag; a full one is required before asking them.
  if (ciphertext.length < TAG_BYTES) return null;
  const native = nativeCrypto();
  const held = native === null ? null : nativeKey(native, key);
  if (native !== null && held !== null) {
    const { length } = key.algorithm as AesKeyAlgorithm;
    return open(native, held, length / 8, nonce, ad, ciphertext);
  }
  const algorithm = { name: "AES-GCM", iv: nonce, additionalData: ad, tagLength: 128 };
  try {
    return new Uint8Array(await crypto.subtle.decrypt(algorithm, key, ciphertext));
  } catch {
    return null;
  }
}

const FULL_TAG = { authTagLength: TAG_BYTES };

function seal(
  native: NativeCrypto,
  key: NativeKey,
  keyBytes: number,
  nonce: Bytes,
  ad: Bytes,
  plaintext: Bytes,
): Bytes {
  const cipher = native.createCipheriv(nameOf(keyBytes), key, nonce, FULL_TAG);
  cipher.setAAD(ad);
  const out = new Uint8Array(plaintext.length + TAG_BYTES);
  out.set(cipher.update(plaintext));
  cipher.final();
  out.set(cipher.getAuthTag(), plaintext.length);
  return out;
}

function open(
  native: NativeCrypto,
  key: NativeKey,
  keyBytes: number,
  nonce: Bytes,
  ad: Bytes,
  ciphertext: Bytes,
): Bytes | null {
  const end = ciphertext.length - TAG_BYTES;
  const cipher = native.createDecipheriv(nameOf(keyBytes), key, nonce, FULL_TAG);
  cipher.setAAD(ad);
  cipher.setAuthTag(ciphertext.subarray(end));
  const unverified = cipher.update(ciphertext.subarray(0, end));
  try {
    cipher.final();
  } catch {
    unverified.fill(0);
    return null;
  }
  return plain(unverified);
}

function nameOf(keyBytes: number): string {
  return `aes-${keyBytes * 8}-gcm`;
}
