/**
 * AES-GCM (NIST SP 800-38D) with full tags: the runtime's, or WebCrypto's.
 *
 * It counts nothing: whoever seals must never give one key the same nonce twice.
 *
 * @module
 */

import { type Bytes } from "./bytes.ts";
import { native } from "./platform.ts";

/** Length of an AES-GCM nonce in bytes. */
export const NONCE_BYTES = 12;
/** Length of an AES-GCM tag in bytes; never truncated. */
export const TAG_BYTES = 16;

/** Imports a 16- or 32-byte AES-GCM key that can never be exported again. */
export async function importAesKey(key: Bytes): Promise<CryptoKey> {
  requireLength(key);
  return await crypto.subtle.importKey("raw", key, "AES-GCM", false, ["encrypt", "decrypt"]);
}

/**
 * AES-GCM encryption: ciphertext with its 16-byte tag behind it.
 *
 * @param key imported, or the bytes of one that is used this once
 */
export async function aesSeal(
  key: CryptoKey | Bytes,
  nonce: Bytes,
  ad: Bytes,
  plaintext: Bytes,
): Promise<Bytes> {
  const algorithm = gcm(key, nonce, ad);
  const sealed = native()?.aesSeal(key, nonce, ad, plaintext);
  if (sealed !== undefined) return sealed;
  const used = key instanceof Uint8Array ? await importAesKey(key) : key;
  return new Uint8Array(await crypto.subtle.encrypt(algorithm, used, plaintext));
}

/** The plaintext, or null where the tag does not verify. @param key as for `aesSeal` */
export async function aesOpen(
  key: CryptoKey | Bytes,
  nonce: Bytes,
  ad: Bytes,
  ciphertext: Bytes,
): Promise<Bytes | null> {
  // Some runtimes would take a shorter tag; a full one is required before asking them.
  if (ciphertext.length < TAG_BYTES) return null;
  const algorithm = gcm(key, nonce, ad);
  const opened = native()?.aesOpen(key, nonce, ad, ciphertext);
  if (opened !== undefined) return opened;
  const used = key instanceof Uint8Array ? await importAesKey(key) : key;
  try {
    return new Uint8Array(await crypto.subtle.decrypt(algorithm, used, ciphertext));
  } catch {
    return null;
  }
}

/** Runtimes differ about other lengths of nonces and keys, and the protocol has none of them. */
function gcm(key: CryptoKey | Bytes, nonce: Bytes, ad: Bytes): AesGcmParams {
  if (key instanceof Uint8Array) requireLength(key);
  if (nonce.length !== NONCE_BYTES) throw new Error("bug: an AES-GCM nonce has 12 bytes");
  return { name: "AES-GCM", iv: nonce, additionalData: ad, tagLength: 128 };
}

function requireLength(key: Bytes): void {
  // Some runtimes have AES-192.
  if (key.length !== 16 && key.length !== 32) throw new Error("bug: not an AES key's length");
}
