/**
 * Invites into managed rooms: who makes them, sees them and withdraws them. What they are worth is
 * `admission.ts`' to say.
 *
 * @module
 */

import { toBase64Url } from "../crypto/base64.ts";
import { type Bytes, toHex } from "../crypto/bytes.ts";
import { CryptoError } from "../crypto/error.ts";
import { parseVerifyingKey, type VerifyingKey } from "../crypto/keys.ts";
import { randomBytes } from "../crypto/primitives.ts";
import {
  checkInvite,
  deleteInvite,
  type InviteRow,
  listInvites,
  readInvite,
  writeInvite,
} from "../kv/invites.ts";
import { checkRoom, readRoom, writeRoom } from "../kv/rooms.ts";
import { transact } from "../kv/transact.ts";
import { type Role } from "../wire/frames.ts";
import { MAX_INVITE_TTL_MS, MAX_ROOM_INVITES } from "../wire/limits.ts";
import { isManaged } from "../wire/room_id.ts";
import { type Context } from "./context.ts";
import { ServiceError } from "./error.ts";
import { type Identity } from "./identity.ts";
import { mayGive } from "./roles.ts";
import { notAllowed, requireMay, roomNotFound } from "./room_state.ts";

/** What an invite is to be. */
export interface InviteTerms {
  /** The public half of its key, 32 bytes. */
  readonly key: Bytes;
  readonly role: Role;
  /** How many it lets in. */
  readonly uses: number;
  /** Until when, Unix milliseconds. */
  readonly expMs: number;
}

/** An invite as those see it who may invite. */
export interface InviteOverview {
  /** Base64url. */
  readonly key: string;
  readonly row: InviteRow;
}

/**
 * Makes an invite; one of the same key gets the new terms, and has let in whom it has.
 *
 * @throws ServiceError `room_not_found`, `room_ended`, `forbidden`, `too_many_open`, `malformed`
 */
export async function makeInvite(
  ctx: Context,
  room: string,
  by: Identity,
  { key: bytes, role, uses, expMs }: InviteTerms,
): Promise<InviteOverview> {
  if (!isManaged(room)) throw roomNotFound();
  const key = toBase64Url(inviteKeyOf(bytes) ?? refuseKey());
  const changeId = toHex(randomBytes(16));
  return await ctx.rooms.turns.take(room, () =>
    transact<InviteOverview>(ctx.kv, async () => {
      const nowMs = ctx.now();
      const held = await readRoom(ctx, room, nowMs);
      const { row, role: own } = requireMay(held.value, by, "invite");
      if (!mayGive(own, role)) throw notAllowed();
      if (expMs <= nowMs || expMs > nowMs + MAX_INVITE_TTL_MS) {
        throw new ServiceError("malformed", "An invite ends later, and within 30 days");
      }
      const before = await readInvite(ctx, room, key, nowMs);
      if (before.value !== null && !mayGive(own, before.value.role)) throw notAllowed();
      const all = await listInvites(ctx, room, nowMs);
      if (before.value === null && all.size >= MAX_ROOM_INVITES) {
        throw new ServiceError("too_many_open", "This room has as many invites as a room may");
      }
      const invite: InviteRow = before.value === null
        ? { role, uses, by, used: new Uint8Array(0), expMs }
        : { ...before.value, role, uses, expMs };
      return {
        checks: [checkRoom(ctx, room, held), checkInvite(ctx, room, key, before)],
        // The room's row is written too, so that two invites made at once are not both the last.
        mutations: [
          writeRoom(ctx, room, { ...row, changeId }, nowMs),
          writeInvite(ctx, room, key, invite, nowMs),
        ],
        then: { key, row: invite },
      };
    }));
}

/** A room's invites. @throws ServiceError `room_not_found`, `room_ended`, `forbidden` */
export async function invitesOf(
  ctx: Context,
  room: string,
  by: Identity,
): Promise<readonly InviteOverview[]> {
  await ctx.rooms.view(room, by);
  return [...await listInvites(ctx, room, ctx.now())].map(([key, row]) => ({ key, row }));
}

/**
 * Withdraws an invite; whom it has let in stays. One that there is not is withdrawn already.
 *
 * @throws ServiceError `room_not_found`, `room_ended`, `forbidden`
 */
export async function withdrawInvite(
  ctx: Context,
  room: string,
  by: Identity,
  key: string,
): Promise<void> {
  if (!isManaged(room)) throw roomNotFound();
  await transact<null>(ctx.kv, async () => {
    const nowMs = ctx.now();
    const held = await readRoom(ctx, room, nowMs);
    const { role } = requireMay(held.value, by, "invite");
    const invite = await readInvite(ctx, room, key, nowMs);
    if (invite.value === null) return { done: null };
    if (!mayGive(role, invite.value.role)) throw notAllowed();
    return {
      checks: [checkRoom(ctx, room, held), checkInvite(ctx, room, key, invite)],
      mutations: [deleteInvite(ctx, room, key)],
      then: null,
    };
  });
}

/** An invite's key, or null where the bytes are none. */
export function inviteKeyOf(bytes: Bytes): VerifyingKey | null {
  try {
    return parseVerifyingKey(bytes);
  } catch (error) {
    if (error instanceof CryptoError) return null;
    throw error;
  }
}

function refuseKey(): never {
  throw new ServiceError("malformed", "The invite's key is no Ed25519 key");
}
