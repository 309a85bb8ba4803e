/**
 * X25519 (RFC 7748): the runtime's, or WebCrypto's.
 *
 * A key is canonical and not of small order, and a secret is never zero.
 *
 * @module
 */

import { fromBase64Url } from "./base64.ts";
import { type Bytes, equal } from "./bytes.ts";
import { constantTimeEqual } from "./constant_time.ts";
import { generateCurvePair, hexBytes, type RawKeyPair } from "./curve_key.ts";
import { CryptoError } from "./error.ts";
import { type KeyObject } from "./native.ts";
import { native } from "./platform.ts";

/** WebCrypto's handle, or the runtime's own of a key for one exchange. */
export type AgreementPrivateKey = CryptoKey | KeyObject;

/** An X25519 key pair; the private half stays in WebCrypto. */
export async function generateX25519(extractable: boolean): Promise<RawKeyPair> {
  return await generateCurvePair("X25519", extractable, ["deriveBits"]);
}

/** A key pair for one exchange, whose private half is never stored. */
export async function generateEphemeralX25519(): Promise<
  { readonly publicKey: Bytes; readonly privateKey: AgreementPrivateKey }
> {
  const made = native()?.generateX25519();
  if (made === undefined) return await generateX25519(false);
  const publicKey = fromBase64Url(made.publicKey.x ?? "");
  if (publicKey === null) throw new Error("bug: a JWK without its public key");
  return { publicKey, privateKey: made.privateKey };
}

/** X25519 (RFC 7748, section 6.1). @throws CryptoError `bad_key` when the result would be zero */
export async function x25519(privateKey: AgreementPrivateKey, publicKey: Bytes): Promise<Bytes> {
  const shared = await agree(privateKey, publicKey);
  if (constantTimeEqual(shared, new Uint8Array(32))) {
    throw new CryptoError("bad_key", "Key agreement gave a zero secret");
  }
  return shared;
}

async function agree(privateKey: AgreementPrivateKey, publicKey: Bytes): Promise<Bytes> {
  try {
    const shared = native()?.agree(privateKey, publicKey);
    if (shared !== undefined) return shared;
    const algorithm = { name: "X25519", public: await importedOnce(publicKey) };
    return new Uint8Array(await crypto.subtle.deriveBits(algorithm, privateKey as CryptoKey, 256));
  } catch {
    throw new CryptoError("bad_key", "Key agreement failed");
  }
}

/** Public keys by the object that holds their bytes, for a handshake uses most of them more than once. */
const imported = new WeakMap<Bytes, { readonly copy: Bytes; readonly key: Promise<CryptoKey> }>();

function importedOnce(bytes: Bytes): Promise<CryptoKey> {
  const known = imported.get(bytes);
  // Whoever writes over a buffer has another key in it from then on.
  if (known !== undefined && equal(known.copy, bytes)) return known.key;
  const key = crypto.subtle.importKey("raw", bytes, "X25519", false, []);
  imported.set(bytes, { copy: Uint8Array.from(bytes), key });
  return key;
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
  return !aboveField && !SMALL_ORDER_U.some((small) => equal(small, bytes));
}
