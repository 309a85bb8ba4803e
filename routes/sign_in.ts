/**
 * Signing in on a socket: a device of an account with its access token, or a guest with its room token,
 * each with a fresh proof by the key that the token is bound to.
 *
 * @module
 */

import { type Context } from "../core/context.ts";
import { authenticateGuest } from "../core/guest.ts";
import { type Party } from "../core/identity.ts";
import { type ProofTarget } from "../core/dpop.ts";
import { authenticate } from "../core/tokens.ts";
import { fromBase64Url } from "../crypto/base64.ts";
import { fromUtf8 } from "../crypto/bytes.ts";
import { type ClientFrame } from "../wire/client_frames.ts";
import { parseJson } from "../wire/json_text.ts";

/** Somebody who has signed in. */
export interface SignedIn {
  readonly party: Party;
  /** When the token ends, Unix milliseconds. */
  readonly expiresMs: number;
}

/**
 * Who signs in.
 *
 * @param url what the proof has to name
 * @throws ServiceError those of `authenticate` and `authenticateGuest`
 */
export async function signInOnSocket(
  ctx: Context,
  { token, proof }: Extract<ClientFrame, { t: "auth" }>,
  url: string,
): Promise<SignedIn> {
  const target: ProofTarget = { proof, method: "GET", url };
  if (typeOf(token) === "room+jwt") return await authenticateGuest(ctx, { ...target, token });
  const authorization = `DPoP ${token}`;
  const principal = await authenticate(ctx, { ...target, authorization });
  const { account, deviceId: device, signing, expiresMs } = principal;
  return { party: { kind: "account", identity: account, account, device, signing }, expiresMs };
}

/** What a token says that it is; whoever takes it checks that. */
function typeOf(token: string): unknown {
  const bytes = fromBase64Url(token.split(".", 1)[0]!);
  const text = bytes === null ? null : fromUtf8(bytes);
  const header = text === null ? null : parseJson(text);
  return typeof header === "object" && header !== null && "typ" in header ? header.typ : null;
}
