/**
 * The keys of a service, all derived from its one secret of 32 bytes.
 *
 *     key(purpose) = HKDF-Expand(HKDF-Extract(origin, secret), "service-key" || purpose, L)
 *
 * L is 32, and 40 for the P-256 key of Web Push.
 *
 * One secret to keep and to restore. The origin is in the derivation, so that a secret used for two
 * logs by mistake does not sign both.
 *
 * @module
 */

import { type Bytes, utf8 } from "../crypto/bytes.ts";
import { type Cosigner, mlDsa44Cosigner } from "../crypto/cosignature.ts";
import { parseVerifyingKey, type SigningKeyPair } from "../crypto/keys.ts";
import { labelled } from "../crypto/labels.ts";
import {
  ed25519Signer,
  ed25519Verifier,
  formatVerifierKey,
  NOTE_KEY_TYPE,
  type Signer,
  type Verifier,
  type VerifierKey,
  verifierKey,
} from "../crypto/note_key.ts";
import { P256_SEED_BYTES, p256FromSeed } from "../crypto/p256.ts";
import { ed25519FromSeed, hkdfExpand, hkdfExtract, type RawKeyPair } from "../crypto/primitives.ts";
import { Secret } from "../crypto/secret.ts";
import { type VrfKey, vrfKeyFromSeed } from "../crypto/vrf.ts";

/** Length of a service's secret in bytes. */
export const SECRET_BYTES = 32;

/** The keys of one service. */
export interface ServiceKeys {
  /** Signs the log's heads. */
  readonly logSigner: Signer;
  /** Signs them a second time, with ML-DSA-44; null where that is not configured. */
  readonly logCosigner: Cosigner | null;
  /** Every key that heads are signed with, the Ed25519 one first. */
  readonly logKeys: readonly VerifierKey[];
  /** The log's Ed25519 verifier key, `name+hash+key`. */
  readonly logVerifierKey: string;
  /** Verifies the service's own heads. */
  readonly logVerifier: Verifier;
  /** Stands in CONFIG; signs records in the operator's role. */
  readonly operator: SigningKeyPair;
  /** Hides labels in the log. */
  readonly vrf: VrfKey;
  /** Signs access tokens. */
  readonly tokens: SigningKeyPair;
  /** Signs receipts of messages. */
  readonly receipts: SigningKeyPair;
  /** Authenticates DPoP nonces. */
  readonly nonces: Secret;
  /** Derives resume keys, where several instances have to know them. */
  readonly resumes: Secret;
  /** Derives the openings of commitments. */
  readonly openings: Secret;
  /** Says to push services who sends (VAPID, RFC 8292); ECDSA on P-256. */
  readonly vapid: RawKeyPair;
}

/**
 * Derives every key.
 *
 * @param secret 32 bytes
 * @param origin `<host>/kt/<generation>`
 * @param isPostQuantum whether heads are signed with ML-DSA-44 too
 * @throws CryptoError `malformed` where the origin cannot name a log
 */
export async function deriveServiceKeys(
  secret: Secret,
  origin: string,
  isPostQuantum = false,
): Promise<ServiceKeys> {
  if (secret.expose().length !== SECRET_BYTES) {
    throw new Error(`A service's secret has ${SECRET_BYTES} bytes`);
  }
  const root = hkdfExtract(utf8(origin), secret.expose());
  const seed = (purpose: string, length: number = SECRET_BYTES): Bytes =>
    hkdfExpand(root, labelled("service-key", utf8(purpose)), length);
  const [log, operator, tokens, receipts, vapid] = await Promise.all([
    signingPair(seed("log")),
    signingPair(seed("operator")),
    signingPair(seed("tokens")),
    signingPair(seed("receipts")),
    vapidPair(seed("vapid", P256_SEED_BYTES)),
  ]);
  const logKey = verifierKey(origin, NOTE_KEY_TYPE.ed25519, log.publicKey);
  const logCosigner = isPostQuantum ? await mlDsa44Cosigner(origin, seed("log-ml-dsa-44")) : null;
  const keys: ServiceKeys = {
    logSigner: ed25519Signer(origin, log),
    logCosigner,
    logKeys: logCosigner === null ? [logKey] : [logKey, logCosigner.key],
    logVerifierKey: formatVerifierKey(logKey),
    logVerifier: ed25519Verifier(logKey),
    operator,
    vrf: vrfKeyFromSeed(seed("vrf")),
    tokens,
    receipts,
    nonces: new Secret(seed("nonces")),
    resumes: new Secret(seed("resumes")),
    openings: new Secret(seed("openings")),
    vapid,
  };
  root.fill(0);
  return keys;
}

async function vapidPair(seed: Bytes): Promise<RawKeyPair> {
  const pair = await p256FromSeed(seed);
  seed.fill(0);
  return pair;
}

async function signingPair(seed: Bytes): Promise<SigningKeyPair> {
  const { publicKey, privateKey } = await ed25519FromSeed(seed);
  seed.fill(0);
  return { publicKey: parseVerifyingKey(publicKey), privateKey };
}
