/**
 * ML-DSA-44 (FIPS 204): WebCrypto's where the runtime has it (Deno, Chromium), noble's elsewhere.
 *
 *     public key[1312]      signature[2420]      seed[32]        the context string is empty
 *
 * Noble's is imported on use, so that only runtimes without one download it; it claims no constant
 * time. Signatures are hedged: two of the same message differ.
 *
 * @module
 */

import { type Bytes } from "./bytes.ts";

/** Length of an ML-DSA-44 public key in bytes (FIPS 204, table 2). */
export const ML_DSA_44_PUBLIC_KEY_BYTES = 1312;
/** Length of an ML-DSA-44 signature in bytes (FIPS 204, table 2). */
export const ML_DSA_44_SIGNATURE_BYTES = 2420;
/** Length of the seed that an ML-DSA key pair is derived from, in bytes. */
const ML_DSA_SEED_BYTES = 32;

/** An ML-DSA-44 key pair. */
export interface MlDsaKeyPair {
  /** 1312 bytes. */
  readonly publicKey: Bytes;
  /** The signature over a message, 2420 bytes. */
  sign(message: Bytes): Promise<Bytes>;
}

const NAME = "ML-DSA-44";

interface MlDsaSubtle {
  getPublicKey(key: CryptoKey, usages: KeyUsage[]): Promise<CryptoKey>;
}

/** The key pair of a seed (FIPS 204, algorithm 6); the seed stays the caller's to wipe. */
export async function mlDsa44FromSeed(seed: Bytes): Promise<MlDsaKeyPair> {
  if (seed.length !== ML_DSA_SEED_BYTES) throw new Error("bug: an ML-DSA seed has 32 bytes");
  const privateKey = await importWebCrypto("raw-seed", seed, "sign");
  if (privateKey === null) {
    const ml = await portable();
    const { publicKey, secretKey } = ml.keygen(seed);
    return {
      publicKey: publicKey as Bytes,
      sign: (message) => Promise.resolve(ml.sign(message, secretKey) as Bytes),
    };
  }
  const subtle = crypto.subtle as SubtleCrypto & MlDsaSubtle;
  const publicKey = await subtle.getPublicKey(privateKey, ["verify"]);
  return {
    publicKey: new Uint8Array(await subtle.exportKey("raw-public" as "raw", publicKey)),
    sign: async (message) => new Uint8Array(await subtle.sign(NAME, privateKey, message)),
  };
}

/** Verifies an ML-DSA-44 signature; a key or signature of another length verifies nothing. */
export async function mlDsa44Verify(
  publicKey: Bytes,
  message: Bytes,
  signature: Bytes,
): Promise<boolean> {
  if (publicKey.length !== ML_DSA_44_PUBLIC_KEY_BYTES) return false;
  if (signature.length !== ML_DSA_44_SIGNATURE_BYTES) return false;
  const key = await importWebCrypto("raw-public", publicKey, "verify");
  if (key === null) return (await portable()).verify(signature, message, publicKey);
  return await crypto.subtle.verify(NAME, key, signature, message);
}

/**
 * WebCrypto's handle, or null where the runtime has no ML-DSA-44. Every byte string of the right
 * length is a key (FIPS 204, 7.2), so a refusal means that the algorithm or the format is unknown.
 */
async function importWebCrypto(
  format: "raw-seed" | "raw-public",
  bytes: Bytes,
  usage: KeyUsage,
): Promise<CryptoKey | null> {
  try {
    return await crypto.subtle.importKey(format as "raw", bytes, NAME, false, [usage]);
  } catch {
    return null;
  }
}

async function portable(): Promise<typeof import("@noble/post-quantum/ml-dsa.js").ml_dsa44> {
  return (await import("@noble/post-quantum/ml-dsa.js")).ml_dsa44;
}
