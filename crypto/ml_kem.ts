/**
 * ML-KEM-768 (FIPS 203): WebCrypto's where the runtime has it (Deno, Chromium), and noble's elsewhere.
 *
 * Noble's claims no constant time. A key is checked before anything is encapsulated to it, and a wrong
 * ciphertext is nobody's error: only what is confirmed later tells.
 *
 * @module
 */

import { type Bytes } from "./bytes.ts";
import { constantTimeEqual } from "./constant_time.ts";
import { CryptoError } from "./error.ts";
import { randomBytes } from "./random.ts";

/** Length of an ML-KEM-768 ciphertext in bytes (FIPS 203, table 3). */
export const KEM_CIPHERTEXT_BYTES = 1088;

/** WebCrypto's private key, or the 64-byte seed where the runtime lacks ML-KEM. */
export type KemPrivateKey = CryptoKey | Bytes;

interface KemSubtle {
  encapsulateBits(algorithm: string, key: CryptoKey): Promise<KemBits>;
  decapsulateBits(algorithm: string, key: CryptoKey, ciphertext: Bytes): Promise<ArrayBuffer>;
}
interface KemBits {
  readonly ciphertext: ArrayBuffer;
  readonly sharedKey: ArrayBuffer;
}

const KEM = "ML-KEM-768";

function kemSubtle(): (SubtleCrypto & KemSubtle) | null {
  return "encapsulateBits" in crypto.subtle ? crypto.subtle as SubtleCrypto & KemSubtle : null;
}

/** Noble's, for runtimes without one: imported on use, so that others need not download it. */
async function portableKem(): Promise<PortableKem> {
  return (await import("@noble/post-quantum/ml-kem.js")).ml_kem768;
}

type PortableKem = typeof import("@noble/post-quantum/ml-kem.js").ml_kem768;
type PortablePair = ReturnType<PortableKem["keygen"]>;

/** What seeds expand to, which takes as long as decapsulating: it goes when its seed goes. */
const pairs = new WeakMap<Bytes, { readonly seed: Bytes; readonly pair: PortablePair }>();

function expanded(kem: PortableKem, seed: Bytes): PortablePair {
  const known = pairs.get(seed);
  // Whoever writes over a seed has another key in it from then on.
  if (known !== undefined && constantTimeEqual(known.seed, seed)) return known.pair;
  const pair = kem.keygen(seed);
  pairs.set(seed, { seed: Uint8Array.from(seed), pair });
  return pair;
}

/** An ML-KEM-768 key pair (FIPS 203, algorithm 19). */
export async function generateMlKem768(
  extractable: boolean,
): Promise<{ publicKey: Bytes; privateKey: KemPrivateKey }> {
  const subtle = kemSubtle();
  if (subtle === null) {
    const seed = randomBytes(64);
    return { publicKey: expanded(await portableKem(), seed).publicKey as Bytes, privateKey: seed };
  }
  const usages = ["encapsulateBits", "decapsulateBits"] as unknown as KeyUsage[];
  const pair = await subtle.generateKey(KEM, extractable, usages) as CryptoKeyPair;
  const raw = await subtle.exportKey("raw-public" as "raw", pair.publicKey);
  return { publicKey: new Uint8Array(raw), privateKey: pair.privateKey };
}

/** Encapsulates to a public key that was already checked by `isMlKem768PublicKey`. */
export async function mlKem768Encapsulate(
  publicKey: Bytes,
): Promise<{ ciphertext: Bytes; shared: Bytes }> {
  const subtle = kemSubtle();
  if (subtle === null) {
    const { cipherText, sharedSecret } = (await portableKem()).encapsulate(publicKey);
    return { ciphertext: cipherText as Bytes, shared: sharedSecret as Bytes };
  }
  const usages = ["encapsulateBits"] as unknown as KeyUsage[];
  const key = await subtle.importKey("raw-public" as "raw", publicKey, KEM, false, usages);
  const { ciphertext, sharedKey } = await subtle.encapsulateBits(KEM, key);
  return { ciphertext: new Uint8Array(ciphertext), shared: new Uint8Array(sharedKey) };
}

/** Decapsulates; a wrong ciphertext gives an unrelated secret, never an error (FIPS 203, 6.3). */
export async function mlKem768Decapsulate(
  privateKey: KemPrivateKey,
  ciphertext: Bytes,
): Promise<Bytes> {
  if (ciphertext.length !== KEM_CIPHERTEXT_BYTES) {
    throw new CryptoError("malformed", "An ML-KEM-768 ciphertext has 1088 bytes");
  }
  if (privateKey instanceof Uint8Array) {
    const kem = await portableKem();
    return kem.decapsulate(ciphertext, expanded(kem, privateKey).secretKey) as Bytes;
  }
  const subtle = kemSubtle();
  if (subtle === null) throw new CryptoError("bad_key", "This runtime has no ML-KEM-768");
  return new Uint8Array(await subtle.decapsulateBits(KEM, privateKey, ciphertext));
}

/** The modulus check of FIPS 203, section 7.2: 1184 bytes whose coefficients are all below 3329. */
export function isMlKem768PublicKey(bytes: Uint8Array): boolean {
  if (bytes.length !== 1184) return false;
  for (let i = 0; i < 1152; i += 3) {
    const low = bytes[i]! | (bytes[i + 1]! & 0x0f) << 8;
    const high = bytes[i + 1]! >> 4 | bytes[i + 2]! << 4;
    if (low >= 3329 || high >= 3329) return false;
  }
  return true;
}
