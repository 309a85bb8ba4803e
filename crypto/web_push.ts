/**
 * A Web Push message for one subscription (RFC 8291 over RFC 8188), in one record:
 *
 *     secret   = ECDH(ephemeral, p256dh)
 *     ikm      = HKDF(secret, auth, "WebPush: info" || 0x00 || p256dh || ephemeral_public, 32)
 *     key      = HKDF(ikm, salt, "Content-Encoding: aes128gcm" || 0x00, 16)
 *     nonce    = HKDF(ikm, salt, "Content-Encoding: nonce" || 0x00, 12)
 *     message  = salt[16] || u32 4096 || u8 65 || ephemeral_public[65]
 *                || AES-128-GCM(key, nonce, plaintext || 0x02 || zeros)
 *
 * A key pair and a salt are for one message: they are made here, and only tests give their own.
 *
 * @module
 */

import { aesSeal } from "./aes.ts";
import { type Bytes, concat, utf8 } from "./bytes.ts";
import { type RawKeyPair } from "./curve_key.ts";
import { hkdfExpand, hkdfExtract } from "./digest.ts";
import { generateP256, P256_PUBLIC_KEY_BYTES, p256Agree } from "./p256.ts";
import { randomBytes } from "./random.ts";

/** The keys of a subscription, as the browser made them. */
export interface PushKeys {
  /** Its P-256 key, 65 bytes. */
  readonly p256dh: Bytes;
  /** Its authentication secret, 16 bytes. */
  readonly auth: Bytes;
}

/** Length of a subscription's authentication secret in bytes. */
export const PUSH_AUTH_BYTES = 16;

const SALT_BYTES = 16;
const RECORD_SIZE = 4_096;
const NO_BYTES = new Uint8Array(0);

/** What is fresh in each message. */
export interface PushOnce {
  /** A P-256 key pair for ECDH. */
  readonly ephemeral: RawKeyPair;
  /** 16 bytes. */
  readonly salt: Bytes;
}

/**
 * Seals a message; its length depends on `paddedBytes` alone.
 *
 * @param paddedBytes what the plaintext is padded to, at most 3,993
 * @throws CryptoError `bad_key` where `p256dh` is no point of the curve
 */
export async function sealPush(
  keys: PushKeys,
  plaintext: Bytes,
  paddedBytes: number,
): Promise<Bytes> {
  const once = { ephemeral: await generateP256(), salt: randomBytes(SALT_BYTES) };
  return await sealPushWith(once, keys, plaintext, paddedBytes);
}

/** Seals a message with a given key pair and salt, for test vectors. @throws as `sealPush` */
export async function sealPushWith(
  { ephemeral, salt }: PushOnce,
  { p256dh, auth }: PushKeys,
  plaintext: Bytes,
  paddedBytes: number,
): Promise<Bytes> {
  if (plaintext.length > paddedBytes) throw new Error("bug: a push message over its length");
  const secret = await p256Agree(ephemeral.privateKey, p256dh);
  const info = concat(utf8("WebPush: info\0"), p256dh, ephemeral.publicKey);
  const ikm = hkdfExpand(hkdfExtract(auth, secret), info, 32);
  const root = hkdfExtract(salt, ikm);
  const key = hkdfExpand(root, utf8("Content-Encoding: aes128gcm\0"), 16);
  const nonce = hkdfExpand(root, utf8("Content-Encoding: nonce\0"), 12);
  const padded = new Uint8Array(paddedBytes + 1);
  padded.set(plaintext);
  padded[plaintext.length] = 0x02;
  const header = new Uint8Array(5);
  new DataView(header.buffer).setUint32(0, RECORD_SIZE);
  header[4] = P256_PUBLIC_KEY_BYTES;
  const sealed = await aesSeal(key, nonce, NO_BYTES, padded);
  for (const used of [secret, ikm, root, key]) used.fill(0);
  return concat(salt, header, ephemeral.publicKey, sealed);
}
