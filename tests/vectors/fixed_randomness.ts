/**
 * The platform's randomness, replaced by a vector's while a sender runs: so our sources need no way
 * in that would let anybody choose their randomness.
 *
 * Replaced are `crypto.getRandomValues`, which the portable ML-KEM draws from too, of `crypto.subtle`
 * key generation and encapsulation, and of the runtime's own `crypto` module, for whoever asks for it
 * with `process.getBuiltinModule`, the generation of key pairs. What is asked for and not given throws,
 * and so does what is given and not asked for. Nothing else may run meanwhile.
 *
 * @module
 */

import { type Bytes } from "../../crypto/bytes.ts";
import { fromHex } from "../support/hex.ts";
import { scalarPkcs8 } from "../support/scalar.ts";
import { hasNativeKem, kemPair, kemPrivateKey, x25519Pair } from "./private_keys.ts";

/** What a sender draws, each in the order of its kind; bytes in hexadecimal. */
export interface Draws {
  /** Plain random bytes. */
  readonly bytes?: readonly string[];
  /** Private keys. */
  readonly x25519?: readonly string[];
  /** Seeds `d || z` of key pairs, with their public halves. */
  readonly kem?: readonly { readonly seed: string; readonly ek: Bytes }[];
  /** The `m` of encapsulations, what they give, and the seed of whom they are to. */
  readonly encapsulations?: readonly {
    readonly m: string;
    readonly ct: Bytes;
    readonly seed: string;
  }[];
}

/** What WebCrypto's types lack. */
interface Encapsulated {
  readonly ciphertext: ArrayBuffer;
  readonly sharedKey: ArrayBuffer;
}
interface KemSubtle {
  decapsulateBits(name: string, key: CryptoKey, ciphertext: Bytes): Promise<ArrayBuffer>;
}

/** What is used of Node's `crypto` and of who hands it out, in Node and in Deno. */
interface NodeCrypto {
  createPrivateKey(of: { key: Bytes; format: "der"; type: "pkcs8" }): object;
  createPublicKey(of: object): object;
}
type Ask = (name: string) => object | undefined;
interface Process {
  readonly getBuiltinModule?: Ask;
}

/** Runs with these draws in place of the platform's randomness. */
export async function withFixed<T>(draws: Draws, work: () => Promise<T>): Promise<T> {
  const bytes = (draws.bytes ?? []).map(fromHex);
  const agreements = (draws.x25519 ?? []).map(fromHex);
  const kems = (draws.kem ?? []).map(({ seed, ek }) => ({ seed: fromHex(seed), ek }));
  const encapsulations = [...draws.encapsulations ?? []];
  if (!hasNativeKem()) {
    bytes.push(...kems.splice(0).map(({ seed }) => seed));
    bytes.push(...encapsulations.splice(0).map(({ m }) => fromHex(m)));
  }

  function getRandomValues(into: Uint8Array): Uint8Array {
    const at = bytes.findIndex(({ length }) => length === into.length);
    if (at < 0) throw new Error(`No ${into.length} fixed bytes are left`);
    into.set(bytes.splice(at, 1)[0]!);
    return into;
  }

  async function generateKey(name: string, extractable: boolean): Promise<CryptoKeyPair> {
    if (name === "X25519") return await x25519Pair(taken(agreements, name), extractable);
    if (name !== "ML-KEM-768") throw new Error(`No fixed ${name} key is there`);
    const { seed, ek } = taken(kems, name);
    return await kemPair(seed, ek, extractable);
  }

  async function encapsulateBits(name: string): Promise<Encapsulated> {
    const { seed, ct } = taken(encapsulations, "encapsulation");
    const key = await kemPrivateKey(fromHex(seed), false);
    const subtle = crypto.subtle as unknown as KemSubtle;
    return {
      ciphertext: ct.slice().buffer,
      sharedKey: await subtle.decapsulateBits(name, key, ct),
    };
  }

  /** The runtime's modules, of which `crypto` makes the vector's key pairs. */
  function getBuiltinModule(ask: Ask, name: string): object | undefined {
    const module = ask(name);
    if (name.replace("node:", "") !== "crypto" || module === undefined) return module;
    const node = module as NodeCrypto;
    const generateKeyPairSync = (algorithm: string) => {
      if (algorithm !== "x25519") throw new Error(`No fixed ${algorithm} key is there`);
      const key = scalarPkcs8(taken(agreements, algorithm));
      const privateKey = node.createPrivateKey({ key, format: "der", type: "pkcs8" });
      return { publicKey: node.createPublicKey(privateKey), privateKey };
    };
    return Object.create(module, { generateKeyPairSync: { value: generateKeyPairSync } });
  }

  const { process } = globalThis as { readonly process?: Process };
  const ask = process?.getBuiltinModule;
  const restore = [
    replaced(crypto, "getRandomValues", getRandomValues),
    replaced(crypto.subtle, "generateKey", generateKey),
    ...(hasNativeKem() ? [replaced(crypto.subtle, "encapsulateBits", encapsulateBits)] : []),
    ...(ask === undefined
      ? []
      : [replaced(process!, "getBuiltinModule", (name: string) => getBuiltinModule(ask, name))]),
  ];
  try {
    const result = await work();
    const left = bytes.length + agreements.length + kems.length + encapsulations.length;
    if (left > 0) throw new Error(`${left} fixed draws were not asked for`);
    return result;
  } finally {
    for (const undo of restore) undo();
  }
}

function taken<T>(from: T[], what: string): T {
  const first = from.shift();
  if (first === undefined) throw new Error(`No fixed ${what} is left`);
  return first;
}

/** Puts another method in the place of an object's or of its prototype's. */
function replaced(target: object, name: string, by: unknown): () => void {
  const own = Object.getOwnPropertyDescriptor(target, name);
  Object.defineProperty(target, name, { value: by, configurable: true, writable: true });
  return () => {
    if (own === undefined) Reflect.deleteProperty(target, name);
    else Object.defineProperty(target, name, own);
  };
}
