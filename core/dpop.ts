/**
 * DPoP proofs (RFC 9449, section 4.3): a signature by a device's key over this very request.
 *
 *     proof = JWS { typ: dpop+jwt, alg: EdDSA, jwk: { kty: OKP, crv: Ed25519, x } }
 *                 { jti, htm, htu, iat, nonce, ath? }
 *
 * Only the one spelling of every part is read, with one meaning (no member twice), and the signature goes through the strict Ed25519 of
 * `primitives.ts`. A proof serves once: that is all this file remembers.
 *
 * @module
 */

import { fromBase64Url, toBase64Url } from "../crypto/base64.ts";
import { fromUtf8, utf8 } from "../crypto/bytes.ts";
import { parseVerifyingKey, type VerifyingKey } from "../crypto/keys.ts";
import { ed25519Verify, sha256 } from "../crypto/primitives.ts";
import { thumbprintOf } from "../crypto/thumbprint.ts";
import { hasExactly, type JsonObject } from "../wire/json.ts";
import { parseJson } from "../wire/json_text.ts";
import { MAX_JTI_CHARS, MAX_PROOF_CHARS, PROOF_TTL_MS } from "../wire/limits.ts";
import { type Context } from "./context.ts";
import { ServiceError } from "./error.ts";
import { checkNonce } from "./proof_nonce.ts";

/** RFC 8037 gave Ed25519 the name EdDSA, RFC 9864 its own; both mean the same here. */
const ALGORITHMS: readonly unknown[] = ["EdDSA", "Ed25519"];

/** What a proof has to be about. */
export interface ProofTarget {
  /** The proof, compact JWS, or null where the request has none. */
  readonly proof: string | null;
  /** The request's method. */
  readonly method: string;
  /** The request's public URL without query and fragment. */
  readonly url: string;
}

/** A proof that held. */
export interface VerifiedProof {
  /** The key that made it. */
  readonly key: VerifyingKey;
  /** The key's JWK thumbprint, as tokens name it. */
  readonly thumbprint: string;
  /** What tells it from the key's other proofs. */
  readonly jti: string;
}

/**
 * Checks a proof in every part. It serves once: whoever accepts it spends it then.
 *
 * @param token the access token that the proof goes with, or null at sign-in
 * @throws ServiceError `invalid_proof`, `use_dpop_nonce`
 */
export async function verifyProof(
  ctx: Context,
  target: ProofTarget,
  token: string | null,
): Promise<VerifiedProof> {
  const { key, claims } = await openProof(target.proof);
  const now = ctx.now();
  if (claims.htm !== target.method || claims.htu !== target.url) {
    throw invalidProof("The proof is for another request");
  }
  const ath = token === null ? undefined : toBase64Url(sha256(utf8(token)));
  if (claims.ath !== ath) throw invalidProof("The proof is for another access token");
  const { iat, jti, nonce } = claims;
  if (typeof iat !== "number" || !(Math.abs(iat * 1000 - now) <= PROOF_TTL_MS)) {
    throw invalidProof("The proof's time is more than a minute off");
  }
  if (typeof jti !== "string" || jti === "" || jti.length > MAX_JTI_CHARS) {
    throw invalidProof("The proof has no usable jti");
  }
  if (typeof nonce !== "string" || !checkNonce(ctx.keys.nonces, nonce, now)) {
    throw new ServiceError("use_dpop_nonce", "Repeat the proof with the nonce of this answer");
  }
  return { key, thumbprint: thumbprintOf(key), jti };
}

/**
 * Takes a proof's `jti`, once it is clear that the key may do something here: a stranger's proofs leave
 * nothing behind.
 *
 * @throws ServiceError `proof_replayed`
 * @throws StoreError
 */
export async function spendProof(ctx: Context, { thumbprint, jti }: VerifiedProof): Promise<void> {
  // Scoped by key, so that nobody can use up a stranger's.
  if (!await ctx.proofs.take(`dpop ${thumbprint} ${jti}`, ctx.now())) {
    throw new ServiceError("proof_replayed", "This proof was used before");
  }
}

async function openProof(
  proof: string | null,
): Promise<{ readonly key: VerifyingKey; readonly claims: JsonObject }> {
  if (proof === null) throw invalidProof("The request has no proof");
  if (proof.length > MAX_PROOF_CHARS) throw invalidProof("The proof is too long");
  const parts = proof.split(".");
  const [head, body, tail] = parts;
  const header = jsonOf(head);
  const claims = jsonOf(body);
  const signature = fromBase64Url(tail ?? "");
  if (header === null || claims === null || signature === null || parts.length !== 3) {
    throw invalidProof("The proof is not a compact JWS in its one spelling");
  }
  const key = keyOf(header);
  if (!await ed25519Verify(key, utf8(`${head}.${body}`), signature)) {
    throw invalidProof("The proof is not signed by its key");
  }
  return { key, claims };
}

/** The key in a proof's header, which says exactly what it has to say and nothing else. */
function keyOf(header: JsonObject): VerifyingKey {
  const { typ, alg, jwk } = header;
  const isProof = typ === "dpop+jwt" && ALGORITHMS.includes(alg);
  if (!isProof || !hasExactly(header, ["typ", "alg", "jwk"])) {
    throw invalidProof("The proof's header is not that of an Ed25519 DPoP proof");
  }
  if (!hasExactly(jwk, ["kty", "crv", "x"]) || jwk.kty !== "OKP" || jwk.crv !== "Ed25519") {
    throw invalidProof("The proof's key is not a public Ed25519 key");
  }
  const bytes = typeof jwk.x === "string" ? fromBase64Url(jwk.x) : null;
  try {
    if (bytes !== null) return parseVerifyingKey(bytes);
  } catch {
    // Said below: not canonical, or of small order.
  }
  throw invalidProof("The proof's key is not a canonical Ed25519 key");
}

function jsonOf(part: string | undefined): JsonObject | null {
  const bytes = fromBase64Url(part ?? "");
  const text = bytes === null ? null : fromUtf8(bytes);
  if (text === null) return null;
  const value = parseJson(text);
  const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
  return isObject ? value as JsonObject : null;
}

function invalidProof(message: string): ServiceError {
  return new ServiceError("invalid_proof", message);
}
