/**
 * Tokens of our own making: one header, one signer, one spelling.
 *
 *     token = base64url(header) "." base64url(claims) "." base64url(signature)
 *
 * Since the header is always the same text, nothing that a token says about how it is to be verified is
 * ever followed (RFC 8725, section 3.1); the rest is `jose`'s. A token that was signed or verified here
 * lately is known by its whole text, so its signature is looked at once. Others' tokens are read by
 * `issuer.ts`.
 *
 * @module
 */

import { errors, importJWK, type JWTPayload, jwtVerify, SignJWT } from "jose";
import { fromBase64Url, toBase64Url } from "../crypto/base64.ts";
import { fromUtf8, utf8 } from "../crypto/bytes.ts";
import { type SigningKeyPair } from "../crypto/keys.ts";
import { randomBytes } from "../crypto/primitives.ts";
import { type JsonObject } from "../wire/json.ts";
import { MAX_TOKEN_CHARS } from "../wire/limits.ts";
import { type Context } from "./context.ts";

/** What kind of token: its `typ`. */
export type TokenType = "at+jwt" | "room+jwt";

/** An issued token. */
export interface IssuedToken {
  /** Compact JWS. */
  readonly token: string;
  /** Its life in seconds. */
  readonly expiresInSeconds: number;
}

/** Claims that every token of ours has, and its own. */
export interface OwnClaims extends JsonObject {
  readonly sub: string;
  /** Unix seconds. */
  readonly iat: number;
  /** Unix seconds. */
  readonly exp: number;
}

/** What tokens are signed and verified with. */
export type TokenSigner = Pick<Context, "origin" | "keys" | "now">;

/** What verified tokens say, by their text, for each key; the newest last. */
const known = new WeakMap<SigningKeyPair, Map<string, OwnClaims>>();
/** The keys as WebCrypto has them. */
const verifying = new WeakMap<SigningKeyPair, CryptoKey>();
/** Some 10 MB, if all have the length of ours. */
const MAX_KNOWN = 8_192;

/** Signs a token for whoever has a key. @param claims `sub`, and whatever is the type's own */
export async function issueOwnToken(
  { origin, keys, now }: TokenSigner,
  typ: TokenType,
  claims: { readonly sub: string } & Record<string, unknown>,
  ttlMs: number,
): Promise<IssuedToken> {
  const issued = Math.floor(now() / 1000);
  const expiresInSeconds = ttlMs / 1000;
  const token = await new SignJWT(claims)
    .setProtectedHeader(headerOf(typ))
    .setIssuer(origin)
    .setAudience(origin)
    .setJti(toBase64Url(randomBytes(16)))
    .setIssuedAt(issued)
    .setExpirationTime(issued + expiresInSeconds)
    .sign(keys.tokens.privateKey);
  remember(keys.tokens, token, claimsIn(token.split(".")[1]!));
  return { token, expiresInSeconds };
}

/** What a token of ours says, or null where it is not one of this type and this service, or has expired. */
export async function openOwnToken(
  { origin, keys, now }: TokenSigner,
  token: string,
  typ: TokenType,
): Promise<OwnClaims | null> {
  if (token.length > MAX_TOKEN_CHARS) return null;
  const [header, body, tail, ...more] = token.split(".");
  if (header !== toBase64Url(utf8(JSON.stringify(headerOf(typ)))) || more.length > 0) return null;
  // One spelling: the bits that base64url leaves over are zero.
  if (fromBase64Url(body ?? "") === null || fromBase64Url(tail ?? "") === null) return null;
  let claims = known.get(keys.tokens)?.get(token);
  if (claims === undefined) {
    const read = await verified({ origin, keys, now }, token, typ);
    if (read === null) return null;
    claims = read;
    remember(keys.tokens, token, claims);
  }
  // Also of one that is known: for which service is it, and until when?
  const isHere = claims.iss === origin && claims.aud === origin;
  return isHere && claims.exp * 1000 > now() ? claims : null;
}

/** What a token says whose signature is by our key, and whose claims are those of ours. */
async function verified(
  { origin, keys, now }: TokenSigner,
  token: string,
  typ: TokenType,
): Promise<OwnClaims | null> {
  try {
    const { payload } = await jwtVerify<JWTPayload & OwnClaims>(token, await keyOf(keys.tokens), {
      algorithms: ["EdDSA"],
      typ,
      issuer: origin,
      audience: origin,
      currentDate: new Date(now()),
      requiredClaims: ["sub", "exp"],
    });
    return payload;
  } catch (error) {
    // Why is nobody's business: a token is good or it is not.
    if (error instanceof errors.JOSEError) return null;
    throw error;
  }
}

async function keyOf(keys: SigningKeyPair): Promise<CryptoKey> {
  const held = verifying.get(keys);
  if (held !== undefined) return held;
  const jwk = { kty: "OKP", crv: "Ed25519", x: toBase64Url(keys.publicKey) };
  const key = await importJWK(jwk, "EdDSA") as CryptoKey;
  verifying.set(keys, key);
  return key;
}

function headerOf(typ: TokenType): { readonly typ: TokenType; readonly alg: "EdDSA" } {
  return { typ, alg: "EdDSA" };
}

function claimsIn(body: string): OwnClaims {
  return JSON.parse(fromUtf8(fromBase64Url(body)!)!);
}

function remember(key: SigningKeyPair, token: string, claims: OwnClaims): void {
  const tokens = known.get(key) ?? new Map<string, OwnClaims>();
  if (tokens.size >= MAX_KNOWN) tokens.delete(tokens.keys().next().value!);
  known.set(key, tokens.set(token, claims));
}
