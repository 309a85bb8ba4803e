/**
 * DPoP proofs (RFC 9449): a signed statement that this very request is made by this very key, so
 * that a stolen access token is worth nothing.
 *
 * @module
 */

import { toBase64Url } from "../crypto/base64.ts";
import { utf8 } from "../crypto/bytes.ts";
import { type SigningKeyPair } from "../crypto/keys.ts";
import { ed25519Sign, randomBytes, sha256 } from "../crypto/primitives.ts";

/** What one proof is about. */
export interface ProofInput {
  /** The HTTP method. */
  readonly method: string;
  /** The URL, without query and fragment. */
  readonly url: string;
  /** The nonce that the service gave, or null before it gave one. */
  readonly nonce: string | null;
  /** The access token that goes with it, or null when signing in. */
  readonly token: string | null;
  /** The clock, Unix milliseconds. */
  readonly nowMs: number;
}

/** A fresh proof in compact JWS form. */
export async function dpopProof(key: SigningKeyPair, input: ProofInput): Promise<string> {
  const jwk = { kty: "OKP", crv: "Ed25519", x: toBase64Url(key.publicKey) };
  const header = { typ: "dpop+jwt", alg: "EdDSA", jwk };
  const payload = {
    jti: toBase64Url(randomBytes(16)),
    htm: input.method,
    htu: input.url,
    iat: Math.floor(input.nowMs / 1000),
    ...(input.nonce === null ? {} : { nonce: input.nonce }),
    ...(input.token === null ? {} : { ath: toBase64Url(sha256(utf8(input.token))) }),
  };
  const signed = `${part(header)}.${part(payload)}`;
  const signature = await ed25519Sign(key.privateKey, utf8(signed));
  return `${signed}.${toBase64Url(signature)}`;
}

function part(value: unknown): string {
  return toBase64Url(utf8(JSON.stringify(value)));
}
