/**
 * The service's public keys, `/.well-known/jwks.json` (RFC 7517, RFC 8037).
 *
 * @module
 */

import { type Bytes } from "../crypto/bytes.ts";
import { asArray, asBytes, asObject, asText, WireError } from "./json.ts";

/** What a key signs: tokens of the service, or its receipts of messages. */
export type KeyPurpose = "tokens" | "receipts";

/** One Ed25519 key. */
export interface KeyWire {
  readonly kty: "OKP";
  readonly crv: "Ed25519";
  readonly alg: "EdDSA";
  readonly use: "sig";
  /** What it signs. */
  readonly kid: KeyPurpose;
  /** The key, base64url. */
  readonly x: string;
}

/** The keys of a service. */
export interface KeySetWire {
  readonly keys: readonly KeyWire[];
}

const MOST_KEYS = 16;

/** The key of a purpose, 32 bytes that are yet to be checked. @throws WireError */
export function keyFromWire(value: unknown, purpose: KeyPurpose): Bytes {
  for (const one of asArray(asObject(value, "a key set").keys, "keys", MOST_KEYS)) {
    const { kid, x } = asObject(one, "a key");
    if (kid === purpose) return asBytes(asText(x, "x"), "x");
  }
  throw new WireError("keys");
}
