/**
 * Room tokens: what lets a key into one managed room. Ours, and those of an embedder's backend.
 *
 *     ours         JWS, typ room+jwt, EdDSA: { iss, aud, sub, room, role, epoch, jti, iat, exp, cnf.jkt }
 *     embedder's   JWS, typ room+jwt, EdDSA, ES256 or RS256: { iss, aud, sub, iat, exp, cnf.jkt, epoch?,
 *                  grants: { room, roomJoin: true, roomAdmin?, canPublish?, roomCreate? } }
 *
 * `sub` of ours is an identity; of an embedder's it is the name that its backend gave the user, who is
 * `=<sub>` here. A token alone opens nothing: whoever shows it proves to have the key that it names. It is
 * good for an hour at most; whether the room has moved on since is `managed_rooms.ts`' to say.
 *
 * @module
 */

import { decodeJwt, type JWTPayload, type JWTVerifyGetKey } from "jose";
import { type Role } from "../wire/frames.ts";
import { hasExactly } from "../wire/json.ts";
import {
  MAX_EMBEDDER_SUB_CHARS,
  MAX_TOKEN_CHARS,
  PROOF_TTL_MS,
  ROOM_TOKEN_TTL_MS,
} from "../wire/limits.ts";
import { isManaged } from "../wire/room_id.ts";
import { type Context } from "./context.ts";
import { ServiceError } from "./error.ts";
import { embedderIdentity, type Identity } from "./identity.ts";
import { keySource, openToken, type TokenIssuer } from "./issuer.ts";
import { type IssuedToken, issueOwnToken, openOwnToken, type OwnClaims } from "./own_token.ts";

/** Whose room tokens are believed besides ours. */
export interface Embedder {
  /** The `iss` of its tokens. */
  readonly issuer: string;
  /** Its keys. */
  readonly keyOf: JWTVerifyGetKey;
}

/** What room tokens are made and read with. */
export type TokenWorld = Pick<Context, "origin" | "keys" | "now" | "embedder">;

/** What one of our tokens says. */
export interface RoomTokenClaims {
  readonly identity: Identity;
  readonly room: string;
  readonly role: Role;
  /** The room's epoch. */
  readonly epoch: number;
  /** Whose it is, RFC 7638. */
  readonly thumbprint: string;
}

/** What a token that holds says. */
export interface RoomGrant extends Omit<RoomTokenClaims, "epoch"> {
  /** The room's epoch, or null where an embedder's backend did not say it. */
  readonly epoch: number | null;
  /** When it was made, Unix milliseconds of a whole second. */
  readonly issuedMs: number;
  /** When it ends, Unix milliseconds. */
  readonly expiresMs: number;
  readonly isEmbedders: boolean;
  /** Whether it makes the room where there is none. */
  readonly mayCreate: boolean;
}

const TYPE = "room+jwt";
const EMBEDDER_ALGORITHMS = ["EdDSA", "Ed25519", "ES256", "RS256"];
/** Within the room's row 250 of them stand as JSON, where a quote would be two characters. */
const SUB = new RegExp(`^[!#-\\[\\]-~]{1,${MAX_EMBEDDER_SUB_CHARS}}$`);

/** An embedder by its settings. */
export function embedderOf({ issuer, keys }: TokenIssuer): Embedder {
  return { issuer, keyOf: keySource(keys) };
}

/** Issues one of ours. */
export function issueRoomToken(
  world: TokenWorld,
  { identity, room, role, epoch, thumbprint }: RoomTokenClaims,
): Promise<IssuedToken> {
  const claims = { sub: identity, room, role, epoch, cnf: { jkt: thumbprint } };
  return issueOwnToken(world, TYPE, claims, ROOM_TOKEN_TTL_MS);
}

/**
 * What a token says, once it is known whose it is.
 *
 * @throws ServiceError `invalid_room_token`; `unavailable` where an embedder's keys can't be had
 */
export async function openRoomToken(world: TokenWorld, token: string): Promise<RoomGrant> {
  if (token.length > MAX_TOKEN_CHARS) throw invalidRoomToken();
  const issuer = issuerOf(token);
  const { embedder } = world;
  const grant = embedder !== null && issuer === embedder.issuer
    ? embeddersGrant(await embeddersClaims(world, embedder, token), world.now())
    : ownGrant(await openOwnToken(world, token, TYPE));
  if (grant === null) throw invalidRoomToken();
  return grant;
}

/** The refusal of a token, for whatever is wrong with it. */
export function invalidRoomToken(): ServiceError {
  const message = "The room token is not valid here, or no longer: ask for another one";
  return new ServiceError("invalid_room_token", message);
}

/** Who says to have made a token; nothing is believed of it yet. */
function issuerOf(token: string): string | null {
  try {
    return decodeJwt(token).iss ?? null;
  } catch {
    return null;
  }
}

async function embeddersClaims(
  { origin, now }: TokenWorld,
  { issuer, keyOf }: Embedder,
  token: string,
): Promise<JWTPayload> {
  const rules = { issuer, audience: origin, algorithms: EMBEDDER_ALGORITHMS, typ: TYPE };
  try {
    return await openToken(token, keyOf, rules, now());
  } catch (error) {
    if (error instanceof ServiceError && error.code === "unavailable") throw error;
    throw invalidRoomToken();
  }
}

function ownGrant(claims: OwnClaims | null): RoomGrant | null {
  if (claims === null) return null;
  const { sub, room, role, epoch, iat, exp, cnf } = claims;
  const thumbprint = thumbprintIn(cnf);
  if (typeof room !== "string" || typeof epoch !== "number" || thumbprint === null) {
    throw new Error("bug: a room token of our own lacks its claims");
  }
  return {
    identity: sub,
    room,
    role: role as Role,
    epoch,
    thumbprint,
    issuedMs: iat * 1000,
    expiresMs: exp * 1000,
    isEmbedders: false,
    mayCreate: false,
  };
}

function embeddersGrant(claims: JWTPayload, nowMs: number): RoomGrant | null {
  const { sub, iat, exp, cnf, epoch, grants } = claims;
  const thumbprint = thumbprintIn(cnf);
  if (typeof sub !== "string" || !SUB.test(sub) || thumbprint === null) return null;
  if (!Number.isInteger(iat) || !Number.isInteger(exp)) return null;
  const [issuedMs, expiresMs] = [iat! * 1000, exp! * 1000];
  // From the future it would still be new after somebody was removed.
  if (issuedMs > nowMs + PROOF_TTL_MS || expiresMs > issuedMs + ROOM_TOKEN_TTL_MS) return null;
  if (epoch !== undefined && !Number.isSafeInteger(epoch)) return null;
  if (typeof grants !== "object" || grants === null) return null;
  const { room, roomJoin, roomAdmin, canPublish, roomCreate } = grants as Record<string, unknown>;
  if (typeof room !== "string" || !isManaged(room) || roomJoin !== true) return null;
  return {
    identity: embedderIdentity(sub),
    room,
    role: roomAdmin === true ? "host" : canPublish === false ? "listener" : "member",
    epoch: epoch === undefined ? null : epoch as number,
    thumbprint,
    issuedMs,
    expiresMs,
    isEmbedders: true,
    mayCreate: roomCreate === true,
  };
}

function thumbprintIn(cnf: unknown): string | null {
  return hasExactly(cnf, ["jkt"]) && typeof cnf.jkt === "string" ? cnf.jkt : null;
}
