/**
 * A joined room: who else is there, and opaque messages between the members.
 *
 * It goes on over every loss of the connection: where the service kept the place, what was missed
 * follows; where it did not, the room is joined again, and `roster.ts` tells what happened meanwhile.
 *
 * @module
 */

import { fromBase64Url, toBase64Url } from "../crypto/base64.ts";
import { type Bytes } from "../crypto/bytes.ts";
import {
  type Member,
  type PresenceFrame,
  type RemovalReason,
  type ResumeFailure,
  type RoomView,
} from "../wire/frames.ts";
import { type Connection, type RoomFrame } from "./connection.ts";
import { ClientError, toClientError } from "./error.ts";
import { type Answer, type Unsent } from "./outbox.ts";
import { type MemberChange, nameOf, Roster, type Self } from "./roster.ts";

/** What changed in a room. */
export type RoomChange =
  | MemberChange
  /** One is in it: for the first time, let in, or again after the place was lost. */
  | { readonly event: "entered"; readonly why: ResumeFailure | null; readonly order: number }
  /** The room has come to this number of its own, and not everything up to it was told one by one. */
  | { readonly event: "missed"; readonly order: number }
  /** One is at its door: for the first time, or again. */
  | { readonly event: "waiting" }
  /** Somebody knocks, or no longer; only those hear it who may let in. */
  | { readonly event: "knock" | "gone"; readonly member: Member; readonly ct: string | null }
  /** One is out of it, for this reason or because it could not be joined again. */
  | { readonly event: "removed"; readonly reason: RemovalReason | ClientError };

/** What a room tells. */
export interface RoomListeners {
  /** A message of a member; a message that is not canonical base64url never arrives. */
  readonly onMessage: (message: Bytes, from: string) => void;
  readonly onChange: (change: RoomChange) => void;
}

/** How a room is joined. */
export interface JoinOptions {
  /** Gets a room token, or null where none is wanted. @param isRefused whether the last one was */
  readonly token?: (isRefused: boolean) => Promise<string | null>;
  /** Gives up waiting. */
  readonly signal?: AbortSignal | undefined;
}

/** A room that this client is in, or at the door of. */
export class Room {
  /** The room's id. */
  readonly id: string;
  readonly #connection: Connection;
  readonly #listeners: RoomListeners;
  readonly #token: (isRefused: boolean) => Promise<string | null>;
  readonly #roster = new Roster((change) => this.#tell(change));
  #state: "entering" | "waiting" | "inside" | "over" = "entering";
  #isSyncing = false;
  #rejoining: ResumeFailure | null = null;

  private constructor(
    connection: Connection,
    id: string,
    listeners: RoomListeners,
    { token }: JoinOptions,
  ) {
    this.#connection = connection;
    this.id = id;
    this.#listeners = listeners;
    this.#token = token ?? (() => Promise.resolve(null));
  }

  /**
   * Joins a room, or comes to its door.
   *
   * @param id base64url of 16 random bytes @throws ClientError
   */
  static async join(
    connection: Connection,
    id: string,
    listeners: RoomListeners,
    options: JoinOptions = {},
  ): Promise<Room> {
    // The service has one place for this device, and a second listener would leave the first one deaf.
    if (connection.hears(id)) {
      throw new ClientError("refused", "This client is in this room already");
    }
    const room = new Room(connection, id, listeners, options);
    // Listening starts first: what happens after `joined` may arrive in the same moment.
    connection.listen(id, {
      take: (frame) => room.#take(frame),
      senderOf: (mid) => room.#nameOf(mid),
      ended: (error) => room.#over(error),
      rejoin: (why) => void room.#rejoin(why),
    });
    try {
      await room.#enter(options.signal);
      return room;
    } catch (error) {
      // What was given up may have been done all the same.
      if (options.signal?.aborted) await room.leave();
      room.#close();
      throw error;
    }
  }

  /** Oneself, or null at the door. */
  get self(): Self | null {
    return this.#roster.self;
  }

  /** Whether one is in it, and can speak. */
  get isInside(): boolean {
    return this.#state === "inside";
  }

  /** The others. */
  members(): readonly Member[] {
    return this.#roster.members();
  }

  /** A member, or null where nobody of that id is here. */
  member(mid: string): Member | null {
    return this.#roster.member(mid);
  }

  /** Sends a message to a member, or to all others. @throws ClientError */
  async send(message: Bytes, to: string = "*", signal?: AbortSignal): Promise<void> {
    await this.request({ t: "signal", room: this.id, to, ct: toBase64Url(message) }, signal);
  }

  /** Asks the service for something that concerns this room. @throws ClientError */
  async request(frame: Unsent, signal?: AbortSignal): Promise<Answer> {
    if (this.#state === "over") throw new ClientError("not_in_room", "This room was left");
    return await this.#connection.request(frame, { signal });
  }

  /** Leaves; nothing arrives afterwards. */
  async leave(): Promise<void> {
    if (this.#state === "over") return;
    this.#close();
    try {
      await this.#connection.request({ t: "leave", room: this.id });
    } catch {
      // Whoever lost the connection has left as well.
    }
  }

  #nameOf(mid: string): string {
    const member = this.member(mid);
    return member === null ? mid : nameOf(member);
  }

  async #enter(signal?: AbortSignal, isEntry = false): Promise<void> {
    for (let isRefused = false;; isRefused = true) {
      const token = await this.#token(isRefused);
      const frame = { t: "join", room: this.id, ...token === null ? {} : { token } } as const;
      try {
        const answer = await this.#connection.request(frame, { signal, isEntry });
        if (answer.t === "joined" || answer.t === "lobby") return;
        throw new ClientError("bad_answer", "The service did not join");
      } catch (error) {
        const isStale = error instanceof ClientError && error.problem === "invalid_room_token";
        if (!isStale || token === null || isRefused) throw error;
      }
    }
  }

  async #rejoin(why: ResumeFailure): Promise<void> {
    // A first join that is under way is said again like any other request.
    if (this.#state === "entering") return this.#connection.rejoined(this.id, null);
    const isUnderWay = this.#rejoining !== null;
    this.#rejoining = why;
    if (isUnderWay) return;
    try {
      await this.#enter(undefined, true);
      this.#connection.rejoined(this.id, null);
    } catch (error) {
      this.#over(toClientError(error, "network"));
    }
  }

  #take(frame: RoomFrame): void {
    if (this.#state === "over") return;
    switch (frame.t) {
      case "joined":
      case "snapshot":
        return this.#adopt(frame);
      case "presence":
        return this.#hear(frame);
      case "signal": {
        const message = fromBase64Url(frame.ct);
        if (message !== null) this.#listeners.onMessage(message, frame.from);
        return;
      }
      case "knocking":
        return this.#tell({ event: frame.event, member: frame.member, ct: frame.ct });
      case "removed":
        return this.#over(frame.reason);
      case "lobby":
        this.#state = "waiting";
        this.#rejoining = null;
        this.#roster.leaveSelf();
        return this.#tell({ event: "waiting" });
    }
  }

  /** Takes the room as it is now, and tells what is different. */
  #adopt(frame: RoomView & { readonly t: "joined" | "snapshot" }): void {
    const why = this.#rejoining;
    const isFirst = this.#state !== "inside";
    const isEntry = frame.t === "joined" && (why !== null || isFirst);
    const before = this.#roster.adopt(frame);
    this.#isSyncing = false;
    if (frame.t === "joined") this.#rejoining = null;
    this.#state = "inside";
    const order = frame.rseq;
    this.#tell(isEntry ? { event: "entered", why, order } : { event: "missed", order });
    // Who was there already did not come just now.
    if (!isFirst || why !== null) this.#roster.compare(before, why === "unknown");
  }

  #hear(frame: PresenceFrame): void {
    // The snapshot on its way says it all.
    if (!this.#isSyncing && !this.#roster.hear(frame)) void this.#sync();
  }

  async #sync(): Promise<void> {
    this.#isSyncing = true;
    try {
      await this.request({ t: "sync", room: this.id });
    } catch {
      // The next change shows the gap again.
      this.#isSyncing = false;
    }
  }

  #tell(change: RoomChange): void {
    if (this.#state !== "over") this.#listeners.onChange(change);
  }

  #over(reason: RemovalReason | ClientError): void {
    if (this.#state === "over") return;
    this.#tell({ event: "removed", reason });
    // What was said before the end is still answered.
    if (reason instanceof ClientError) this.#connection.rejoined(this.id, reason);
    this.#close();
  }

  #close(): void {
    this.#state = "over";
    this.#roster.end();
    this.#connection.listen(this.id, null);
  }
}
