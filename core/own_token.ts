/**
 * Tokens of our own making, read again: one header, one signer, one spelling.
 *
 *     token = base64url(header) "." base64url(claims) "." base64url(signature)
 *
 * Since the header is always the same text, nothing that a token says about how it is to be verified is
 * ever followed (RFC 8725, section 3.1). Others' tokens are read by `issuer.ts`.
 *
 * @module
 */

import { fromBase64Url, toBase64Url } from "../crypto/base64.ts";
import { fromUtf8, utf8 } from "../crypto/bytes.ts";
import { ed25519Verify } from "../crypto/primitives.ts";
import { MAX_TOKEN_CHARS } from "../wire/limits.ts";
import { type JsonObject } from "../wire/json.ts";
import { type Context } from "./context.ts";

/** What kind of token: its `typ`. */
export type TokenType = "at+jwt" | "room+jwt";

/** Claims that every token of ours has, and its own. */
export interface OwnClaims extends JsonObject {
  readonly sub: string;
  /** Unix seconds. */
  readonly iat: number;
  /** Unix seconds. */
  readonly exp: number;
}

/** The header that `SignJWT` writes for a type. */
export function ownHeader(typ: TokenType): { readonly typ: TokenType; readonly alg: "EdDSA" } {
  return { typ, alg: "EdDSA" };
}

/** What a token of ours says, or null where it is not one of this type and this service, or has expired. */
export async function openOwnToken(
  { origin, keys, now }: Pick<Context, "origin" | "keys" | "now">,
  token: string,
  typ: TokenType,
): Promise<OwnClaims | null> {
  if (token.length > MAX_TOKEN_CHARS) return null;
  const [header, body, tail, ...more] = token.split(".");
  const signature = fromBase64Url(tail ?? "");
  const bytes = fromBase64Url(body ?? "");
  if (header !== toBase64Url(utf8(JSON.stringify(ownHeader(typ)))) || more.length > 0) return null;
  if (signature === null || bytes === null) return null;
  const { publicKey } = keys.tokens;
  if (!await ed25519Verify(publicKey, utf8(`${header}.${body}`), signature)) return null;
  // Signed by us, so it is what we wrote; but for which service, and until when?
  const claims = JSON.parse(fromUtf8(bytes)!);
  const isOurs = claims.iss === origin && claims.aud === origin;
  return isOurs && claims.exp * 1000 > now() ? claims : null;
}
