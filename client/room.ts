/**
 * A joined room: who else is there, and opaque messages between the members.
 *
 * @module
 */

import { fromBase64Url, toBase64Url } from "../crypto/base64.ts";
import { type Bytes } from "../crypto/bytes.ts";
import { type Member } from "../wire/frames.ts";
import { ClientError } from "./error.ts";
import { type RoomFrame, type Socket } from "./socket.ts";

/** What happens in a room. */
export interface RoomListeners {
  /** A message of a member; a message that is not canonical base64url never arrives. */
  readonly onMessage: (message: Bytes, from: string) => void;
  /** A member came. */
  readonly onJoin?: (member: Member) => void;
  /** A member left, or was lost for too long to come back. */
  readonly onLeave: (member: Member) => void;
}

/** A room that this client is in. */
export class Room {
  /** The room's id. */
  readonly id: string;
  readonly #socket: Socket;
  readonly #listeners: RoomListeners;
  readonly #members = new Map<string, Member>();

  private constructor(socket: Socket, id: string, listeners: RoomListeners) {
    this.#socket = socket;
    this.id = id;
    this.#listeners = listeners;
  }

  /** Joins a room. @param id base64url of 16 random bytes @throws ClientError */
  static async join(socket: Socket, id: string, listeners: RoomListeners): Promise<Room> {
    const room = new Room(socket, id, listeners);
    // Listening starts first: what happens after `joined` may arrive in the same moment.
    socket.listen(id, (frame) => room.#handle(frame));
    try {
      const joined = await socket.request({ t: "join", room: id });
      if (joined.t !== "joined") throw new ClientError("bad_answer", "The service did not join");
      for (const member of joined.members) room.#members.set(member.mid, member);
      return room;
    } catch (error) {
      socket.listen(id, null);
      throw error;
    }
  }

  /** The others. */
  members(): readonly Member[] {
    return [...this.#members.values()];
  }

  /** A member, or null where nobody of that id is here. */
  member(mid: string): Member | null {
    return this.#members.get(mid) ?? null;
  }

  /** Sends a message to a member, or to all others. @throws ClientError */
  async send(message: Bytes, to: string = "*"): Promise<void> {
    await this.#socket.request({ t: "signal", room: this.id, to, ct: toBase64Url(message) });
  }

  /** Leaves; nothing arrives afterwards. */
  async leave(): Promise<void> {
    this.#socket.listen(this.id, null);
    try {
      await this.#socket.request({ t: "leave", room: this.id });
    } catch {
      // Whoever lost the connection has left as well.
    }
  }

  #handle(frame: RoomFrame): void {
    if (frame.t === "signal") {
      const message = fromBase64Url(frame.ct);
      if (message !== null) this.#listeners.onMessage(message, frame.from);
    } else if (frame.event === "join") {
      this.#members.set(frame.member.mid, frame.member);
      this.#listeners.onJoin?.(frame.member);
    } else if (frame.event === "leave") {
      this.#members.delete(frame.member.mid);
      this.#listeners.onLeave(frame.member);
    } else if (this.#members.has(frame.member.mid)) {
      // Away is not gone: it may come back, and hears then what it was sent.
      this.#members.set(frame.member.mid, frame.member);
    }
  }
}
