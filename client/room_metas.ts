/**
 * What a room and its members show, opened: kept by what it is sealed as.
 *
 * @module
 */

import { fromBase64Url } from "../crypto/base64.ts";
import { type Bytes } from "../crypto/bytes.ts";
import { openMeta, type RoomKeys } from "../crypto/invite.ts";
import { type Room } from "./room.ts";

/** What is shown in one room. */
export class RoomMetas {
  readonly #keys: RoomKeys;
  /** Null where it does not open: whoever seals nonsense shows nothing. */
  readonly #opened = new Map<string, Bytes | null>();

  /** Nothing is shown yet. */
  constructor(keys: RoomKeys) {
    this.#keys = keys;
  }

  /** What this says, or null: it says nothing, or was not opened. */
  of(sealed: string | null): Bytes | null {
    return this.#opened.get(sealed ?? "") ?? null;
  }

  /** Opens what somebody, or the room, shows. */
  async open(sealed: string | null, about: "room" | "member"): Promise<void> {
    if (sealed === null || this.#opened.has(sealed)) return;
    try {
      this.#opened.set(sealed, await openMeta(this.#keys, about, fromBase64Url(sealed)!));
    } catch {
      this.#opened.set(sealed, null);
    }
  }

  /** Opens all that is shown now, and forgets what is shown no more. */
  async openAll(room: Room): Promise<void> {
    const shown = room.members().map(({ meta }) => meta);
    for (const sealed of shown) await this.open(sealed, "member");
    const own = room.self?.meta ?? null;
    await this.open(own, "room");
    for (const sealed of this.#opened.keys()) {
      if (sealed !== own && !shown.includes(sealed)) this.#opened.delete(sealed);
    }
  }
}
