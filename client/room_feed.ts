/**
 * What an application is told of a managed room: each message judged, each change shown opened, one thing
 * after the other.
 *
 * @module
 */

import { fromBase64Url } from "../crypto/base64.ts";
import { type Bytes } from "../crypto/bytes.ts";
import { type EnvelopeKind } from "../crypto/room_envelope.ts";
import { type Member, type RemovalReason, type ResumeFailure } from "../wire/frames.ts";
import { Channel } from "./channel.ts";
import { type Contact } from "./contact.ts";
import { ClientError, toClientError } from "./error.ts";
import { type Happening, type RoomEvent, type RoomMember, type RoomMessage } from "./meeting.ts";
import { type Peer } from "./peer.ts";
import { type Room, type RoomChange, type RoomListeners } from "./room.ts";
import { type RoomMetas } from "./room_metas.ts";
import { type Heard, type Voices } from "./room_voices.ts";
import { nameOf } from "./roster.ts";

/** Most that waits to be judged. */
const MAX_PENDING = 1_024;

/** What a feed works with. */
export interface FeedParts {
  /** The room, or null while it is being joined. */
  readonly room: () => Room | null;
  /** Oneself, as the others are told. */
  readonly self: Pick<Member, "account" | "device" | "guest">;
  readonly voices: Voices;
  readonly metas: RoomMetas;
  /** An account as applications see it. */
  readonly peerOf: (contact: Contact) => Peer;
  /** Told of what was refused. */
  readonly refused: (error: ClientError) => void;
  /** This client is in the room. @param isAgain whether the service had lost its place */
  readonly entered: (isAgain: boolean) => Promise<void>;
  /** This client is at the door. */
  readonly waiting: () => Promise<void>;
  /** This client is out of it. */
  readonly removed: (reason: RemovalReason | null, error: ClientError) => void;
}

/** The events and messages of one room. */
export class RoomFeed implements RoomListeners {
  readonly #parts: FeedParts;
  readonly #events = new Channel<RoomEvent>();
  readonly #messages = new Channel<RoomMessage>();
  /** Both in one, once somebody asked for that. */
  #happenings: Channel<Happening> | null = null;
  #queue: Promise<void> = Promise.resolve();
  #pending = 0;
  #isOver = false;

  /** Nothing has happened yet. */
  constructor(parts: FeedParts) {
    this.#parts = parts;
  }

  /** When all that has come so far was told. */
  get settled(): Promise<void> {
    return this.#queue;
  }

  /** What happens. One reader. */
  events(signal?: AbortSignal): AsyncIterable<RoomEvent> {
    return this.#events.read(signal);
  }

  /** What members say. One reader. */
  messages(signal?: AbortSignal): AsyncIterable<RoomMessage> {
    return this.#messages.read(signal);
  }

  /** Both in one, from now on. One reader. */
  happenings(signal?: AbortSignal): AsyncIterable<Happening> {
    this.#happenings ??= new Channel();
    if (this.#isOver) this.#happenings.end();
    return this.#happenings.read(signal);
  }

  /** A member as applications see them. */
  shown({ mid, meta, ...member }: Member): RoomMember {
    return { ...member, id: mid, meta: this.#parts.metas.of(meta) };
  }

  /** Nothing is told any more. */
  end(): void {
    this.#isOver = true;
    this.#events.end();
    this.#messages.end();
    this.#happenings?.end();
  }

  /** Takes a message in. */
  onMessage(message: Bytes, from: string): void {
    // What is dropped here is missed by the next one of its sender.
    if (this.#pending >= MAX_PENDING) return;
    this.#pending++;
    // Who it is from has to be looked up now: the sender may leave before it is their turn.
    const member = this.#parts.room()?.member(from) ?? null;
    this.#later(async () => {
      this.#pending--;
      const heard = await this.#judged(member, message, "message");
      if (heard === null) return;
      const { envelope: { payload, sentMs, to }, contact } = heard;
      const said: RoomMessage = {
        from: this.shown(member!),
        peer: this.#peerOf(contact),
        isForMe: to !== "",
        payload,
        sentMs,
      };
      if (this.#say(said) || this.#isOver) return;
      this.#missed(member!, 1);
    });
  }

  /** Takes a change in. */
  onChange(change: RoomChange): void {
    this.#later(async () => {
      if (change.event === "removed") return this.#removed(change.reason);
      if (this.#isOver) return;
      if (change.event === "entered") return await this.#entered(change.why, change.order);
      if (change.event === "missed") {
        this.#happenings?.push({ kind: "missed", order: change.order }, true);
        return;
      }
      if (change.event === "waiting") return await this.#parts.waiting();
      if (change.event === "knock") return await this.#heardKnock(change.member, change.ct);
      const { event, member } = change;
      const order = "order" in change ? change.order : null;
      if (member !== null) await this.#parts.metas.open(member.meta, "member");
      const shown = member === null ? null : this.shown(member);
      if (event === "lock" || event === "unlock") {
        return this.#tell({ kind: event, member: shown }, order);
      }
      if (shown === null) return;
      if (event === "join") this.#parts.voices.came(member!);
      this.#tell({ kind: event, member: shown }, order);
    });
  }

  /** One thing after the other: a message is judged after what came before it. */
  #later(work: () => Promise<void> | void): void {
    this.#queue = this.#queue.then(work).catch((error) => {
      this.#parts.refused(toClientError(error, "room_message_refused"));
    });
  }

  /** What a member says, or null where that was refused. */
  async #judged(
    member: Member | null,
    sealed: Bytes,
    kind: EnvelopeKind,
  ): Promise<Heard | null> {
    if (this.#isOver) return null;
    const { voices, self } = this.#parts;
    try {
      if (member === null) {
        throw new ClientError("room_message_refused", "A message is by nobody who is here");
      }
      const heard = await voices.hear(member, sealed, kind, nameOf(self));
      if (heard.missing > 0 && kind === "message") this.#missed(member, heard.missing);
      return heard;
    } catch (thrown) {
      const error = toClientError(thrown, "room_message_refused");
      const shown = member === null ? null : this.shown(member);
      this.#tell({ kind: "refused", member: shown, error });
      this.#parts.refused(error);
      return null;
    }
  }

  #missed(member: Member, count: number): void {
    this.#tell({ kind: "missing", member: this.shown(member), count });
    this.#parts.refused(
      new ClientError("room_message_missing", "Messages of a member are missing"),
    );
  }

  async #entered(why: ResumeFailure | null, order: number): Promise<void> {
    const room = this.#parts.room();
    if (room !== null) await this.#parts.metas.openAll(room);
    this.#parts.voices.entered();
    this.#tell({ kind: "entered" }, order);
    // A place that was kept has all of its messages.
    const isMissing = why !== null && why !== "instance_lost";
    if (isMissing) this.#tell({ kind: "missing", member: null, count: null });
    await this.#parts.entered(why !== null);
  }

  async #heardKnock(member: Member, ct: string | null): Promise<void> {
    const sealed = ct === null ? null : fromBase64Url(ct);
    const heard = await this.#judged(member, sealed ?? new Uint8Array(0), "knock");
    if (heard === null) return;
    const { envelope: { payload }, contact } = heard;
    const peer = this.#peerOf(contact);
    this.#tell({ kind: "knock", member: this.shown(member), peer, payload });
  }

  #removed(reason: RemovalReason | ClientError): void {
    const [why, error] = reason instanceof ClientError
      ? [null, reason]
      : [reason, reasonOf(reason)];
    this.#tell({ kind: "removed", reason: why, error });
    this.#parts.removed(why, error);
  }

  #peerOf(contact: Contact | null): Peer | null {
    return contact === null ? null : this.#parts.peerOf(contact);
  }

  #tell(event: RoomEvent, order: number | null = null): void {
    if (this.#isOver) return;
    // However much is said: keys follow on who came and left, and nobody tells of that again.
    if (this.#happenings !== null) this.#happenings.push({ kind: "event", event, order }, true);
    else this.#events.push(event);
  }

  /** False where too much waits unread. */
  #say(message: RoomMessage): boolean {
    return this.#happenings?.push({ kind: "message", message }) ?? this.#messages.push(message);
  }
}

function reasonOf(reason: RemovalReason): ClientError {
  return reason === "ended"
    ? new ClientError("room_ended", "The room was ended")
    : new ClientError("entry_denied", "This client was turned away, or put out of the room");
}
