/**
 * A managed room at work: what goes in is sealed and counted, what comes out was judged, one thing after
 * the other.
 *
 * @module
 */

import { fromBase64Url, toBase64Url } from "../crypto/base64.ts";
import { type Bytes } from "../crypto/bytes.ts";
import { type RoomKeys, roomKeys, sealMeta } from "../crypto/invite.ts";
import {
  type EnvelopeKind,
  EnvelopeStream,
  MAX_ENVELOPE_PAYLOAD_BYTES,
  type RoomMessageKeys,
  roomMessageKeys,
} from "../crypto/room_envelope.ts";
import { type Member, type RemovalReason, type ResumeFailure, type Role } from "../wire/frames.ts";
import { Channel } from "./channel.ts";
import { type Connection } from "./connection.ts";
import { type Contact } from "./contact.ts";
import { ClientError, toClientError } from "./error.ts";
import {
  type InviteInfo,
  type InviteOptions,
  type Meeting,
  type MessageReceipt,
  type RoomEvent,
  type RoomMember,
  type RoomMessage,
} from "./meeting.ts";
import { type Unsent } from "./outbox.ts";
import { type Peer } from "./peer.ts";
import { nameOf, Room, type RoomChange } from "./room.ts";
import { type Asker, Entry, type KnownRoom } from "./room_access.ts";
import { RoomMetas } from "./room_metas.ts";
import { Receipts } from "./room_receipts.ts";
import { listInvites, makeInvite, withdrawInvite } from "./room_invites.ts";
import { type FindContact, type Heard, Voices } from "./room_voices.ts";

/** Longest payload of a knock, in bytes. */
const MAX_KNOCK_BYTES = 256;
/** Longest of what members show, in bytes. */
const MAX_META_PAYLOAD_BYTES = 511;
/** Most addressees whose streams are remembered. */
const MAX_STREAMS = 1_024;
/** Most that waits to be judged. */
const MAX_PENDING = 1_024;

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
  readonly #voices: Voices;
  /** By addressee; empty for everybody. */
  readonly #streams = new Map<string, EnvelopeStream>();
  readonly #events = new Channel<RoomEvent>();
  readonly #messages = new Channel<RoomMessage>();
  readonly #metas: RoomMetas;
  readonly #receipts: Receipts;
  readonly #entering = Promise.withResolvers<void>();
  #room: Room | null = null;
  #isOver = false;
  #knocked: Bytes | null = null;
  #ownMeta: Bytes | null = null;
  #queue: Promise<void> = Promise.resolve();
  #pending = 0;

  private constructor(known: KnownRoom, who: Participant) {
    this.id = toBase64Url(known.room);
    this.#known = known;
    this.#who = who;
    this.#keys = roomKeys(known);
    this.#metas = new RoomMetas(this.#keys);
    this.#receipts = new Receipts(who.http);
    this.#messageKeys = roomMessageKeys(known.room, known.secret);
    this.#voices = new Voices(this.#messageKeys, who.find, who.now);
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
    meeting.#room = await Room.join(who.connection(), meeting.id, {
      onMessage: (message, from) => meeting.#receive(message, from),
      onChange: (change) => meeting.#changed(change),
    }, { token: (isRefused) => entry.forJoin(isRefused), signal });
    // What is shown is open before anybody looks.
    await meeting.#queue;
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
    return this.#room?.members().map((member) => this.#shown(member)) ?? [];
  }

  events(signal?: AbortSignal): AsyncIterable<RoomEvent> {
    return this.#events.read(signal);
  }

  messages(signal?: AbortSignal): AsyncIterable<RoomMessage> {
    return this.#messages.read(signal);
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
    const addressee = member === null ? "" : nameOf(member);
    const stream = this.#streams.get(addressee) ?? this.#newStream(addressee);
    this.#streams.set(addressee, stream);
    // Who has not been written to for longest gets a new one the next time.
    if (this.#streams.size > MAX_STREAMS) this.#streams.delete(this.#streams.keys().next().value!);
    return { room, ct: await stream.seal("message", payload, this.#who.now()) };
  }

  async knock(payload: Bytes, signal?: AbortSignal): Promise<void> {
    requireAtMost(payload, MAX_KNOCK_BYTES);
    this.#knocked = payload;
    const ct = await this.#newStream("").seal("knock", payload, this.#who.now());
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

  #newStream(to: string): EnvelopeStream {
    return new EnvelopeStream(this.#messageKeys, this.#who.signing, to);
  }

  /** One thing after the other: a message is judged after what came before it. */
  #later(work: () => Promise<void> | void): void {
    this.#queue = this.#queue.then(work).catch((error) => {
      this.#who.refused(toClientError(error, "room_message_refused"));
    });
  }

  #receive(message: Bytes, from: string): void {
    // What is dropped here is missed by the next one of its sender.
    if (this.#pending >= MAX_PENDING) return;
    this.#pending++;
    // Who it is from has to be looked up now: the sender may leave before it is their turn.
    const member = this.#room?.member(from) ?? null;
    this.#later(async () => {
      this.#pending--;
      const heard = await this.#judged(member, message, "message");
      if (heard === null) return;
      const { envelope: { payload, sentMs, to }, contact } = heard;
      const said: RoomMessage = {
        from: this.#shown(member!),
        peer: contact === null ? null : this.#who.peerOf(contact),
        isForMe: to !== "",
        payload,
        sentMs,
      };
      if (this.#messages.push(said) || this.#isOver) return;
      this.#missed(member!, 1);
    });
  }

  /** What a member says, or null where that was refused. */
  async #judged(
    member: Member | null,
    sealed: Bytes,
    kind: EnvelopeKind,
  ): Promise<Heard | null> {
    if (this.#isOver) return null;
    try {
      if (member === null) {
        throw new ClientError("room_message_refused", "A message is by nobody who is here");
      }
      const heard = await this.#voices.hear(member, sealed, kind, nameOf(this.#who.self));
      if (heard.missing > 0 && kind === "message") this.#missed(member, heard.missing);
      return heard;
    } catch (thrown) {
      const error = toClientError(thrown, "room_message_refused");
      const shown = member === null ? null : this.#shown(member);
      this.#tell({ kind: "refused", member: shown, error });
      this.#who.refused(error);
      return null;
    }
  }

  #missed(member: Member, count: number): void {
    this.#tell({ kind: "missing", member: this.#shown(member), count });
    this.#who.refused(new ClientError("room_message_missing", "Messages of a member are missing"));
  }

  #changed(change: RoomChange): void {
    if (change.event === "removed") {
      // Behind what came before it.
      return this.#later(() => this.#removed(change.reason));
    }
    this.#later(async () => {
      if (this.#isOver) return;
      if (change.event === "entered") return await this.#entered(change.why);
      if (change.event === "waiting") return await this.#knockAgain();
      if (change.event === "knock") return await this.#heardKnock(change.member, change.ct);
      const { event, member } = change;
      if (member !== null) await this.#metas.open(member.meta, "member");
      const shown = member === null ? null : this.#shown(member);
      if (event === "lock" || event === "unlock") return this.#tell({ kind: event, member: shown });
      if (shown === null) return;
      if (event === "join") this.#voices.came(member!);
      this.#tell({ kind: event, member: shown });
    });
  }

  async #entered(why: ResumeFailure | null): Promise<void> {
    if (this.#room !== null) await this.#metas.openAll(this.#room);
    this.#entering.resolve();
    this.#voices.entered();
    this.#tell({ kind: "entered" });
    if (why === null) return;
    // A place that was kept has all of its messages.
    if (why !== "instance_lost") this.#tell({ kind: "missing", member: null, count: null });
    if (this.#ownMeta !== null) await this.setMeta(this.#ownMeta);
  }

  async #knockAgain(): Promise<void> {
    if (this.#knocked !== null && this.#room !== null) await this.knock(this.#knocked);
  }

  async #heardKnock(member: Member, ct: string | null): Promise<void> {
    const sealed = ct === null ? null : fromBase64Url(ct);
    const heard = await this.#judged(member, sealed ?? new Uint8Array(0), "knock");
    if (heard === null) return;
    const { envelope: { payload }, contact } = heard;
    const peer = contact === null ? null : this.#who.peerOf(contact);
    this.#tell({ kind: "knock", member: this.#shown(member), peer, payload });
  }

  #removed(reason: RemovalReason | ClientError): void {
    const [why, error] = reason instanceof ClientError
      ? [null, reason]
      : [reason, reasonOf(reason)];
    this.#tell({ kind: "removed", reason: why, error });
    this.#end(why, error);
  }

  #end(reason: RemovalReason | null, error: ClientError): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#entering.reject(error);
    this.#events.end();
    this.#messages.end();
    this.#messageKeys.prk.wipe();
    this.#keys.meta.wipe();
    this.#keys.psk.wipe();
    this.#who.onOver(reason);
  }

  #tell(event: RoomEvent): void {
    if (!this.#isOver) this.#events.push(event);
  }

  #shown({ mid, meta, ...member }: Member): RoomMember {
    return { ...member, id: mid, meta: this.#metas.of(meta) };
  }
}

function requireAtMost(payload: Bytes, most: number): void {
  if (payload.length <= most) return;
  throw new ClientError("bad_option", `A payload has at most ${most} bytes`);
}

function reasonOf(reason: RemovalReason): ClientError {
  return reason === "ended"
    ? new ClientError("room_ended", "The room was ended")
    : new ClientError("entry_denied", "This client was turned away, or put out of the room");
}
