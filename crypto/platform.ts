/**
 * The runtime's own synchronous cryptography, where it has one: that of Node and of Deno, which spares a
 * promise and two hops between threads for every small operation.
 *
 * The runtime is asked, not imported from, so that a bundle for browsers names no module that they lack.
 * It is asked anew each time: where there is nothing (any more), every primitive has its portable way, and
 * gives the same bytes. Nothing outside the files of primitives uses this.
 *
 * @module
 */

import { type Bytes } from "./bytes.ts";

/** A key that the runtime holds; its bytes are not reachable through this type. */
export interface NativeKey {
  /** What it is for. */
  readonly type: "public" | "private" | "secret";
}

/** The functions that are used; their names and meanings are those of Node's `crypto`. */
export interface NativeCrypto {
  hash(algorithm: string, data: Uint8Array, encoding: "buffer"): Uint8Array;
  createHmac(algorithm: string, key: Uint8Array): NativeMac;
  createCipheriv(
    algorithm: string,
    key: NativeKey,
    nonce: Uint8Array,
    options: { readonly authTagLength: number },
  ): NativeCipher;
  createDecipheriv(
    algorithm: string,
    key: NativeKey,
    nonce: Uint8Array,
    options: { readonly authTagLength: number },
  ): NativeCipher;
  createPublicKey(jwk: { readonly key: JsonWebKey; readonly format: "jwk" }): NativeKey;
  diffieHellman(keys: { privateKey: NativeKey; publicKey: NativeKey }): Uint8Array;
  sign(algorithm: null, message: Uint8Array, key: NativeKey): Uint8Array;
  verify(algorithm: null, message: Uint8Array, key: NativeKey, signature: Uint8Array): boolean;
  readonly KeyObject: { from(key: CryptoKey): NativeKey };
}

interface NativeMac {
  update(data: Uint8Array): NativeMac;
  digest(): Uint8Array;
}

interface NativeCipher {
  setAAD(ad: Uint8Array): void;
  setAuthTag(tag: Uint8Array): void;
  getAuthTag(): Uint8Array;
  update(data: Uint8Array): Uint8Array;
  final(): Uint8Array;
}

const FUNCTIONS = [
  "hash",
  "createHmac",
  "createCipheriv",
  "createDecipheriv",
  "createPublicKey",
  "diffieHellman",
  "sign",
  "verify",
] as const;

type Ask = (name: string) => NativeCrypto | undefined;

let asked: Ask | undefined;
let answered: NativeCrypto | null = null;

/** The runtime's own functions, or null in browsers and wherever one of them is missing. */
export function nativeCrypto(): NativeCrypto | null {
  const { process } = globalThis as { readonly process?: { readonly getBuiltinModule?: Ask } };
  const ask = process?.getBuiltinModule;
  if (ask !== asked) {
    asked = ask;
    const found = ask?.("crypto");
    const whole = found !== undefined && found.KeyObject?.from !== undefined &&
      FUNCTIONS.every((name) => typeof found[name] === "function");
    answered = whole ? found : null;
  }
  return answered;
}

/** The runtime's bytes as plain ones, over a buffer that is nobody else's. */
export function plain(bytes: Uint8Array): Bytes {
  if (bytes.byteLength === bytes.buffer.byteLength) {
    return new Uint8Array(bytes.buffer as ArrayBuffer);
  }
  const copy = Uint8Array.from(bytes);
  bytes.fill(0);
  return copy;
}

const handles = new WeakMap<CryptoKey, NativeKey>();

/** The runtime's view of a WebCrypto key, made once, or null where it can't be had. */
export function nativeKey(native: NativeCrypto, key: CryptoKey): NativeKey | null {
  let handle = handles.get(key);
  if (handle === undefined) {
    try {
      handle = native.KeyObject.from(key);
    } catch {
      return null;
    }
    handles.set(key, handle);
  }
  return handle;
}
