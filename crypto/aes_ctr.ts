/**
 * AES-CTR with HMAC as an AEAD whose tag is truncated (RFC 9605, section 4.5.1).
 *
 *     key   = enc_key || auth_key                  16 and 32 bytes (SHA-256), or 32 and 64 (SHA-512)
 *     ct    = AES-CTR(enc_key, nonce || be32(0), plaintext)
 *     tag   = HMAC(auth_key, be64(|aad|) || be64(|ct|) || be64(Nt) || nonce || aad || ct)[0..Nt)
 *
 * For conformance and interoperation alone: a forger needs 2^32 tries against the shortest tag, so
 * nothing of a call may be sealed with it. It counts nothing: whoever seals must never give one key
 * the same nonce twice.
 *
 * @module
 */

import { type Bytes, concat } from "./bytes.ts";
import { Writer } from "./codec.ts";
import { constantTimeEqual, NONCE_BYTES } from "./primitives.ts";

/** WebCrypto's handles of one key, not extractable. */
export interface CtrKey {
  /** AES-CTR. */
  readonly cipher: CryptoKey;
  /** HMAC. */
  readonly mac: CryptoKey;
  /** Nt: to how many bytes the tag is truncated. */
  readonly tagBytes: 4 | 8 | 10;
}

/** Imports 48 bytes of key for AES-128 with SHA-256, or 96 for AES-256 with SHA-512. */
export async function importCtrKey(key: Bytes, tagBytes: CtrKey["tagBytes"]): Promise<CtrKey> {
  if (key.length !== 48 && key.length !== 96) throw new Error("bug: not an AES-CTR-HMAC key");
  const [encryption, authentication] = [key.slice(0, key.length / 3), key.slice(key.length / 3)];
  const hmac = { name: "HMAC", hash: key.length === 48 ? "SHA-256" : "SHA-512" };
  const { subtle } = crypto;
  const [cipher, mac] = await Promise.all([
    subtle.importKey("raw", encryption, "AES-CTR", false, ["encrypt"]),
    subtle.importKey("raw", authentication, hmac, false, ["sign"]),
  ]);
  encryption.fill(0);
  authentication.fill(0);
  return { cipher, mac, tagBytes };
}

/** Ciphertext with its tag behind it. */
export async function ctrSeal(
  key: CtrKey,
  nonce: Bytes,
  ad: Bytes,
  plaintext: Bytes,
): Promise<Bytes> {
  const ciphertext = await crypt(key, nonce, plaintext);
  return concat(ciphertext, await tagOf(key, nonce, ad, ciphertext));
}

/** The plaintext, or null where the tag does not verify. */
export async function ctrOpen(
  key: CtrKey,
  nonce: Bytes,
  ad: Bytes,
  sealed: Bytes,
): Promise<Bytes | null> {
  const end = sealed.length - key.tagBytes;
  // Copied, so that what is decrypted is what was verified, whatever happens to the frame meanwhile.
  // What is shorter than a tag leaves a shorter tag here, which equals none.
  const [ciphertext, tag] = [sealed.slice(0, end), sealed.slice(end)];
  if (!constantTimeEqual(await tagOf(key, nonce, ad, ciphertext), tag)) return null;
  return await crypt(key, nonce, ciphertext);
}

/** Both ways: a stream cipher is its own inverse. */
async function crypt({ cipher }: CtrKey, nonce: Bytes, data: Bytes): Promise<Bytes> {
  if (nonce.length !== NONCE_BYTES) throw new Error("bug: a nonce has 12 bytes");
  const counter = concat(nonce, new Uint8Array(4));
  const algorithm = { name: "AES-CTR", counter, length: 32 };
  return new Uint8Array(await crypto.subtle.encrypt(algorithm, cipher, data));
}

async function tagOf(key: CtrKey, nonce: Bytes, ad: Bytes, ciphertext: Bytes): Promise<Bytes> {
  const lengths = new Writer().u64(ad.length).u64(ciphertext.length).u64(key.tagBytes).bytes();
  const authenticated = concat(lengths, nonce, ad, ciphertext);
  const whole = await crypto.subtle.sign("HMAC", key.mac, authenticated);
  return new Uint8Array(whole.slice(0, key.tagBytes));
}
