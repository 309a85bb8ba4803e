/**
 * What the service's name policy asks of somebody who takes a name or resets one: a token of the
 * application's backend (grant) or of its identity provider (oidc), made for the key of a new device.
 *
 * The client does not verify a token: it is for the service. It only says in the record what the token
 * proves, as the policy requires.
 *
 * @module
 */

import { fromBase64Url, toBase64Url } from "../crypto/base64.ts";
import { type Bytes, fromUtf8, utf8 } from "../crypto/bytes.ts";
import { type VerifyingKey } from "../crypto/keys.ts";
import { formatRecordAuth, oidcNonce, subjectHash } from "../crypto/record_auth.ts";
import { thumbprintOf } from "../crypto/thumbprint.ts";
import { WELL_KNOWN } from "../wire/paths.ts";
import { namePolicyFromWire, type ServiceDescription } from "../wire/service.ts";
import { ClientError } from "./error.ts";
import { type Http } from "./http.ts";
import { reading } from "./reading.ts";

/** What an authorization has to name, so that nobody else can use it. */
export interface AuthorizationBinding {
  /** For `cnf.jkt` of a grant: the JWK thumbprint of the new device's key (RFC 7638). */
  readonly thumbprint: string;
  /** For the `nonce` of an OpenID Connect request. */
  readonly nonce: string;
}

/**
 * Gets an authorization: a compact JWS. The keys that it is for are kept before it is asked for, so where
 * that leaves the page, the same call with the same name goes on afterwards, with the same binding.
 */
export type Authorize = (binding: AuthorizationBinding) => Promise<string>;

/** An authorization, and what a record has to say of it. */
export interface Authorization {
  /** The token, or null where names are open. */
  readonly token: string | null;
  /** The `auth` of the record. */
  readonly auth: Bytes;
}

const MAX_TEXT_BYTES = 255;

/** Who may take a name there, as the service says. @throws ClientError */
export async function namePolicyOf(http: Http): Promise<ServiceDescription["policy"]> {
  return reading(namePolicyFromWire, await http.open("GET", WELL_KNOWN));
}

/**
 * What a record with this device needs under a policy.
 *
 * @throws ClientError `authorization_required` where there is none, or none that can be read
 */
export async function authorizationFor(
  method: ServiceDescription["policy"],
  signing: VerifyingKey,
  authorize: Authorize | null,
): Promise<Authorization> {
  if (method === "open") return { token: null, auth: formatRecordAuth(null) };
  if (authorize === null) throw required("This name needs an authorization");
  const nonce = toBase64Url(oidcNonce(signing));
  const token = await authorize({ thumbprint: thumbprintOf(signing), nonce });
  const { iss: issuer, sub } = claimsOf(token);
  const isUsable = isText(issuer) && isText(sub);
  if (!isUsable) throw required("The authorization does not say who vouches for whom");
  return {
    token,
    auth: formatRecordAuth({ method, issuer, subjectHash: subjectHash(issuer, sub) }),
  };
}

/** What a token says, unverified. */
function claimsOf(token: string): Readonly<Record<string, unknown>> {
  const bytes = fromBase64Url(token.split(".")[1] ?? "");
  const text = bytes === null ? null : fromUtf8(bytes);
  try {
    const claims: unknown = JSON.parse(text ?? "");
    if (typeof claims === "object" && claims !== null) return { ...claims };
  } catch {
    // Said below: no JSON.
  }
  throw required("The authorization is not a signed token");
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value !== "" && utf8(value).length <= MAX_TEXT_BYTES;
}

function required(sentence: string): ClientError {
  return new ClientError("authorization_required", sentence);
}
