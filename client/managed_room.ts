/**
 * A managed room at work: what goes in is sealed and counted (`own_voice.ts`), what comes out was judged
 * (`room_feed.ts`), and what is asked of the service waits for its answer.
 *
 * @module
 */

import { toBase64Url } from "../crypto/base64.ts";
import { type Bytes } from "../crypto/bytes.ts";
import { type RoomKeys, roomKeys, sealMeta } from "../crypto/invite.ts";
import {
  MAX_ENVELOPE_PAYLOAD_BYTES,
  type RoomMessageKeys,
  roomMessageKeys,
} from "../crypto/room_envelope.ts";
import { type Member, type RemovalReason, type Role } from "../wire/frames.ts";
import { type Connection } from "./connection.ts";
import { type Contact } from "./contact.ts";
import { ClientError } from "./error.ts";
import {
  type Happening,
  type InviteInfo,
  type InviteOptions,
  type Meeting,
  type MessageReceipt,
  type RoomEvent,
  type RoomMember,
  type RoomMessage,
} from "./meeting.ts";
import { type Unsent } from "./outbox.ts";
import { OwnVoice } from "./own_voice.ts";
import { type Peer } from "./peer.ts";
import { Room } from "./room.ts";
import { type Asker, Entry, type KnownRoom } from "./room_access.ts";
import { RoomFeed } from "./room_feed.ts";
import { RoomMetas } from "./room_metas.ts";
import { Receipts } from "./room_receipts.ts";
import { listInvites, makeInvite, withdrawInvite } from "./room_invites.ts";
import { type FindContact, Voices } from "./room_voices.ts";
import { nameOf } from "./roster.ts";

/** Longest payload of a knock, in bytes. */
const MAX_KNOCK_BYTES = 256;
/** Longest of what members show, in bytes. */
const MAX_META_PAYLOAD_BYTES = 511;

/** Who is in a room: an account's device, or a guest. */
export interface Participant extends Asker {
  /** Oneself, as the others are told. */
  readonly self: Pick<Member, "account" | "device" | "guest">;
  /** The connection to the service. @throws ClientError `not_online` */
  readonly connection: () => Connection;
  /** Looks an account up, or null where this client can't. */
  readonly find: FindContact | null;
  /** An account as applications see it. */
  readonly peerOf: (contact: Contact) => Peer;
  /** Told of what was refused. */
  readonly refused: (error: ClientError) => void;
  /** Told that the room was left, or has ended. */
  readonly onOver: (reason: RemovalReason | null) => void;
}

/** A managed room; applications see `Meeting`. */
export class ManagedRoom implements Meeting {
  readonly id: string;
  readonly entered: Promise<void>;
  readonly #known: KnownRoom;
  readonly #who: Participant;
  readonly #keys: RoomKeys;
  readonly #messageKeys: RoomMessageKeys;
  readonly #voice: OwnVoice;
  readonly #feed: RoomFeed;
  readonly #metas: RoomMetas;
  readonly #receipts: Receipts;
  readonly #entering = Promise.withResolvers<void>();
  #room: Room | null = null;
  #isOver = false;
  #knocked: Bytes | null = null;
  #ownMeta: Bytes | null = null;

  private constructor(known: KnownRoom, who: Participant) {
    this.id = toBase64Url(known.room);
    this.#known = known;
    this.#who = who;
    this.#keys = roomKeys(known);
    this.#metas = new RoomMetas(this.#keys);
    this.#receipts = new Receipts(who.http);
    this.#messageKeys = roomMessageKeys(known.room, known.secret);
    this.#voice = new OwnVoice(this.#messageKeys, who.signing, who.now);
    this.#feed = new RoomFeed({
      room: () => this.#room,
      self: who.self,
      voices: new Voices(this.#messageKeys, who.find, who.now),
      metas: this.#metas,
      peerOf: who.peerOf,
      refused: who.refused,
      entered: (isAgain) => this.#entered(isAgain),
      waiting: () => this.#knockAgain(),
      removed: (reason, error) => this.#end(reason, error),
    });
    this.entered = this.#entering.promise;
    this.entered.catch(() => {});
  }

  /** Joins, or comes to the door. @throws ClientError */
  static async join(
    known: KnownRoom,
    who: Participant,
    entry: Entry,
    signal?: AbortSignal,
  ): Promise<ManagedRoom> {
    const meeting = new ManagedRoom(known, who);
    meeting.#room = await Room.join(who.connection(), meeting.id, meeting.#feed, {
      token: (isRefused) => entry.forJoin(isRefused),
      signal,
    });
    // What is shown is open before anybody looks.
    await meeting.#feed.settled;
    await meeting.#metas.openAll(meeting.#room);
    return meeting;
  }

  get state(): Meeting["state"] {
    if (this.#isOver) return "over";
    return this.#room?.isInside === true ? "inside" : "waiting";
  }

  get self(): RoomMember | null {
    const self = this.#room?.self ?? null;
    if (self === null || this.#isOver) return null;
    return { id: self.mid, ...this.#who.self, role: self.role, away: false, meta: this.#ownMeta };
  }

  get locked(): boolean {
    return this.#room?.self?.locked ?? false;
  }

  get meta(): Bytes | null {
    return this.#metas.of(this.#room?.self?.meta ?? null);
  }

  members(): readonly RoomMember[] {
    return this.#room?.members().map((member) => this.#feed.shown(member)) ?? [];
  }

  events(signal?: AbortSignal): AsyncIterable<RoomEvent> {
    return this.#feed.events(signal);
  }

  messages(signal?: AbortSignal): AsyncIterable<RoomMessage> {
    return this.#feed.messages(signal);
  }

  happenings(signal?: AbortSignal): AsyncIterable<Happening> {
    return this.#feed.happenings(signal);
  }

  async send(payload: Bytes, to?: string, signal?: AbortSignal): Promise<void> {
    const { room, ct } = await this.#sealed(payload, to);
    await room.send(ct, to, signal);
  }

  async sendForReceipt(
    payload: Bytes,
    to?: string,
    signal?: AbortSignal,
  ): Promise<MessageReceipt> {
    const { room, ct } = await this.#sealed(payload, to);
    return await this.#receipts.send(room, ct, to ?? "*", signal);
  }

  async #sealed(payload: Bytes, to?: string): Promise<{ room: Room; ct: Bytes }> {
    requireAtMost(payload, MAX_ENVELOPE_PAYLOAD_BYTES);
    const room = this.#inside();
    const member = to === undefined ? null : room.member(to);
    if (to !== undefined && member === null) {
      throw new ClientError("no_such_member", "Nobody of that id is here");
    }
    return { room, ct: await this.#voice.message(payload, member === null ? "" : nameOf(member)) };
  }

  async knock(payload: Bytes, signal?: AbortSignal): Promise<void> {
    requireAtMost(payload, MAX_KNOCK_BYTES);
    this.#knocked = payload;
    const ct = await this.#voice.knock(payload);
    await this.#ask({ t: "knock", room: this.id, ct: toBase64Url(ct) }, signal);
  }

  invite(options: InviteOptions = {}): Promise<string> {
    return makeInvite(this.#who, this.#known, options);
  }

  invites(): Promise<readonly InviteInfo[]> {
    return listInvites(this.#who, this.id);
  }

  withdraw(invite: string): Promise<void> {
    return withdrawInvite(this.#who, this.id, invite);
  }

  admit(mid: string, role: Exclude<Role, "knocker"> = "member"): Promise<void> {
    return this.#ask({ t: "admit", room: this.id, mid, role });
  }

  deny(mid: string): Promise<void> {
    return this.#ask({ t: "deny", room: this.id, mid });
  }

  kick(mid: string): Promise<void> {
    return this.#ask({ t: "mod", room: this.id, act: "kick", mid });
  }

  ban(mid: string): Promise<void> {
    return this.#ask({ t: "mod", room: this.id, act: "ban", mid });
  }

  setRole(mid: string, role: Exclude<Role, "knocker">): Promise<void> {
    return this.#ask({ t: "mod", room: this.id, act: "role", mid, role });
  }

  lock(): Promise<void> {
    return this.#ask({ t: "mod", room: this.id, act: "lock" });
  }

  unlock(): Promise<void> {
    return this.#ask({ t: "mod", room: this.id, act: "unlock" });
  }

  end(): Promise<void> {
    return this.#ask({ t: "mod", room: this.id, act: "end" });
  }

  async setMeta(payload: Bytes | null): Promise<void> {
    if (payload !== null) requireAtMost(payload, MAX_META_PAYLOAD_BYTES);
    const sealed = payload === null ? null : await sealMeta(this.#keys, "member", payload);
    await this.#ask({
      t: "meta",
      room: this.id,
      ct: sealed === null ? null : toBase64Url(sealed),
    });
    this.#ownMeta = payload;
  }

  async leave(): Promise<void> {
    if (this.#isOver) return;
    const left = this.#room?.leave();
    this.#end(null, new ClientError("cancelled", "The room was left"));
    await left;
  }

  #inside(): Room {
    if (this.#room !== null && !this.#isOver && this.#room.isInside) return this.#room;
    throw new ClientError("not_in_room", "This client is not in the room");
  }

  async #ask(frame: Unsent, signal?: AbortSignal): Promise<void> {
    if (this.#room === null || this.#isOver) {
      throw new ClientError("not_in_room", "This client is not in the room");
    }
    await this.#room.request(frame, signal);
  }

  async #entered(isAgain: boolean): Promise<void> {
    this.#entering.resolve();
    if (isAgain && this.#ownMeta !== null) await this.setMeta(this.#ownMeta);
  }

  async #knockAgain(): Promise<void> {
    if (this.#knocked !== null && this.#room !== null) await this.knock(this.#knocked);
  }

  #end(reason: RemovalReason | null, error: ClientError): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#entering.reject(error);
    this.#feed.end();
    this.#messageKeys.prk.wipe();
    this.#keys.meta.wipe();
    this.#keys.psk.wipe();
    this.#who.onOver(reason);
  }
}

function requireAtMost(payload: Bytes, most: number): void {
  if (payload.length <= most) return;
  throw new ClientError("bad_option", `A payload has at most ${most} bytes`);
}
