/**
 * X25519 private keys that a test knows, as WebCrypto takes them.
 *
 * @module
 */

import { type Bytes, concat } from "../../crypto/bytes.ts";
import { fromHex } from "./hex.ts";

/** The head of a PKCS8 X25519 key (RFC 8410, section 7). */
const HEAD = fromHex("302e020100300506032b656e04220420");

/** The PKCS8 encoding of a scalar. */
export function scalarPkcs8(scalar: Bytes): Bytes {
  return concat(HEAD, scalar);
}

/** The private key of a scalar. */
export async function importScalar(scalar: Bytes, extractable = false): Promise<CryptoKey> {
  const pkcs8 = scalarPkcs8(scalar);
  return await crypto.subtle.importKey("pkcs8", pkcs8, "X25519", extractable, ["deriveBits"]);
}
