/**
 * What keys of the two curves have in common (RFC 8037, RFC 8410): 32 public bytes, and a private handle.
 *
 * It judges no key: `ed25519.ts` and `x25519.ts` do.
 *
 * @module
 */

import { toBase64Url } from "./base64.ts";
import { type Bytes, equal } from "./bytes.ts";
import { type NativeCrypto, type NativeKey } from "./platform.ts";

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

/** Public keys of one curve, each imported once for each object that holds its bytes. */
export interface PublicKeys {
  /** The runtime's own. */
  native(runtime: NativeCrypto, bytes: Bytes): NativeKey;
  /** WebCrypto's. */
  web(bytes: Bytes): Promise<CryptoKey>;
}

/** The public keys of a curve. @param usages what WebCrypto's may do */
export function publicKeysOf(curve: Curve, usages: KeyUsage[]): PublicKeys {
  const natives = new WeakMap<Bytes, Imported<NativeKey>>();
  const webs = new WeakMap<Bytes, Imported<Promise<CryptoKey>>>();
  return {
    native: (runtime, bytes) =>
      importedOnce(natives, bytes, () => {
        const key = { kty: "OKP", crv: curve, x: toBase64Url(bytes) };
        return runtime.createPublicKey({ key, format: "jwk" });
      }),
    web: (bytes) =>
      importedOnce(
        webs,
        bytes,
        () => crypto.subtle.importKey("raw", bytes, curve, false, usages),
      ),
  };
}

interface Imported<Key> {
  readonly copy: Bytes;
  readonly key: Key;
}

function importedOnce<Key>(
  kept: WeakMap<Bytes, Imported<Key>>,
  bytes: Bytes,
  make: () => Key,
): Key {
  const known = kept.get(bytes);
  // Whoever writes over a buffer has another key in it from then on.
  if (known !== undefined && equal(known.copy, bytes)) return known.key;
  const key = make();
  kept.set(bytes, { copy: Uint8Array.from(bytes), key });
  return key;
}

/** The bytes of a constant in hexadecimal. */
export function hexBytes(hex: string): Bytes {
  return Uint8Array.from(hex.match(/../g)!, (pair) => parseInt(pair, 16));
}
