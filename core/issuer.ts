/**
 * An issuer of tokens (JWTs, RFC 7519): its keys, and what it signed.
 *
 * Its keys are given, or fetched seldom and in bounds. That they can't be had is no verdict on a token.
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
import { utf8 } from "../crypto/bytes.ts";
import { ServiceError } from "./error.ts";

/** Whose tokens are believed. */
export interface TokenIssuer {
  /** Its `iss`. */
  readonly issuer: string;
  /** Its keys, or where they are. */
  readonly keys: URL | JSONWebKeySet;
}

/** What a token has to be. */
export interface TokenRules {
  /** Its `iss`. */
  readonly issuer: string;
  /** Whom its `aud` names. */
  readonly audience: string;
  /** Which algorithms may sign it. */
  readonly algorithms: string[];
  /** Its `typ`, where it has to have one. */
  readonly typ?: string;
}

const MAX_TEXT_BYTES = 255;
const JWKS_TIMEOUT_MS = 5_000;
const JWKS_COOLDOWN_MS = 30_000;
const JWKS_MAX_AGE_MS = 600_000;
const MAX_JWKS_BYTES = 65_536;

/** An issuer's keys. */
export function keySource(keys: URL | JSONWebKeySet): JWTVerifyGetKey {
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

/**
 * Verifies a token of the issuer's.
 *
 * @param token a compact JWS, or null @throws ServiceError `authorization_required`, `unavailable`
 */
export async function openToken(
  token: string | null,
  keyOf: JWTVerifyGetKey,
  rules: TokenRules,
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

/** The refusal of a token, or of its lack. */
export function required(message: string): ServiceError {
  return new ServiceError("authorization_required", message);
}
