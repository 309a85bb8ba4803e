/**
 * A tap on WebCrypto: every secret of Countersign that it makes or is given in this realm, so that a
 * test can look for it where it must not be.
 *
 * Whoever uses a tapped key notices nothing: it is as little extractable as it would have been. What the
 * runtime has besides WebCrypto is taken away meanwhile, since nothing of that could be tapped.
 *
 * @module
 */

import { type Bytes } from "../../crypto/bytes.ts";
import { portable } from "./portable.ts";

/** One secret. */
export interface TappedSecret {
  /** What it is. */
  readonly name: string;
  /** Its bytes, without any wrapping. */
  readonly bytes: Bytes;
}

/** A tap that is open. */
export interface KeyTap extends Disposable {
  /** What came by so far. */
  readonly secrets: readonly TappedSecret[];
}

/** The slice of `SubtleCrypto` that is tapped. */
interface Subtle {
  generateKey(algorithm: unknown, extractable: boolean, usages: Usages): Promise<CryptoKeyPair>;
  importKey(format: string, data: Bytes, algorithm: unknown, ...rest: Rest): Promise<CryptoKey>;
  exportKey(format: string, key: CryptoKey): Promise<ArrayBuffer>;
  deriveBits(algorithm: unknown, key: CryptoKey, length: number): Promise<ArrayBuffer>;
  encapsulateBits(algorithm: unknown, key: CryptoKey): Promise<{ sharedKey: ArrayBuffer }>;
  decapsulateBits(algorithm: unknown, key: CryptoKey, sealed: Bytes): Promise<ArrayBuffer>;
}
type Usages = readonly string[];
type Rest = [extractable: boolean, usages: Usages];

/** How a private key is exported, and where in that its secret begins. */
const PRIVATE: Readonly<Record<string, readonly [format: string, at: number]>> = {
  "Ed25519": ["pkcs8", 16],
  "X25519": ["pkcs8", 16],
  "ML-KEM-768": ["raw-seed", 0],
};

/** Taps WebCrypto until it is disposed of. */
export function tapKeys(): KeyTap {
  const secrets: TappedSecret[] = [];
  const real = crypto.subtle as unknown as Subtle;
  const keep = (name: string, bytes: ArrayBuffer | Bytes) => {
    secrets.push({
      name: `${name}, number ${secrets.length}`,
      bytes: new Uint8Array(bytes).slice(),
    });
  };
  const taps: Partial<Subtle> = {
    async generateKey(algorithm, extractable, usages) {
      const known = PRIVATE[String(algorithm)];
      if (known === undefined) return await original.generateKey(algorithm, extractable, usages);
      const [format, at] = known;
      const pair = await original.generateKey(algorithm, true, usages);
      const bytes = new Uint8Array(await original.exportKey(format, pair.privateKey));
      keep(`${algorithm} private key`, bytes.subarray(at));
      const { usages: own } = pair.privateKey;
      const privateKey = await original.importKey(format, bytes, algorithm, extractable, own);
      return { publicKey: pair.publicKey, privateKey };
    },
    importKey(format, data, algorithm, ...rest) {
      if (algorithm === "AES-GCM") keep("AES key", data);
      return original.importKey(format, data, algorithm, ...rest);
    },
    async deriveBits(algorithm, key, length) {
      const bits = await original.deriveBits(algorithm, key, length);
      keep("shared secret", bits);
      return bits;
    },
    async encapsulateBits(algorithm, key) {
      const result = await original.encapsulateBits(algorithm, key);
      keep("encapsulated secret", result.sharedKey);
      return result;
    },
    async decapsulateBits(algorithm, key, sealed) {
      const bits = await original.decapsulateBits(algorithm, key, sealed);
      keep("decapsulated secret", bits);
      return bits;
    },
  };
  // Only what the runtime has, because the library asks what it has.
  const names = (Object.keys(taps) as (keyof Subtle)[]).filter((name) => name in real);
  const original = Object.fromEntries(
    [...names, "exportKey" as const].map((name) => [name, real[name].bind(real)]),
  ) as unknown as Subtle;
  for (const name of names) {
    Object.defineProperty(real, name, { value: taps[name], configurable: true });
  }
  const without = portable();
  return {
    secrets,
    [Symbol.dispose]: () => {
      without[Symbol.dispose]();
      names.forEach((name) => void Reflect.deleteProperty(real, name));
    },
  };
}
