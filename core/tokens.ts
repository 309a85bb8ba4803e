/**
 * Access tokens (RFC 9068) bound to a device's key (RFC 9449): given for a proof, useless without.
 *
 *     token = JWS, typ at+jwt, EdDSA: { iss, aud, sub, client_id, device, jti, iat, exp, cnf.jkt }
 *
 * A token alone opens nothing: each request carries a fresh proof by the key that the token names,
 * and that key must still be a current device of the account. There are no refresh tokens. No message
 * here holds a name, a key or a token.
 *
 * @module
 */

import { type AccountLabel, parseAccountLabel } from "../crypto/account_label.ts";
import { equal } from "../crypto/bytes.ts";
import { type DeviceEntry } from "../crypto/device_entry.ts";
import { type VerifyingKey } from "../crypto/keys.ts";
import { hasExactly } from "../wire/json.ts";
import { TOKEN_TTL_MS } from "../wire/limits.ts";
import { type AccountDevice } from "./account.ts";
import { type Context } from "./context.ts";
import { type ProofTarget, spendProof, verifyProof } from "./dpop.ts";
import { ServiceError } from "./error.ts";
import { type IssuedToken, issueOwnToken, openOwnToken } from "./own_token.ts";

/** A request's credentials. */
export interface Credentials extends ProofTarget {
  /** The `Authorization` header, or null where the request has none. */
  readonly authorization: string | null;
}

/** Who is asking: a current device of an account. */
export interface Principal extends AccountDevice {
  /** When the token ends, Unix milliseconds. */
  readonly expiresMs: number;
}

/**
 * Exchanges a proof for an access token of 10 minutes.
 *
 * @throws ServiceError `unknown_device`, and those of `verifyProof`
 */
export async function signIn(
  ctx: Context,
  account: AccountLabel,
  target: ProofTarget,
): Promise<IssuedToken> {
  const proof = await verifyProof(ctx, target, null);
  const { key, thumbprint } = proof;
  const { deviceId } = await deviceOf(ctx, account, key);
  await spendProof(ctx, proof);
  const claims = {
    sub: account,
    client_id: thumbprint,
    device: deviceId,
    cnf: { jkt: thumbprint },
  };
  return await issueOwnToken(ctx, "at+jwt", claims, TOKEN_TTL_MS);
}

/**
 * Who makes a request: its token and its proof hold, belong together, and the key is still that of
 * a current device of the account.
 *
 * @throws ServiceError `unauthenticated`, `invalid_token`, `unknown_device`, and those of
 * `verifyProof`
 */
export async function authenticate(ctx: Context, request: Credentials): Promise<Principal> {
  const token = tokenOf(request);
  if (token === null) {
    throw new ServiceError("unauthenticated", "Sign in: this needs an access token and a proof");
  }
  const claims = await openToken(ctx, token);
  const proof = await verifyProof(ctx, request, token);
  const { key, thumbprint } = proof;
  if (claims.thumbprint !== thumbprint) throw invalidToken("The token is bound to another key");
  const { deviceId } = await deviceOf(ctx, claims.account, key);
  if (deviceId !== claims.deviceId) throw unknownDevice();
  await spendProof(ctx, proof);
  return { account: claims.account, deviceId, signing: key, expiresMs: claims.expiresMs };
}

/** The token that a request carries, or null. */
export function tokenOf({ authorization }: Pick<Credentials, "authorization">): string | null {
  return /^DPoP ([A-Za-z0-9._-]+)$/i.exec(authorization ?? "")?.[1] ?? null;
}

interface TokenClaims extends Omit<Principal, "signing"> {
  readonly thumbprint: string;
}

async function openToken(ctx: Context, token: string): Promise<TokenClaims> {
  const claims = await openOwnToken(ctx, token, "at+jwt");
  if (claims === null) throw invalidToken("The access token is not valid, or has expired");
  const { sub, device, exp, cnf } = claims;
  const thumbprint = hasExactly(cnf, ["jkt"]) ? cnf.jkt : undefined;
  if (typeof device !== "number" || typeof thumbprint !== "string") {
    throw new Error("bug: a token of our own lacks its claims");
  }
  const account = parseAccountLabel(sub);
  return { account, deviceId: device, thumbprint, expiresMs: exp * 1000 };
}

/** The account's current device with this signing key. @throws ServiceError `unknown_device` */
async function deviceOf(
  ctx: Context,
  account: AccountLabel,
  key: VerifyingKey,
): Promise<DeviceEntry> {
  const record = await ctx.accounts.record(account);
  const device = record?.devices.find(({ entry }) => equal(entry.signing, key));
  // One answer for a name that nobody has and for a key that is not of it.
  if (device === undefined) throw unknownDevice();
  return device.entry;
}

function invalidToken(message: string): ServiceError {
  return new ServiceError("invalid_token", message);
}

function unknownDevice(): ServiceError {
  return new ServiceError("unknown_device", "This key is not of a current device of the account");
}
