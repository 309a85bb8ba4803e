/**
 * How the service describes itself in `/.well-known/countersign`.
 *
 * @module
 */

import { type AuthMethod } from "../crypto/record_auth.ts";
import { asCount, asObject, asText, WireError } from "./json.ts";

/** The version of the project, which its published documents bear. */
export const VERSION = "0.1.0";

/** The description. */
export interface ServiceDescription {
  /** Version of this description. */
  readonly version: 1;
  /** The log's origin. */
  readonly origin: string;
  /** The log's Ed25519 verifier key, C2SP signed-note form `name+hash+key`. */
  readonly verifier: string;
  /** Every key the log signs its heads with, the first one first. */
  readonly verifiers: readonly string[];
  /** The key under which labels are hidden, which CONFIG holds too; base64url. */
  readonly vrf: string;
  /** A tlog-proof whose extra is CONFIG, entry 0. */
  readonly config: string;
  /** Who may create a name: anybody, who has a grant of the application, or whom an issuer knows. */
  readonly policy: "open" | AuthMethod;
  /**
   * Whose cosignatures a published head has, as a C2SP tlog-policy: for people. A client that believed
   * it would let the service choose its own witnesses.
   */
  readonly witnesses: string;
  /** The `applicationServerKey` of push subscriptions (RFC 8292), base64url; null without Web Push. */
  readonly push: string | null;
  /** Every limit, by name. */
  readonly limits: Readonly<Record<string, number>>;
}

/** Reads the description; the limits are for people. @throws WireError */
export function descriptionFromWire(
  value: unknown,
): Pick<ServiceDescription, "origin" | "verifier" | "config"> {
  const { version, origin, verifier, config } = asObject(value, "the description");
  if (asCount(version, "version") !== 1) throw new WireError("version");
  return {
    origin: asText(origin, "origin"),
    verifier: asText(verifier, "verifier"),
    config: asText(config, "config"),
  };
}

/** Reads who may create a name. @throws WireError */
export function namePolicyFromWire(value: unknown): ServiceDescription["policy"] {
  const { policy } = asObject(value, "the description");
  if (policy === "open" || policy === "grant" || policy === "oidc") return policy;
  throw new WireError("policy");
}

/** Reads the policy that the service states, for showing it: it is no one's to believe. @throws WireError */
export function witnessesFromWire(value: unknown): string {
  return asText(asObject(value, "the description")["witnesses"], "witnesses");
}
