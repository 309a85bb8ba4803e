/**
 * P-256 (FIPS 186-5, SP 800-56A) by WebCrypto, for Web Push alone: push services and browsers speak
 * no other curve there.
 *
 * No key of an account is of this curve, and nothing of the log or a call rests on it.
 *
 * @module
 */

import { fromBase64Url } from "./base64.ts";
import { type Bytes, concat } from "./bytes.ts";
import { hexBytes, type RawKeyPair } from "./curve_key.ts";
import { CryptoError } from "./error.ts";

/** Length of a public key in bytes: an uncompressed point (SEC 1, section 2.3.3). */
export const P256_PUBLIC_KEY_BYTES = 65;
/** Length of the seed of a key in bytes: 64 bits more than the order has (FIPS 186-5, A.2.1). */
export const P256_SEED_BYTES = 40;

const ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
const FIELD = 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n;
const B = 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn;
const SCALAR_BYTES = 32;
/** PrivateKeyInfo (RFC 5208) around an ECPrivateKey (RFC 5915) without its public half. */
const PKCS8_PREFIX = hexBytes(
  "3041020100301306072a8648ce3d020106082a8648ce3d030107042730250201010420",
);

/**
 * The signing key (ECDSA) of a seed, not extractable: the seed as an integer, modulo the order less
 * one, plus one (FIPS 186-5, A.2.1).
 *
 * @param seed 40 random bytes
 */
export async function p256FromSeed(seed: Bytes): Promise<RawKeyPair> {
  if (seed.length !== P256_SEED_BYTES) throw new Error("bug: a P-256 seed has 40 bytes");
  const scalar = scalarBytes(integer(seed) % (ORDER - 1n) + 1n);
  const pair = await p256FromScalar(scalar, "ECDSA", ["sign"]);
  scalar.fill(0);
  return pair;
}

/** The key pair of a scalar of 32 bytes, below the order and not zero. */
export async function p256FromScalar(
  scalar: Bytes,
  name: "ECDSA" | "ECDH",
  usages: KeyUsage[],
): Promise<RawKeyPair> {
  const algorithm = { name, namedCurve: "P-256" };
  const importKey = (extractable: boolean) =>
    crypto.subtle.importKey("pkcs8", concat(PKCS8_PREFIX, scalar), algorithm, extractable, usages);
  // WebCrypto tells the public half of a private key in a JWK only.
  const { x, y } = await crypto.subtle.exportKey("jwk", await importKey(true));
  const [left, right] = [fromBase64Url(x ?? ""), fromBase64Url(y ?? "")];
  if (left === null || right === null) throw new Error("bug: a JWK without its public key");
  const publicKey = concat(new Uint8Array([0x04]), left, right);
  return { publicKey, privateKey: await importKey(false) };
}

/** A key pair for one agreement. */
export async function generateP256(): Promise<RawKeyPair> {
  const algorithm = { name: "ECDH", namedCurve: "P-256" };
  const pair = await crypto.subtle.generateKey(algorithm, false, ["deriveBits"]);
  const raw = await crypto.subtle.exportKey("raw", pair.publicKey);
  return { publicKey: new Uint8Array(raw), privateKey: pair.privateKey };
}

/**
 * Whether the bytes are the uncompressed encoding of a point of the curve. Runtimes look at a key when
 * it is imported, or when it is used, or differ; so it is computed (SP 800-56A, section 5.6.2.3.3).
 */
export function isP256PublicKey(bytes: Bytes): boolean {
  if (bytes.length !== P256_PUBLIC_KEY_BYTES || bytes[0] !== 0x04) return false;
  const [x, y] = [integer(bytes.subarray(1, 33)), integer(bytes.subarray(33))];
  return x < FIELD && y < FIELD && (y * y - x * x * x + 3n * x - B) % FIELD === 0n;
}

/** ECDH (SP 800-56A, section 5.7.1.2): the x-coordinate, 32 bytes. @throws CryptoError `bad_key` */
export async function p256Agree(privateKey: CryptoKey, publicKey: Bytes): Promise<Bytes> {
  if (!isP256PublicKey(publicKey)) throw new CryptoError("bad_key", "This is no key of P-256");
  const curve = { name: "ECDH", namedCurve: "P-256" };
  const imported = await crypto.subtle.importKey("raw", publicKey, curve, false, []);
  const algorithm = { name: "ECDH", public: imported };
  return new Uint8Array(await crypto.subtle.deriveBits(algorithm, privateKey, 256));
}

function integer(bytes: Bytes): bigint {
  return bytes.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
}

function scalarBytes(scalar: bigint): Bytes {
  return hexBytes(scalar.toString(16).padStart(2 * SCALAR_BYTES, "0"));
}
