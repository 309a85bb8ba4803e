/**
 * The keys of a service, all derived from its one secret of 32 bytes.
 *
 *     key(purpose) = HKDF-Expand(HKDF-Extract(origin, secret), "service-key" || purpose, 32)
 *
 * One secret to keep and to restore. The origin is in the derivation, so that a secret used for two
 * logs by mistake does not sign both.
 *
 * @module
 */

import { type Bytes, utf8 } from "../crypto/bytes.ts";
import { parseVerifyingKey, type SigningKeyPair, type VerifyingKey } from "../crypto/keys.ts";
import { labelled } from "../crypto/labels.ts";
import {
  ed25519Signer,
  ed25519Verifier,
  formatVerifierKey,
  NOTE_KEY_TYPE,
  type Signer,
  type Verifier,
  verifierKey,
} from "../crypto/note_key.ts";
import { ed25519FromSeed, hkdfExpand, hkdfExtract } from "../crypto/primitives.ts";
import { Secret } from "../crypto/secret.ts";
import { type VrfKey, vrfKeyFromSeed } from "../crypto/vrf.ts";

/** Length of a service's secret in bytes. */
export const SECRET_BYTES = 32;

/** The keys of one service. */
export interface ServiceKeys {
  /** Signs the log's heads. */
  readonly logSigner: Signer;
  /** The log's verifier key, `name+hash+key`. */
  readonly logVerifierKey: string;
  /** Verifies the service's own heads. */
  readonly logVerifier: Verifier;
  /** Stands in CONFIG; signs records in the operator's role. */
  readonly operator: VerifyingKey;
  /** Hides labels in the log. */
  readonly vrf: VrfKey;
  /** Signs access tokens. */
  readonly tokens: SigningKeyPair;
  /** Authenticates DPoP nonces. */
  readonly nonces: Secret;
}

/**
 * Derives every key.
 *
 * @param secret 32 bytes
 * @param origin `<host>/kt/<generation>`
 * @throws CryptoError `malformed` where the origin cannot name a log
 */
export async function deriveServiceKeys(secret: Secret, origin: string): Promise<ServiceKeys> {
  if (secret.expose().length !== SECRET_BYTES) {
    throw new Error(`A service's secret has ${SECRET_BYTES} bytes`);
  }
  const root = hkdfExtract(utf8(origin), secret.expose());
  const seed = (purpose: string): Bytes =>
    hkdfExpand(root, labelled("service-key", utf8(purpose)), SECRET_BYTES);
  const [log, operator, tokens] = await Promise.all([
    signingPair(seed("log")),
    signingPair(seed("operator")),
    signingPair(seed("tokens")),
  ]);
  const logKey = verifierKey(origin, NOTE_KEY_TYPE.ed25519, log.publicKey);
  const keys: ServiceKeys = {
    logSigner: ed25519Signer(origin, log),
    logVerifierKey: formatVerifierKey(logKey),
    logVerifier: ed25519Verifier(logKey),
    operator: operator.publicKey,
    vrf: vrfKeyFromSeed(seed("vrf")),
    tokens,
    nonces: new Secret(seed("nonces")),
  };
  root.fill(0);
  return keys;
}

async function signingPair(seed: Bytes): Promise<SigningKeyPair> {
  const { publicKey, privateKey } = await ed25519FromSeed(seed);
  seed.fill(0);
  return { publicKey: parseVerifyingKey(publicKey), privateKey };
}
