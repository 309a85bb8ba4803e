/**
 * The JWK thumbprint of a signing key, by which tokens name it (RFC 7638, section 3; RFC 8037,
 * appendix A.3).
 *
 *     jkt = base64url(SHA-256({"crv":"Ed25519","kty":"OKP","x":x}))
 *
 * @module
 */

import { toBase64Url } from "./base64.ts";
import { utf8 } from "./bytes.ts";
import { type VerifyingKey } from "./keys.ts";
import { sha256 } from "./primitives.ts";

/** A key's thumbprint. */
export function thumbprintOf(key: VerifyingKey): string {
  return toBase64Url(sha256(utf8(`{"crv":"Ed25519","kty":"OKP","x":"${toBase64Url(key)}"}`)));
}
