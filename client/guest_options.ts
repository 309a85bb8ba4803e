/**
 * Joining a room without an account.
 *
 * @module
 */

import { type ClientError } from "./error.ts";
import { type Meeting } from "./meeting.ts";

/** How a guest joins. */
export interface GuestOptions {
  /** The invite's link, or what stands behind its `#`. */
  readonly link: string;
  /** The service's URL, where it is another than the link names. */
  readonly service?: string | URL;
  /** The clock, Unix milliseconds; the platform's by default. */
  readonly now?: () => number;
  /** Gives up joining. */
  readonly signal?: AbortSignal;
  /** Called with every message that was refused, as `Client.onRefused`. */
  readonly onRefused?: (error: ClientError) => void;
  /** Called when the connection comes and goes, as `Client.onOnline`. */
  readonly onOnline?: (online: boolean, why: ClientError | null) => void;
}

/**
 * Joins a room by an invite, without an account: with a key that nobody vouches for and that ends with the
 * room. The others are shown a guest, and a guest takes the service's word for who the others are; what
 * they say, nobody without the room's secret can read or forge.
 *
 * @throws ClientError `invite_invalid`, `room_locked`, `room_full`, `room_ended`, `room_not_found`,
 * `bad_option`, `cancelled`, `network`, `socket_blocked`, `unavailable`, `refused`
 */
export async function joinAsGuest(options: GuestOptions): Promise<Meeting> {
  const guest = await import("./guest.ts");
  return await guest.joinAsGuest(options);
}
