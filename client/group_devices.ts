/**
 * The devices that are in a room with a group call: each looked up in the log before anything of it counts.
 *
 * @module
 */

import { parseAccountLabel } from "../crypto/account_label.ts";
import { type RemoteDevice, remoteDevice } from "../crypto/bundle.ts";
import { type Bytes, toHex } from "../crypto/bytes.ts";
import { type VerifyingKey } from "../crypto/keys.ts";
import { type Contact } from "./contact.ts";
import { lookUp } from "./directory.ts";
import { toClientError } from "./error.ts";
import { type RoomMember } from "./meeting.ts";
import { patiently } from "./patience.ts";
import { type World } from "./world.ts";

/** A device as the log proves it. */
export interface GroupDevice {
  /** Whose. */
  readonly contact: Contact;
  /** Its entry. */
  readonly device: RemoteDevice;
}

/** The devices that were looked up. */
export class GroupDevices {
  readonly #world: World;
  /** By the hash of their entry, in hexadecimal. */
  readonly #known = new Map<string, GroupDevice>();

  /** None yet. */
  constructor(world: World) {
    this.#world = world;
  }

  /** Looks a member's device up; null for guests, and where the log does not have it. */
  async find({ account, device: id }: Pick<RoomMember, "account" | "device">): Promise<
    GroupDevice | null
  > {
    if (account === null || id === null) return null;
    try {
      const contact = await patiently(
        () => lookUp(this.#world, parseAccountLabel(account), "stranger"),
        "handshake_refused",
      );
      const found = { contact, device: remoteDevice(contact.record, id) };
      this.#known.set(toHex(found.device.entryHash), found);
      return found;
    } catch (error) {
      this.#world.refused(toClientError(error, "handshake_refused"));
      return null;
    }
  }

  /** Whether a member's device was looked up. */
  knows({ account, device: id }: Pick<RoomMember, "account" | "device">): boolean {
    return [...this.#known.values()].some(({ device: { account: { label }, entry } }) =>
      label === account && entry.deviceId === id
    );
  }

  /** A device that was looked up, by the hash of its entry, or null. */
  of(entry: Bytes): GroupDevice | null {
    return this.#known.get(toHex(entry)) ?? null;
  }

  /** Its signing key; one's own too. */
  keyOf(entry: Bytes): VerifyingKey | null {
    const { self } = this.#world.account;
    if (toHex(entry) === toHex(self.entryHash)) return self.entry.signing;
    return this.of(entry)?.device.entry.signing ?? null;
  }
}
