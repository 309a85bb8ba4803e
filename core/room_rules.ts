/**
 * The managed rooms as the relay asks about them: who gets in as what, and what moderation changes.
 *
 * What is persisted stands in the room's row before anybody is told.
 *
 * @module
 */

import { type Role } from "../wire/frames.ts";
import { type Identity, type Party } from "./identity.ts";

/** What a managed room is, apart from who is in it now. */
export interface RoomState {
  /** The room. */
  readonly room: string;
  /** One more with every kick, ban, lock and end: older room tokens are worth nothing. */
  readonly epoch: number;
  readonly isLocked: boolean;
  readonly hasEnded: boolean;
  /** Sealed, base64url, or null. */
  readonly meta: string | null;
}

/** What somebody is let in as. */
export interface Entry {
  readonly role: Role;
  readonly state: RoomState;
}

/** A change that moderation makes. */
export type RoomChange =
  | { readonly kind: "admit"; readonly who: Identity; readonly role: Role }
  | { readonly kind: "role"; readonly who: Identity; readonly role: Role }
  | { readonly kind: "remove"; readonly who: Identity; readonly isBan: boolean }
  | { readonly kind: "lock"; readonly isLocked: boolean }
  | { readonly kind: "end" };

/** The managed rooms of a service. */
export interface RoomRules {
  /**
   * As what somebody gets into a room.
   *
   * @param token a room token for the party's key, or null: who is known to the room needs none
   * @throws ServiceError `room_not_found`, `room_locked`, `room_ended`, `invalid_room_token`
   */
  enter(room: string, party: Party, token: string | null): Promise<Entry>;
  /**
   * Changes a room, where `by` still may.
   *
   * @throws ServiceError `room_not_found`, `room_ended`, `forbidden`, `no_such_member`, `room_full`,
   * `too_many_open`
   */
  change(room: string, by: Identity, change: RoomChange): Promise<RoomState>;
  /** Called with the new state of a room that somebody changed over REST; set by the relay. */
  onChange: ((state: RoomState) => void) | null;
}
