/**
 * The JSON of sign-in: `POST /v1/tokens` with a DPoP proof (RFC 9449).
 *
 * @module
 */

import { asCount, asObject, asText } from "./json.ts";

/** An access token bound to the key of the proof (RFC 6749, section 5.1; RFC 9449, section 5). */
export interface TokenWire {
  readonly access_token: string;
  readonly token_type: "DPoP";
  /** Life in seconds. */
  readonly expires_in: number;
}

/** An access token as the client holds it. */
export interface AccessToken {
  /** The token. */
  readonly token: string;
  /** Life in milliseconds from its issue. */
  readonly ttlMs: number;
}

/** Reads the answer to a sign-in. @throws WireError */
export function tokenFromWire(value: unknown): AccessToken {
  const { access_token, expires_in } = asObject(value, "the answer");
  return {
    token: asText(access_token, "access_token"),
    ttlMs: asCount(expires_in, "expires_in") * 1000,
  };
}
