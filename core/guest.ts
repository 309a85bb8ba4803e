/**
 * Who a guest is: its key, which its room token names, and nothing that stands in the log.
 *
 * @module
 */

import { type Context } from "./context.ts";
import { type ProofTarget, spendProof, verifyProof } from "./dpop.ts";
import { isAccount, type Party } from "./identity.ts";
import { invalidRoomToken, openRoomToken } from "./room_tokens.ts";

/** A guest's credentials. */
export interface GuestCredentials extends ProofTarget {
  /** The room token. */
  readonly token: string;
}

/** A guest who signed in. */
export interface Guest {
  readonly party: Extract<Party, { kind: "guest" }>;
  /** When the token ends, Unix milliseconds. */
  readonly expiresMs: number;
}

/**
 * Who shows a room token, on a socket: its proof is by the key that the token names, and is used up by it.
 *
 * Whether the room lets the guest in is asked when it joins, with this token. An account signs in as one.
 *
 * @throws ServiceError `invalid_room_token`, `unavailable`, and those of `verifyProof` and `spendProof`
 */
export async function authenticateGuest(ctx: Context, request: GuestCredentials): Promise<Guest> {
  const grant = await openRoomToken(ctx, request.token);
  const proof = await verifyProof(ctx, request, request.token);
  if (grant.thumbprint !== proof.thumbprint || isAccount(grant.identity)) throw invalidRoomToken();
  await spendProof(ctx, proof);
  const { identity, room, expiresMs } = grant;
  return { party: { kind: "guest", identity, room, signing: proof.key }, expiresMs };
}
