/**
 * Invites into managed rooms: the public half of each one's key, and whom it has let in.
 *
 *     ["log", origin, "invite", room, key]   -> InviteRow, 17 KiB at most; key is base64url
 *
 * The rest of an invite stands in its link, of which the service knows nothing. The store forgets late,
 * so the row's own time decides.
 *
 * @module
 */

import { type Bytes, concat, equal } from "../crypto/bytes.ts";
import { logKey, type LogStore } from "./log_key.ts";
import { type Held, identityTag, type StoredRole } from "./rooms.ts";
import { answered, StoreError } from "./store_error.ts";

/** One invite. */
export interface InviteRow {
  /** As what it lets in. */
  readonly role: StoredRole;
  /** How many it lets in. */
  readonly uses: number;
  /** Who made it. */
  readonly by: string;
  /** The tags of those whom it has let in, 16 bytes each. */
  readonly used: Bytes;
  /** When it is over, Unix milliseconds. */
  readonly expMs: number;
}

const TAG_BYTES = 16;

/** An invite that is not over. @throws StoreError */
export async function readInvite(
  log: LogStore,
  room: string,
  key: string,
  nowMs: number,
): Promise<Held<InviteRow>> {
  const { value, versionstamp } = await answered(
    log.kv.get<InviteRow>(inviteKey(log, room, key)),
  );
  return { value: value !== null && value.expMs > nowMs ? value : null, versionstamp };
}

/** A room's invites that are not over, by key. @throws StoreError */
export async function listInvites(
  log: LogStore,
  room: string,
  nowMs: number,
): Promise<ReadonlyMap<string, InviteRow>> {
  const invites = new Map<string, InviteRow>();
  try {
    for await (
      const { key, value } of log.kv.list<InviteRow>({ prefix: logKey(log, "invite", room) })
    ) {
      if (value.expMs > nowMs) invites.set(key.at(-1) as string, value);
    }
  } catch (cause) {
    throw new StoreError("The store cannot be read", { cause });
  }
  return invites;
}

/** That an invite is still as it was read. */
export function checkInvite(
  log: LogStore,
  room: string,
  key: string,
  held: Held<InviteRow>,
): Deno.AtomicCheck {
  return { key: inviteKey(log, room, key), versionstamp: held.versionstamp };
}

/** Writes an invite. */
export function writeInvite(
  log: LogStore,
  room: string,
  key: string,
  value: InviteRow,
  nowMs: number,
): Deno.KvMutation {
  const expireIn = Math.max(1, value.expMs - nowMs);
  return { type: "set", key: inviteKey(log, room, key), value, expireIn };
}

/** Takes an invite away. */
export function deleteInvite(log: LogStore, room: string, key: string): Deno.KvMutation {
  return { type: "delete", key: inviteKey(log, room, key) };
}

/** How many an invite has let in. */
export function usedCount({ used }: InviteRow): number {
  return used.length / TAG_BYTES;
}

/** Whether an invite has let somebody in. */
export function hasLetIn({ used }: InviteRow, identity: string): boolean {
  const tag = identityTag(identity);
  for (let at = 0; at < used.length; at += TAG_BYTES) {
    if (equal(used.subarray(at, at + TAG_BYTES), tag)) return true;
  }
  return false;
}

/** An invite that has let one more in. */
export function usedBy(invite: InviteRow, identity: string): InviteRow {
  return { ...invite, used: concat(invite.used, identityTag(identity)) };
}

function inviteKey(log: LogStore, room: string, key: string): Deno.KvKey {
  return logKey(log, "invite", room, key);
}
