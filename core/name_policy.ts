/**
 * Name policies: who may take a name, and who may reset one.
 *
 *     open    anybody takes a free name; nobody can say whose it is, so nobody resets one
 *     grant   a JWT of the application's own backend: { iss, aud, sub, exp, jti, cnf.jkt }
 *     oidc    an ID token of one issuer, of which one claim is the name: { iss, aud, sub, exp, nonce }
 *
 * An authorization names the key of the record's first device (`cnf.jkt`, RFC 7638, or `nonce`), and
 * that device has to have signed the record: so whoever sees one can do nothing with it. What it
 * proves has to stand in the record's `auth`. No message here holds a name or a token.
 *
 * @module
 */

import {
  createLocalJWKSet,
  createRemoteJWKSet,
  customFetch,
  errors,
  type JSONWebKeySet,
  type JWTPayload,
  jwtVerify,
  type JWTVerifyGetKey,
} from "jose";
import { canonicalAccountLabel } from "../crypto/account_label.ts";
import { toBase64Url } from "../crypto/base64.ts";
import { equal, utf8 } from "../crypto/bytes.ts";
import { CryptoError } from "../crypto/error.ts";
import { type VerifyingKey } from "../crypto/keys.ts";
import { isSignedBy, type VerifiedRecord } from "../crypto/record.ts";
import {
  type AuthMethod,
  formatRecordAuth,
  oidcNonce,
  subjectHash,
} from "../crypto/record_auth.ts";
import { takeOnce } from "../kv/nonces.ts";
import { GRANT_TTL_MS, MAX_JTI_CHARS } from "../wire/limits.ts";
import { hasExactly, thumbprintOf } from "./dpop.ts";
import { ServiceError } from "./error.ts";

/** Who may take a name. */
export interface NamePolicy {
  /** Its name, as clients are told it. */
  readonly kind: "open" | AuthMethod;
  /**
   * Requires that a first record, or a reset, is its name's owner's.
   *
   * @throws ServiceError `bad_record`, `authorization_required`, `forbidden`, `unavailable`
   * @throws StoreError
   */
  authorize(claim: NameClaim): Promise<void>;
}

/** A record that takes a name or resets it. */
export interface NameClaim {
  /** The store, which remembers grants that were used. */
  readonly kv: Deno.Kv;
  /** The clock, Unix milliseconds. */
  readonly nowMs: number;
  /** The record, which is verified but for its right to the name. */
  readonly record: VerifiedRecord;
  /** A compact JWS, or null. */
  readonly authorization: string | null;
}

/** Whose tokens are believed. */
export interface TokenIssuer {
  /** Its `iss`. */
  readonly issuer: string;
  /** Its keys, or where they are. */
  readonly keys: URL | JSONWebKeySet;
}

/** An issuer of ID tokens. */
export interface IdentityProvider extends TokenIssuer {
  /** The client id that the application has there. */
  readonly audience: string;
  /** The claim that is the name. */
  readonly claim: string;
}

const GRANT_ALGORITHMS = ["EdDSA", "Ed25519", "ES256"];
const OIDC_ALGORITHMS = [...GRANT_ALGORITHMS, "RS256", "PS256"];
const MAX_TEXT_BYTES = 255;
const JWKS_TIMEOUT_MS = 5_000;
const JWKS_COOLDOWN_MS = 30_000;
const JWKS_MAX_AGE_MS = 600_000;
const MAX_JWKS_BYTES = 65_536;

/** First come, first served. */
export function openNames(): NamePolicy {
  return {
    kind: "open",
    authorize: ({ record }) => {
      if (record.kind === "reset") {
        throw new ServiceError("forbidden", "Nobody here can say whose a name is: none is reset");
      }
      requireAuth(record, new Uint8Array(0));
      return Promise.resolve();
    },
  };
}

/** Names that the application's backend grants. */
export function grantedNames({ issuer, keys }: TokenIssuer): NamePolicy {
  const keyOf = keySource(keys);
  return {
    kind: "grant",
    async authorize({ kv, nowMs, record, authorization }) {
      const { label, origin } = record.account;
      const signing = await firstDevice(record);
      const rules = { issuer, audience: origin, algorithms: GRANT_ALGORITHMS };
      const claims = await openToken(authorization, keyOf, rules, nowMs);
      const { sub, exp, jti, cnf } = claims;
      const isShort = typeof exp === "number" && exp * 1000 <= nowMs + GRANT_TTL_MS;
      const isUsable = typeof jti === "string" && jti !== "" && jti.length <= MAX_JTI_CHARS;
      if (!isShort || !isUsable) {
        throw required("A grant is good for at most ten minutes, and has a jti");
      }
      if (sub !== label) throw forbidden("The grant is for another name");
      if (!hasExactly(cnf, ["jkt"]) || cnf.jkt !== thumbprintOf(signing)) {
        throw forbidden("The grant is for another device");
      }
      requireAuth(record, authOf("grant", issuer, sub));
      // Last, so that a record which is refused for another reason does not use it up.
      if (!await takeOnce(kv, `grant ${issuer} ${jti}`, exp * 1000, nowMs)) {
        throw required("This grant was used before");
      }
    },
  };
}

/** Names that are a claim of an ID token. */
export function oidcNames({ issuer, keys, audience, claim }: IdentityProvider): NamePolicy {
  const keyOf = keySource(keys);
  return {
    kind: "oidc",
    async authorize({ nowMs, record, authorization }) {
      const signing = await firstDevice(record);
      const rules = { issuer, audience, algorithms: OIDC_ALGORITHMS };
      const claims = await openToken(authorization, keyOf, rules, nowMs);
      const { sub, aud, azp, nonce } = claims;
      // OpenID Connect Core, 3.1.3.7: a token for several parties says for whom it was made.
      if ((azp !== undefined || Array.isArray(aud) && aud.length > 1) && azp !== audience) {
        throw forbidden("The ID token is for another application");
      }
      if (nonce !== toBase64Url(oidcNonce(signing))) {
        throw forbidden("The ID token is for another device");
      }
      if (claim === "email" && claims.email_verified !== true) {
        throw forbidden("The ID token's address is not verified");
      }
      if (!isNamed(claims[claim], record)) throw forbidden("The ID token is for another name");
      requireAuth(record, authOf("oidc", issuer, sub));
    },
  };
}

/** The key of the record's first device, which has signed the record itself. */
async function firstDevice(record: VerifiedRecord): Promise<VerifyingKey> {
  const { signing } = record.devices[0]!.entry;
  // Otherwise another device could stand behind one whose authorization was overheard.
  if (await isSignedBy(record, "self", signing)) return signing;
  throw new ServiceError("bad_record", "The record is not signed by the first device it lists");
}

async function openToken(
  token: string | null,
  keyOf: JWTVerifyGetKey,
  rules: { issuer: string; audience: string; algorithms: string[] },
  nowMs: number,
): Promise<JWTPayload & { readonly sub: string }> {
  if (token === null) throw required("This name needs an authorization");
  let claims: JWTPayload;
  try {
    const currentDate = new Date(nowMs);
    const requiredClaims = ["iss", "aud", "sub", "exp"];
    ({ payload: claims } = await jwtVerify(token, keyOf, {
      ...rules,
      requiredClaims,
      currentDate,
    }));
  } catch (error) {
    if (error instanceof ServiceError) throw error;
    if (error instanceof errors.JWKSTimeout) throw keysUnavailable();
    throw required("The authorization is not valid, or has expired");
  }
  const { sub } = claims;
  if (typeof sub !== "string" || sub === "" || utf8(sub).length > MAX_TEXT_BYTES) {
    throw required("The authorization names nobody");
  }
  return { ...claims, sub };
}

function authOf(method: AuthMethod, issuer: string, sub: string): Uint8Array {
  return formatRecordAuth({ method, issuer, subjectHash: subjectHash(issuer, sub) });
}

function requireAuth(record: VerifiedRecord, proven: Uint8Array): void {
  if (equal(record.auth, proven)) return;
  throw new ServiceError("bad_record", "The record says otherwise how its owner was authenticated");
}

function isNamed(value: unknown, { account }: VerifiedRecord): boolean {
  if (typeof value !== "string") return false;
  try {
    return canonicalAccountLabel(value) === account.label;
  } catch (error) {
    if (error instanceof CryptoError) return false;
    throw error;
  }
}

/** An issuer's keys; a list that is fetched is fetched seldom, and is bounded. */
function keySource(keys: URL | JSONWebKeySet): JWTVerifyGetKey {
  if (!(keys instanceof URL)) return createLocalJWKSet(keys);
  return createRemoteJWKSet(keys, {
    timeoutDuration: JWKS_TIMEOUT_MS,
    cooldownDuration: JWKS_COOLDOWN_MS,
    cacheMaxAge: JWKS_MAX_AGE_MS,
    [customFetch]: fetchKeys,
  });
}

async function fetchKeys(url: string, init: RequestInit): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(url, init);
    if (response.status === 200) return Response.json(JSON.parse(await boundedText(response)));
    await response.body?.cancel();
  } catch {
    // Said below, whatever it was: unreachable, too long, or no JSON.
  }
  throw keysUnavailable();
}

async function boundedText(response: Response): Promise<string> {
  let text = "";
  for await (const part of response.body!.pipeThrough(new TextDecoderStream())) {
    text += part;
    if (text.length > MAX_JWKS_BYTES) throw new Error("too long");
  }
  return text;
}

function keysUnavailable(): ServiceError {
  return new ServiceError("unavailable", "The issuer's keys can't be read: try again later");
}

function required(message: string): ServiceError {
  return new ServiceError("authorization_required", message);
}

function forbidden(message: string): ServiceError {
  return new ServiceError("forbidden", message);
}
