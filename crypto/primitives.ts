/**
 * The one door to cryptographic primitives: WebCrypto where it has them, `@noble/*` elsewhere.
 *
 * SHA-2, HMAC and HKDF are synchronous, because tree and transcript code is; signatures, key
 * agreement and AES-GCM run in WebCrypto. ML-KEM-768 is WebCrypto's where the runtime has it (Deno,
 * Chromium) and noble's elsewhere; noble's claims no constant time. The constant-time comparison
 * would be `@std/crypto`'s, but that package lives on JSR only and a published client folder
 * imports from npm only; either source fits behind `constantTimeEqual`.
 *
 * @module
 */

import { expand, extract } from "@noble/hashes/hkdf.js";
import { hmac } from "@noble/hashes/hmac.js";
import { sha256 as nobleSha256, sha512 as nobleSha512 } from "@noble/hashes/sha2.js";
import { fromBase64Url } from "./base64.ts";
import { type Bytes, concat } from "./bytes.ts";
import { decodePoint } from "./edwards25519.ts";
import { CryptoError } from "./error.ts";

/** Length of a SHA-256 digest in bytes. */
export const HASH_BYTES = 32;
/** Length of an AES-GCM nonce in bytes. */
export const NONCE_BYTES = 12;
/** Length of an AES-GCM tag in bytes; never truncated. */
export const TAG_BYTES = 16;
/** Length of an Ed25519 signature in bytes. */
export const SIGNATURE_BYTES = 64;
/** Length of an ML-KEM-768 ciphertext in bytes (FIPS 203, table 3). */
export const KEM_CIPHERTEXT_BYTES = 1088;

/** SHA-256 (FIPS 180-4) of the concatenation of the parts. */
export function sha256(...parts: readonly Uint8Array[]): Bytes {
  const hash = nobleSha256.create();
  for (const part of parts) hash.update(part);
  return hash.digest() as Bytes;
}

/** SHA-512 (FIPS 180-4) of the concatenation of the parts. */
export function sha512(...parts: readonly Uint8Array[]): Bytes {
  const hash = nobleSha512.create();
  for (const part of parts) hash.update(part);
  return hash.digest() as Bytes;
}

/** HMAC-SHA-256 (RFC 2104). */
export function hmacSha256(key: Uint8Array, message: Uint8Array): Bytes {
  return hmac(nobleSha256, key, message) as Bytes;
}

/** HKDF-Extract with SHA-256 (RFC 5869, section 2.2). */
export function hkdfExtract(salt: Uint8Array, secret: Uint8Array): Bytes {
  return extract(nobleSha256, secret, salt) as Bytes;
}

/** HKDF-Expand with SHA-256 (RFC 5869, section 2.3). */
export function hkdfExpand(key: Uint8Array, info: Uint8Array, length: number): Bytes {
  return expand(nobleSha256, key, info, length) as Bytes;
}

/** HKDF-Extract with SHA-512. */
export function hkdfExtractSha512(salt: Uint8Array, secret: Uint8Array): Bytes {
  return extract(nobleSha512, secret, salt) as Bytes;
}

/** HKDF-Expand with SHA-512. */
export function hkdfExpandSha512(key: Uint8Array, info: Uint8Array, length: number): Bytes {
  return expand(nobleSha512, key, info, length) as Bytes;
}

/** Fresh random bytes of the platform's generator. */
export function randomBytes(length: number): Bytes {
  return crypto.getRandomValues(new Uint8Array(length));
}

/** Whether both hold the same bytes, in a time that depends on their lengths only. */
export function constantTimeEqual(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let i = 0; i < a.length; i++) difference |= a[i]! ^ b[i]!;
  return difference === 0;
}

// --- AES-256-GCM -------------------------------------------------------------------------------

/** Imports a 16- or 32-byte AES-GCM key that can never be exported again. */
export async function importAesKey(key: Bytes): Promise<CryptoKey> {
  // Some runtimes have AES-192, which is not in the protocol.
  if (key.length !== 16 && key.length !== 32) throw new Error("bug: not an AES key's length");
  return await crypto.subtle.importKey("raw", key, "AES-GCM", false, ["encrypt", "decrypt"]);
}

/** AES-GCM encryption (NIST SP 800-38D): ciphertext with its 16-byte tag behind it. */
export async function aesSeal(
  key: CryptoKey,
  nonce: Bytes,
  ad: Bytes,
  plaintext: Bytes,
): Promise<Bytes> {
  return new Uint8Array(await crypto.subtle.encrypt(gcm(nonce, ad), key, plaintext));
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
  const algorithm = gcm(nonce, ad);
  try {
    return new Uint8Array(await crypto.subtle.decrypt(algorithm, key, ciphertext));
  } catch {
    return null;
  }
}

/** Runtimes differ about other lengths of nonces, and the protocol has one. */
function gcm(nonce: Bytes, ad: Bytes): AesGcmParams {
  if (nonce.length !== NONCE_BYTES) throw new Error("bug: an AES-GCM nonce has 12 bytes");
  return { name: "AES-GCM", iv: nonce, additionalData: ad, tagLength: 128 };
}

// --- Ed25519 -----------------------------------------------------------------------------------

/** An Ed25519 key pair; the private half stays in WebCrypto. */
export async function generateEd25519(extractable: boolean): Promise<RawKeyPair> {
  return await rawPair("Ed25519", extractable, ["sign", "verify"]);
}

/** The Ed25519 key pair of a 32-byte seed (RFC 8032, section 5.1.5), not extractable. */
export async function ed25519FromSeed(seed: Bytes): Promise<RawKeyPair> {
  const prefix = Uint8Array.from(atob("MC4CAQAwBQYDK2VwBCIEIA=="), (c) => c.charCodeAt(0));
  const importKey = (extractable: boolean) =>
    crypto.subtle.importKey("pkcs8", concat(prefix, seed), "Ed25519", extractable, ["sign"]);
  // WebCrypto tells the public half of a private key in a JWK only (RFC 8037).
  const { x } = await crypto.subtle.exportKey("jwk", await importKey(true));
  const publicKey = fromBase64Url(x ?? "");
  if (publicKey === null) throw new Error("bug: a JWK without its public key");
  return { publicKey, privateKey: await importKey(false) };
}

/** Signs with Ed25519 (RFC 8032). */
export async function ed25519Sign(privateKey: CryptoKey, message: Bytes): Promise<Bytes> {
  return new Uint8Array(await crypto.subtle.sign("Ed25519", privateKey, message));
}

/**
 * Verifies an Ed25519 signature whose public key was already checked by `isEd25519PublicKey`.
 *
 * Runtimes disagree about a small-order R, so it is refused before they are asked.
 */
export async function ed25519Verify(
  publicKey: Bytes,
  message: Bytes,
  signature: Bytes,
): Promise<boolean> {
  if (signature.length !== SIGNATURE_BYTES || isSmallOrder(signature.subarray(0, 32))) return false;
  const key = await crypto.subtle.importKey("raw", publicKey, "Ed25519", false, ["verify"]);
  return await crypto.subtle.verify("Ed25519", key, signature, message);
}

/** Whether the bytes are the canonical encoding of a point of prime order. */
export function isEd25519PublicKey(bytes: Uint8Array): boolean {
  if (bytes.length !== 32) return false;
  const point = decodePoint(bytes);
  return point !== null && !point.is0() && point.isTorsionFree();
}

/** The eight points of small order in all their encodings (y below 2^255), without the sign bit. */
const SMALL_ORDER_Y = [
  "0100000000000000000000000000000000000000000000000000000000000000",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "0000000000000000000000000000000000000000000000000000000000000000",
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
  "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
].map(hexBytes);

function isSmallOrder(encoded: Uint8Array): boolean {
  const y = Uint8Array.from(encoded);
  y[31]! &= 0x7f;
  return SMALL_ORDER_Y.some((small) => constantTimeEqual(small, y));
}

// --- X25519 ------------------------------------------------------------------------------------

/** An X25519 key pair; the private half stays in WebCrypto. */
export async function generateX25519(extractable: boolean): Promise<RawKeyPair> {
  return await rawPair("X25519", extractable, ["deriveBits"]);
}

/** X25519 (RFC 7748, section 6.1). @throws CryptoError `bad_key` when the result would be zero */
export async function x25519(privateKey: CryptoKey, publicKey: Bytes): Promise<Bytes> {
  let shared: Bytes;
  try {
    // A key of small order is refused here by Firefox and by the agreement itself elsewhere.
    const key = await crypto.subtle.importKey("raw", publicKey, "X25519", false, []);
    const algorithm = { name: "X25519", public: key };
    shared = new Uint8Array(await crypto.subtle.deriveBits(algorithm, privateKey, 256));
  } catch {
    throw new CryptoError("bad_key", "Key agreement failed");
  }
  if (constantTimeEqual(shared, new Uint8Array(32))) {
    throw new CryptoError("bad_key", "Key agreement gave a zero secret");
  }
  return shared;
}

/** u-coordinates of small order below 2^255-19 (RFC 7748, section 6.1; curve and twist). */
const SMALL_ORDER_U = [
  "0000000000000000000000000000000000000000000000000000000000000000",
  "0100000000000000000000000000000000000000000000000000000000000000",
  "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
  "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
].map(hexBytes);

/** Whether the bytes are canonical (bit 255 clear, u < 2^255-19) and not of small order. */
export function isX25519PublicKey(bytes: Uint8Array): boolean {
  if (bytes.length !== 32 || bytes[31]! > 0x7f) return false;
  const aboveField = bytes[31] === 0x7f && bytes.subarray(1, 31).every((b) => b === 0xff) &&
    bytes[0]! >= 0xed;
  return !aboveField && !SMALL_ORDER_U.some((small) => constantTimeEqual(small, bytes));
}

// --- ML-KEM-768 --------------------------------------------------------------------------------

/** WebCrypto's private key, or the 64-byte seed where the runtime lacks ML-KEM. */
export type KemPrivateKey = CryptoKey | Bytes;

interface KemSubtle {
  encapsulateBits(algorithm: string, key: CryptoKey): Promise<KemBits>;
  decapsulateBits(algorithm: string, key: CryptoKey, ciphertext: Bytes): Promise<ArrayBuffer>;
}
interface KemBits {
  readonly ciphertext: ArrayBuffer;
  readonly sharedKey: ArrayBuffer;
}

const KEM = "ML-KEM-768";

function kemSubtle(): (SubtleCrypto & KemSubtle) | null {
  return "encapsulateBits" in crypto.subtle ? crypto.subtle as SubtleCrypto & KemSubtle : null;
}

/** Noble's, for runtimes without one: imported on use, so that others need not download it. */
async function portableKem(): Promise<typeof import("@noble/post-quantum/ml-kem.js").ml_kem768> {
  return (await import("@noble/post-quantum/ml-kem.js")).ml_kem768;
}

/** An ML-KEM-768 key pair (FIPS 203, algorithm 19). */
export async function generateMlKem768(
  extractable: boolean,
): Promise<{ publicKey: Bytes; privateKey: KemPrivateKey }> {
  const subtle = kemSubtle();
  if (subtle === null) {
    const seed = randomBytes(64);
    const { publicKey } = (await portableKem()).keygen(seed);
    return { publicKey: publicKey as Bytes, privateKey: seed };
  }
  const usages = ["encapsulateBits", "decapsulateBits"] as unknown as KeyUsage[];
  const pair = await subtle.generateKey(KEM, extractable, usages) as CryptoKeyPair;
  const raw = await subtle.exportKey("raw-public" as "raw", pair.publicKey);
  return { publicKey: new Uint8Array(raw), privateKey: pair.privateKey };
}

/** Encapsulates to a public key that was already checked by `isMlKem768PublicKey`. */
export async function mlKem768Encapsulate(
  publicKey: Bytes,
): Promise<{ ciphertext: Bytes; shared: Bytes }> {
  const subtle = kemSubtle();
  if (subtle === null) {
    const { cipherText, sharedSecret } = (await portableKem()).encapsulate(publicKey);
    return { ciphertext: cipherText as Bytes, shared: sharedSecret as Bytes };
  }
  const usages = ["encapsulateBits"] as unknown as KeyUsage[];
  const key = await subtle.importKey("raw-public" as "raw", publicKey, KEM, false, usages);
  const { ciphertext, sharedKey } = await subtle.encapsulateBits(KEM, key);
  return { ciphertext: new Uint8Array(ciphertext), shared: new Uint8Array(sharedKey) };
}

/** Decapsulates; a wrong ciphertext gives an unrelated secret, never an error (FIPS 203, 6.3). */
export async function mlKem768Decapsulate(
  privateKey: KemPrivateKey,
  ciphertext: Bytes,
): Promise<Bytes> {
  if (ciphertext.length !== KEM_CIPHERTEXT_BYTES) {
    throw new CryptoError("malformed", "An ML-KEM-768 ciphertext has 1088 bytes");
  }
  if (privateKey instanceof Uint8Array) {
    const kem = await portableKem();
    return kem.decapsulate(ciphertext, kem.keygen(privateKey).secretKey) as Bytes;
  }
  const subtle = kemSubtle();
  if (subtle === null) throw new CryptoError("bad_key", "This runtime has no ML-KEM-768");
  return new Uint8Array(await subtle.decapsulateBits(KEM, privateKey, ciphertext));
}

/** The modulus check of FIPS 203, section 7.2: 1184 bytes whose coefficients are all below 3329. */
export function isMlKem768PublicKey(bytes: Uint8Array): boolean {
  if (bytes.length !== 1184) return false;
  for (let i = 0; i < 1152; i += 3) {
    const low = bytes[i]! | (bytes[i + 1]! & 0x0f) << 8;
    const high = bytes[i + 1]! >> 4 | bytes[i + 2]! << 4;
    if (low >= 3329 || high >= 3329) return false;
  }
  return true;
}

// -----------------------------------------------------------------------------------------------

/** A key pair whose public half is raw bytes. */
export interface RawKeyPair {
  /** 32 bytes. */
  readonly publicKey: Bytes;
  /** WebCrypto's handle. */
  readonly privateKey: CryptoKey;
}

async function rawPair(
  algorithm: string,
  extractable: boolean,
  usages: KeyUsage[],
): Promise<RawKeyPair> {
  const pair = await crypto.subtle.generateKey(algorithm, extractable, usages) as CryptoKeyPair;
  const raw = await crypto.subtle.exportKey("raw", pair.publicKey);
  return { publicKey: new Uint8Array(raw), privateKey: pair.privateKey };
}

function hexBytes(hex: string): Bytes {
  return Uint8Array.from(hex.match(/../g)!, (pair) => parseInt(pair, 16));
}
