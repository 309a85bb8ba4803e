/**
 * Ed25519 (RFC 8032): the runtime's, or WebCrypto's, under one strict rule of acceptance.
 *
 * A key is canonical and of prime order (`isEd25519PublicKey`), R is not of small order, and then the
 * native verification decides, whose equation is cofactorless. Runtimes disagree about all the rest.
 *
 * @module
 */

import { fromBase64Url } from "./base64.ts";
import { type Bytes, concat, equal, toHex } from "./bytes.ts";
import { generateCurvePair, hexBytes, type RawKeyPair } from "./curve_key.ts";
import { decodePoint } from "./edwards25519.ts";
import { native } from "./platform.ts";

/** Length of an Ed25519 signature in bytes. */
export const SIGNATURE_BYTES = 64;

/** An Ed25519 key pair; the private half stays in WebCrypto. */
export async function generateEd25519(extractable: boolean): Promise<RawKeyPair> {
  return await generateCurvePair("Ed25519", extractable, ["sign", "verify"]);
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

/** Signs with Ed25519. */
export async function ed25519Sign(privateKey: CryptoKey, message: Bytes): Promise<Bytes> {
  const signature = native()?.sign(privateKey, message);
  if (signature !== undefined) return signature;
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
  const verdict = native()?.verify(publicKey, message, signature);
  if (verdict !== undefined) return verdict;
  const key = await crypto.subtle.importKey("raw", publicKey, "Ed25519", false, ["verify"]);
  return await crypto.subtle.verify("Ed25519", key, signature, message);
}

/**
 * Keys that were found to be of prime order, newest last: finding out takes a whole multiplication, ten
 * times as long as a signature. Two megabytes, so that a service knows the devices that come every day.
 */
const primeOrder = new Set<string>();
const REMEMBERED_KEYS = 16_384;

/** Whether the bytes are the canonical encoding of a point of prime order. */
export function isEd25519PublicKey(bytes: Uint8Array): boolean {
  if (bytes.length !== 32) return false;
  const name = toHex(bytes);
  if (primeOrder.has(name)) return true;
  const point = decodePoint(bytes);
  if (point === null || point.is0() || !point.isTorsionFree()) return false;
  if (primeOrder.size >= REMEMBERED_KEYS) primeOrder.delete(primeOrder.values().next().value!);
  primeOrder.add(name);
  return true;
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
  return SMALL_ORDER_Y.some((small) => equal(small, y));
}
