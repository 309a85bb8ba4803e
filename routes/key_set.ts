/**
 * `GET /.well-known/jwks.json`: the keys by which others check what the service signed.
 *
 * @module
 */

import { toBase64Url } from "../crypto/base64.ts";
import { type KeyPurpose, type KeySetWire, type KeyWire } from "../wire/key_set.ts";
import { JWKS } from "../wire/paths.ts";
import { keySetAnswer } from "../wire/schema_answers.ts";
import { json, serve, type Served } from "./operation.ts";
import { type Api } from "./route.ts";

/** The key set. */
export function keySetRoutes({ ctx: { keys } }: Api): readonly Served[] {
  const key = (kid: KeyPurpose): KeyWire => {
    const x = toBase64Url(keys[kid].publicKey);
    return { kty: "OKP", crv: "Ed25519", alg: "EdDSA", use: "sig", kid, x };
  };
  return [serve({
    id: "getKeySet",
    method: "GET",
    path: JWKS,
    topic: "service",
    summary: "The keys that sign the service's tokens, and its receipts of messages",
    access: "anybody",
    answer: json(keySetAnswer, "A JWK set (RFC 7517)"),
    codes: [],
  }, (): KeySetWire => ({ keys: [key("tokens"), key("receipts")] }))];
}
