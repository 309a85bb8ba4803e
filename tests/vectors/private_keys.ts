/**
 * Private keys of vectors, as the sources hold them.
 *
 * The vectors give X25519 keys as 32 raw bytes, Ed25519 keys as seeds, and ML-KEM keys as `d || z`.
 *
 * @module
 */

import { fromBase64Url } from "../../crypto/base64.ts";
import { type Bytes } from "../../crypto/bytes.ts";
import {
  type AgreementKeyPair,
  type EncapsulationKey,
  type KemKeyPair,
  parseAgreementKey,
  parseVerifyingKey,
  type SigningKeyPair,
} from "../../crypto/keys.ts";
import { ed25519FromSeed } from "../../crypto/primitives.ts";
import { fromHex } from "../support/hex.ts";
import { importScalar } from "../support/scalar.ts";

/** WebCrypto's names for ML-KEM, which its types lack. */
const SEED = "raw-seed" as "raw";
const PUBLIC = "raw-public" as "raw";
const KEM = "ML-KEM-768";

/** An Ed25519 key pair from its seed. */
export async function signingKeyPair(seed: string): Promise<SigningKeyPair> {
  const { publicKey, privateKey } = await ed25519FromSeed(fromHex(seed));
  return { publicKey: parseVerifyingKey(publicKey), privateKey };
}

/** An X25519 key pair from its private half. */
export async function agreementKeyPair(hex: string): Promise<AgreementKeyPair> {
  const { publicKey, privateKey } = await x25519Pair(fromHex(hex), false);
  return {
    publicKey: parseAgreementKey(await rawOf(publicKey)),
    privateKey,
  };
}

/** An ML-KEM-768 key pair from its seed and its public half, which WebCrypto does not tell. */
export async function kemKeyPair(seed: string, publicKey: EncapsulationKey): Promise<KemKeyPair> {
  const bytes = fromHex(seed);
  if (!hasNativeKem()) return { publicKey, privateKey: bytes };
  return { publicKey, privateKey: await kemPrivateKey(bytes, false) };
}

/** Whether this runtime's WebCrypto has ML-KEM. */
export function hasNativeKem(): boolean {
  return "encapsulateBits" in crypto.subtle;
}

/** WebCrypto's X25519 pair of a private key. */
export async function x25519Pair(bytes: Bytes, extractable: boolean): Promise<CryptoKeyPair> {
  // WebCrypto tells the public half of a private key in a JWK only.
  const { x } = await crypto.subtle.exportKey("jwk", await importScalar(bytes, true));
  const raw = fromBase64Url(x!)!;
  return {
    publicKey: await crypto.subtle.importKey("raw", raw, "X25519", true, []),
    privateKey: await importScalar(bytes, extractable),
  };
}

/** WebCrypto's ML-KEM-768 pair of a seed. */
export async function kemPair(
  seed: Bytes,
  publicKey: Bytes,
  extractable: boolean,
): Promise<CryptoKeyPair> {
  const usages = ["encapsulateBits"] as unknown as KeyUsage[];
  return {
    publicKey: await crypto.subtle.importKey(PUBLIC, publicKey, KEM, true, usages),
    privateKey: await kemPrivateKey(seed, extractable),
  };
}

/** WebCrypto's ML-KEM-768 private key of a seed. */
export function kemPrivateKey(seed: Bytes, extractable: boolean): Promise<CryptoKey> {
  const usages = ["decapsulateBits"] as unknown as KeyUsage[];
  return crypto.subtle.importKey(SEED, seed, KEM, extractable, usages);
}

async function rawOf(key: CryptoKey): Promise<Bytes> {
  return new Uint8Array(await crypto.subtle.exportKey("raw", key));
}
