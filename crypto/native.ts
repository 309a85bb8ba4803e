/**
 * AES-GCM, Ed25519 and X25519 by the runtime's own synchronous functions, under keys that WebCrypto holds.
 *
 * Nothing is judged here: which keys and signatures are good is the same either way, and stands in the files
 * of the primitives. This file imports nothing, so that whoever bundles for browsers gets it in a chunk of its
 * own, which they never load.
 *
 * @module
 */

import { type Bytes } from "./bytes.ts";

/** A key that the runtime holds; its bytes are out of reach of this type. */
export interface KeyObject {
  readonly type: "public" | "private" | "secret";
}

interface PublicKeyObject extends KeyObject {
  export(options: { readonly format: "jwk" }): JsonWebKey;
}

interface Cipher {
  setAAD(ad: Uint8Array): void;
  setAuthTag(tag: Uint8Array): void;
  getAuthTag(): Uint8Array;
  update(data: Uint8Array): Uint8Array;
  final(): Uint8Array;
}

type MakeCipher = (
  algorithm: string,
  key: KeyObject | Bytes,
  nonce: Uint8Array,
  options: { readonly authTagLength: number },
) => Cipher;

/** What is used of Node's `crypto`, under its names. */
export interface NativeFunctions {
  hash(algorithm: string, data: Uint8Array, encoding: "buffer"): Uint8Array;
  readonly createCipheriv: MakeCipher;
  readonly createDecipheriv: MakeCipher;
  createPublicKey(jwk: { readonly key: JsonWebKey; readonly format: "jwk" }): KeyObject;
  generateKeyPairSync(algorithm: string): { publicKey: PublicKeyObject; privateKey: KeyObject };
  diffieHellman(keys: { privateKey: KeyObject; publicKey: KeyObject }): Uint8Array;
  sign(algorithm: null, message: Uint8Array, key: KeyObject): Uint8Array;
  verify(algorithm: null, message: Uint8Array, key: KeyObject, signature: Uint8Array): boolean;
  readonly KeyObject: { from(key: CryptoKey): KeyObject };
}

/** The primitives; undefined where the runtime can't, or not as fast as WebCrypto. */
export interface NativeWays {
  /** Ciphertext and tag. @param key imported, or the bytes of one that is used once */
  aesSeal(key: CryptoKey | Bytes, nonce: Bytes, ad: Bytes, plaintext: Bytes): Bytes | undefined;
  /** The plaintext, or null where the tag does not verify. @param sealed a whole tag at least */
  aesOpen(key: CryptoKey | Bytes, nonce: Bytes, ad: Bytes, sealed: Bytes): Bytes | null | undefined;
  /** An Ed25519 signature. */
  sign(key: CryptoKey, message: Bytes): Bytes | undefined;
  /** What the runtime says of an Ed25519 signature. */
  verify(key: Bytes, message: Bytes, signature: Bytes): boolean;
  /** An X25519 key pair whose private half only this runtime's functions can use: never stored. */
  generateX25519(): { readonly publicKey: JsonWebKey; readonly privateKey: KeyObject };
  /** X25519; throws where the runtime refuses the result. */
  agree(own: CryptoKey | KeyObject, other: Bytes): Bytes | undefined;
}

const TAG_BYTES = 16;
/** Above this (a padded message of 8 kB with its tag) Deno's AES-GCM is slower than its WebCrypto. */
const DENO_AES_BYTES = 8_208;

/** The functions that a runtime must have, besides the class `KeyObject`. */
const NEEDED = [
  "createCipheriv",
  "createDecipheriv",
  "createPublicKey",
  "diffieHellman",
  "generateKeyPairSync",
  "sign",
  "verify",
] as const;

/** The primitives out of these functions, or null where one is missing. */
export function nativeWays(functions: NativeFunctions): NativeWays | null {
  if (!NEEDED.every((name) => typeof functions[name] === "function")) return null;
  const handles = new WeakMap<CryptoKey, KeyObject>();
  const imported = new WeakMap<Bytes, { readonly copy: string; readonly key: KeyObject }>();

  /** The runtime's view of a WebCrypto key, made once. */
  function handleOf(key: CryptoKey): KeyObject | undefined {
    let handle = handles.get(key);
    if (handle === undefined) {
      try {
        handle = functions.KeyObject.from(key);
      } catch {
        return undefined;
      }
      handles.set(key, handle);
    }
    return handle;
  }

  /** A public key, imported once for each object that holds its bytes. */
  function publicKey(crv: "Ed25519" | "X25519", bytes: Bytes): KeyObject {
    const x = base64Url(bytes);
    const known = imported.get(bytes);
    // Whoever writes over a buffer has another key in it from then on.
    if (known !== undefined && known.copy === crv + x) return known.key;
    const key = functions.createPublicKey({ key: { kty: "OKP", crv, x }, format: "jwk" });
    imported.set(bytes, { copy: crv + x, key });
    return key;
  }

  function cipher(
    make: MakeCipher,
    key: CryptoKey | Bytes,
    nonce: Bytes,
    ad: Bytes,
  ): Cipher | undefined {
    const isRaw = key instanceof Uint8Array;
    const used = isRaw ? key : handleOf(key);
    if (used === undefined) return undefined;
    const bits = isRaw ? key.length * 8 : (key.algorithm as AesKeyAlgorithm).length;
    // Without a length Node would take a tag of four bytes.
    const made = make(`aes-${bits}-gcm`, used, nonce, { authTagLength: TAG_BYTES });
    made.setAAD(ad);
    return made;
  }

  return {
    aesSeal: (key, nonce, ad, plaintext) => {
      if (isSlow(plaintext.length)) return undefined;
      const sealing = cipher(functions.createCipheriv, key, nonce, ad);
      if (sealing === undefined) return undefined;
      const out = new Uint8Array(plaintext.length + TAG_BYTES);
      out.set(sealing.update(plaintext));
      sealing.final();
      out.set(sealing.getAuthTag(), plaintext.length);
      return out;
    },
    aesOpen: (key, nonce, ad, sealed) => {
      if (isSlow(sealed.length)) return undefined;
      const opening = cipher(functions.createDecipheriv, key, nonce, ad);
      if (opening === undefined) return undefined;
      const end = sealed.length - TAG_BYTES;
      opening.setAuthTag(sealed.subarray(end));
      const unverified = opening.update(sealed.subarray(0, end));
      try {
        opening.final();
      } catch {
        unverified.fill(0);
        return null;
      }
      return plain(unverified);
    },
    sign: (key, message) => {
      const handle = handleOf(key);
      return handle && plain(functions.sign(null, message, handle));
    },
    verify: (key, message, signature) =>
      functions.verify(null, message, publicKey("Ed25519", key), signature),
    generateX25519: () => {
      const { publicKey, privateKey } = functions.generateKeyPairSync("x25519");
      return { publicKey: publicKey.export({ format: "jwk" }), privateKey };
    },
    agree: (own, other) => {
      const privateKey = "algorithm" in own ? handleOf(own) : own;
      const keys = privateKey && { privateKey, publicKey: publicKey("X25519", other) };
      return keys && plain(functions.diffieHellman(keys));
    },
  };
}

function isSlow(bytes: number): boolean {
  return bytes > DENO_AES_BYTES && "Deno" in globalThis;
}

function base64Url(bytes: Bytes): string {
  const text = btoa(String.fromCharCode(...bytes));
  return text.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** The runtime's bytes as plain ones, over a buffer that is nobody else's. */
function plain(bytes: Uint8Array): Bytes {
  if (bytes.byteLength === bytes.buffer.byteLength) {
    return new Uint8Array(bytes.buffer as ArrayBuffer);
  }
  const copy = Uint8Array.from(bytes);
  bytes.fill(0);
  return copy;
}
