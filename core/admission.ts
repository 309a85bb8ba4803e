/**
 * Who is given a room token: whoever brings an invite's word for their key, and whoever the room knows.
 *
 * Whoever asks proves to have a key, and brings the word of an invite for that key: nothing of a link
 * reaches the service but what it signed. An invite counts an identity once, however often it asks. What
 * is wrong with an invite is not said.
 *
 * @module
 */

import { fromBase64Url, toBase64Url } from "../crypto/base64.ts";
import { type Bytes } from "../crypto/bytes.ts";
import { isInvited } from "../crypto/invite.ts";
import { thumbprintOf } from "../crypto/thumbprint.ts";
import {
  checkInvite,
  hasLetIn,
  readInvite,
  usedBy,
  usedCount,
  writeInvite,
} from "../kv/invites.ts";
import { checkRoom, readRoom, type RoomRow, writeRoom } from "../kv/rooms.ts";
import { type Decision, transact } from "../kv/transact.ts";
import { type Role } from "../wire/frames.ts";
import { PROOF_TTL_MS, ROOM_ID_BYTES } from "../wire/limits.ts";
import { isManaged } from "../wire/room_id.ts";
import { type Context } from "./context.ts";
import { type ProofTarget, spendProof, verifyProof } from "./dpop.ts";
import { ServiceError } from "./error.ts";
import { guestIdentity, type Identity, isGuest } from "./identity.ts";
import { inviteKeyOf } from "./invites.ts";
import { isBanned, roomEnded, roomLocked, roomNotFound, seen, withPerson } from "./room_state.ts";
import { issueRoomToken } from "./room_tokens.ts";
import { authenticate, type Credentials } from "./tokens.ts";

/** The word of an invite. */
export interface PresentedInvite {
  /** The public half of its key, 32 bytes. */
  readonly key: Bytes;
  /** When it was said, Unix milliseconds. */
  readonly tsMs: number;
  /** Ed25519. */
  readonly signature: Bytes;
}

/** Who asks for a room token. */
export interface Asker {
  readonly identity: Identity;
  /** RFC 7638. */
  readonly thumbprint: string;
  /** Uses its proof up, where that has not happened. */
  readonly spend: () => Promise<void>;
}

/** A room token with what its owner wants to know. */
export interface Admission {
  readonly token: string;
  readonly expiresInSeconds: number;
  readonly identity: Identity;
  readonly role: Role;
  readonly epoch: number;
  readonly meta: string | null;
}

/**
 * Who asks for a room token: an account's device with its access token, or a guest with a key of its own.
 *
 * @throws ServiceError those of `authenticate` and `verifyProof`
 */
export async function askerOf(ctx: Context, request: Credentials): Promise<Asker> {
  if (request.authorization !== null) {
    const { account, signing } = await authenticate(ctx, request);
    return {
      identity: account,
      thumbprint: thumbprintOf(signing),
      spend: () => Promise.resolve(),
    };
  }
  const proof = await verifyProof(ctx, request satisfies ProofTarget, null);
  const { thumbprint } = proof;
  // A stranger's proof leaves nothing behind until an invite vouches for it.
  return { identity: guestIdentity(thumbprint), thumbprint, spend: () => spendProof(ctx, proof) };
}

/**
 * A room token: for an invite's word, or again for somebody whom the room knows.
 *
 * @param invite null for somebody whom the room knows
 * @throws ServiceError `invalid_invite`, `room_locked`, `room_full`; `room_ended` for whoever was in it;
 * `room_not_found` without an invite; and `proof_replayed`
 */
export async function admit(
  ctx: Context,
  room: string,
  asker: Asker,
  invite: PresentedInvite | null,
): Promise<Admission> {
  const { identity, thumbprint } = asker;
  const refusal = invite === null ? roomNotFound() : invalidInvite();
  if (invite !== null && !await gaveItsWord(ctx, room, asker, invite)) throw refusal;
  if (!isManaged(room)) throw refusal;
  // Before anything is counted: a request that was overheard and is sent again counts nothing.
  const key = invite === null ? null : toBase64Url(invite.key);
  const decide = () => admitted(ctx, room, identity, key, refusal);
  const first = await decide();
  await asker.spend();
  const { role, row } = "done" in first
    ? first.done
    : await ctx.rooms.turns.take(room, () => transact(ctx.kv, decide));
  const { epoch, meta } = row;
  const issued = await issueRoomToken(ctx, { identity, room, role, epoch, thumbprint });
  return { ...issued, identity, role, epoch, meta };
}

interface Admitted {
  readonly role: Role;
  readonly row: RoomRow;
}

async function admitted(
  ctx: Context,
  room: string,
  who: Identity,
  key: string | null,
  refusal: ServiceError,
): Promise<Decision<Admitted>> {
  const nowMs = ctx.now();
  const [held, invite] = await Promise.all([
    readRoom(ctx, room, nowMs),
    // Read also where it decides nothing, so that every refusal takes as long.
    readInvite(ctx, room, key ?? "", nowMs),
  ]);
  const row = held.value;
  if (row === null || isBanned(row, who)) throw refusal;
  const person = row.people.get(who);
  if (person !== undefined) {
    if (row.hasEnded) throw roomEnded();
    const then: Admitted = { role: person.role, row: seen(row, who, nowMs) };
    if (then.row === row) return { done: then };
    const mutations = [writeRoom(ctx, room, then.row, nowMs)];
    return { checks: [checkRoom(ctx, room, held)], mutations, then };
  }
  if (key === null || invite.value === null || row.hasEnded) throw refusal;
  const isCounted = hasLetIn(invite.value, who);
  if (!isCounted && usedCount(invite.value) >= invite.value.uses) throw refusal;
  if (row.isLocked) throw roomLocked();
  const { role } = invite.value;
  const newcomer = { role, sinceMs: nowMs, ...isGuest(who) ? { invite: inviteMark(key) } : {} };
  const next = role === "knocker" ? row : withPerson(row, who, newcomer, nowMs);
  const mutations: Deno.KvMutation[] = [];
  if (!isCounted) {
    mutations.push(writeInvite(ctx, room, key, usedBy(invite.value, who), nowMs));
  }
  if (next !== row) mutations.push(writeRoom(ctx, room, next, nowMs));
  const then: Admitted = { role, row: next };
  if (mutations.length === 0) return { done: then };
  const checks = [checkRoom(ctx, room, held), checkInvite(ctx, room, key, invite)];
  return { checks, mutations, then };
}

/** What tells the invites of a room apart, in the row of each guest. */
function inviteMark(key: string): string {
  return key.slice(0, 8);
}

async function gaveItsWord(
  ctx: Context,
  room: string,
  { thumbprint }: Asker,
  { key: bytes, tsMs, signature }: PresentedInvite,
): Promise<boolean> {
  const key = inviteKeyOf(bytes);
  const id = fromBase64Url(room);
  if (key === null || id?.length !== ROOM_ID_BYTES) return false;
  if (Math.abs(ctx.now() - tsMs) > PROOF_TTL_MS) return false;
  const word = { origin: ctx.origin, room: id, thumbprint: fromBase64Url(thumbprint)!, tsMs };
  return await isInvited(key, word, signature);
}

function invalidInvite(): ServiceError {
  return new ServiceError("invalid_invite", "This invite is not valid, or no longer");
}
