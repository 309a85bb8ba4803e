/**
 * What keys of the two curves have in common (RFC 8037, RFC 8410): 32 public bytes, and a private handle.
 *
 * It judges no key: `ed25519.ts` and `x25519.ts` do.
 *
 * @module
 */

import { type Bytes } from "./bytes.ts";

/** A key pair whose public half is raw bytes. */
export interface RawKeyPair {
  /** 32 bytes. */
  readonly publicKey: Bytes;
  /** WebCrypto's handle. */
  readonly privateKey: CryptoKey;
}

/** The two curves, by their names in WebCrypto and in a JWK. */
export type Curve = "Ed25519" | "X25519";

/** A fresh key pair of WebCrypto's. */
export async function generateCurvePair(
  curve: Curve,
  extractable: boolean,
  usages: KeyUsage[],
): Promise<RawKeyPair> {
  const pair = await crypto.subtle.generateKey(curve, extractable, usages) as CryptoKeyPair;
  const raw = await crypto.subtle.exportKey("raw", pair.publicKey);
  return { publicKey: new Uint8Array(raw), privateKey: pair.privateKey };
}

/** The bytes of a constant in hexadecimal. */
export function hexBytes(hex: string): Bytes {
  return Uint8Array.from(hex.match(/../g)!, (pair) => parseInt(pair, 16));
}
