/**
 * Public keys as one branded type per purpose, made only by a parser that checks, and the key
 * pairs of a device.
 *
 * A key that has its brand is canonical and of prime order, so nothing after the parser checks
 * again. Private halves are WebCrypto handles; nothing here can print one.
 *
 * @module
 */

import { type Bytes } from "./bytes.ts";
import { CryptoError } from "./error.ts";
import {
  type AgreementPrivateKey,
  generateEd25519,
  generateEphemeralX25519,
  generateMlKem768,
  generateX25519,
  isEd25519PublicKey,
  isMlKem768PublicKey,
  isX25519PublicKey,
  type KemPrivateKey,
} from "./primitives.ts";

/** Tells keys of different purposes apart in types; there is no such value. */
export declare const purpose: unique symbol;

/** A key that verifies signatures: 32 bytes, canonical, of prime order. */
export type VerifyingKey = Bytes & { readonly [purpose]: "Ed25519" };
/** A key to agree with: 32 bytes, canonical, not of small order. */
export type AgreementKey = Bytes & { readonly [purpose]: "X25519" };
/** A key to encapsulate to: 1184 bytes that pass the modulus check. */
export type EncapsulationKey = Bytes & { readonly [purpose]: "ML-KEM-768" };

/** A signing key pair. */
export interface SigningKeyPair {
  /** The public half. */
  readonly publicKey: VerifyingKey;
  /** WebCrypto's handle. */
  readonly privateKey: CryptoKey;
}

/** A key-agreement key pair. */
export interface AgreementKeyPair {
  /** The public half. */
  readonly publicKey: AgreementKey;
  /** WebCrypto's handle. */
  readonly privateKey: CryptoKey;
}

/** A key-agreement key pair for one exchange: it is never stored. */
export interface EphemeralKeyPair {
  /** The public half. */
  readonly publicKey: AgreementKey;
  /** A handle. */
  readonly privateKey: AgreementPrivateKey;
}

/** A key-encapsulation key pair. */
export interface KemKeyPair {
  /** The public half. */
  readonly publicKey: EncapsulationKey;
  /** WebCrypto's handle, or a seed where the runtime lacks ML-KEM. */
  readonly privateKey: KemPrivateKey;
}

/** The long-term keys of one device. */
export interface DeviceKeys {
  /** Signs records, prekey sets and sign-ins. */
  readonly signing: SigningKeyPair;
  /** Takes part in every handshake; never signs. */
  readonly identity: AgreementKeyPair;
}

/** Checks an Ed25519 public key. @throws CryptoError `bad_key` */
export function parseVerifyingKey(bytes: Bytes): VerifyingKey {
  if (!isEd25519PublicKey(bytes)) throw badKey("Ed25519");
  return bytes as VerifyingKey;
}

/** Checks an X25519 public key. @throws CryptoError `bad_key` */
export function parseAgreementKey(bytes: Bytes): AgreementKey {
  if (!isX25519PublicKey(bytes)) throw badKey("X25519");
  return bytes as AgreementKey;
}

/** Checks an ML-KEM-768 encapsulation key. @throws CryptoError `bad_key` */
export function parseEncapsulationKey(bytes: Bytes): EncapsulationKey {
  if (!isMlKem768PublicKey(bytes)) throw badKey("ML-KEM-768");
  return bytes as EncapsulationKey;
}

/** A fresh signing key pair. @param extractable only for a store that must write it to a file */
export async function generateSigningKeyPair(extractable = false): Promise<SigningKeyPair> {
  return branded(await generateEd25519(extractable), parseVerifyingKey);
}

/** A fresh key-agreement key pair. @param extractable only for a store that writes files */
export async function generateAgreementKeyPair(extractable = false): Promise<AgreementKeyPair> {
  return branded(await generateX25519(extractable), parseAgreementKey);
}

/** A fresh key-agreement key pair for one exchange. */
export async function generateEphemeralKeyPair(): Promise<EphemeralKeyPair> {
  return branded(await generateEphemeralX25519(), parseAgreementKey);
}

/** A fresh key-encapsulation key pair. @param extractable only for a store that writes files */
export async function generateKemKeyPair(extractable = false): Promise<KemKeyPair> {
  return branded(await generateMlKem768(extractable), parseEncapsulationKey);
}

/** The fresh long-term keys of a new device. @param extractable only for a store that writes files */
export async function generateDeviceKeys(extractable = false): Promise<DeviceKeys> {
  const [signing, identity] = await Promise.all([
    generateSigningKeyPair(extractable),
    generateAgreementKeyPair(extractable),
  ]);
  return { signing, identity };
}

function branded<Public extends Bytes, Private>(
  pair: { publicKey: Bytes; privateKey: Private },
  parse: (bytes: Bytes) => Public,
): { publicKey: Public; privateKey: Private } {
  return { publicKey: parse(pair.publicKey), privateKey: pair.privateKey };
}

function badKey(algorithm: string): CryptoError {
  return new CryptoError("bad_key", `Not a canonical ${algorithm} public key of prime order`);
}
