/**
 * A group call at work: what happens in the room goes into one member's state (`crypto/group_member.ts`),
 * and what comes out of it is signed, sealed, sent, and handed to the media.
 *
 *     room -> devices looked up -> member -> effects -> room, links, keys
 *
 * Everything that happens is taken one thing after the other, in the order in which the room shows it.
 *
 * @module
 */

import { fromBase64Url } from "../crypto/base64.ts";
import { type Bytes, equal } from "../crypto/bytes.ts";
import { type SignedCommit } from "../crypto/commit.ts";
import { type GroupEffect } from "../crypto/group_effect.ts";
import { GroupMember } from "../crypto/group_member.ts";
import { type GenerationName } from "../crypto/schedule.ts";
import { type Roster, seatOf } from "../crypto/roster.ts";
import { type MediaStats } from "./adapter.ts";
import { expect } from "./argument.ts";
import { Channel } from "./channel.ts";
import { ClientError, toClientError } from "./error.ts";
import {
  type GroupCall,
  type GroupCallOptions,
  type GroupEnd,
  type GroupEvent,
  type GroupParticipant,
} from "./group_call.ts";
import { GroupDevices } from "./group_devices.ts";
import { type Act, GroupEffects } from "./group_effects.ts";
import { GroupHearing } from "./group_hearing.ts";
import { GroupKeys } from "./group_keys.ts";
import { type GroupPeer, GroupPeers } from "./group_peers.ts";
import { GroupSpeech } from "./group_speech.ts";
import { placeOf } from "./group_wire.ts";
import { type Happening, type Meeting, type RoomMember } from "./meeting.ts";
import { peerOf } from "./peer.ts";
import { type World } from "./world.ts";

/** How long somebody may be away before the others go on without them, in milliseconds. */
const AWAY_MS = 10_000;
/** The rooms whose call this program is in: a second one would count the frames of the same keys apart. */
const JOINED = new WeakSet<Meeting>();

/** Joins the call of a room. @throws ClientError */
export async function joinGroupCall(
  world: World,
  meeting: Meeting,
  options: GroupCallOptions,
): Promise<GroupCall> {
  expect(
    typeof meeting?.send === "function",
    "A group call needs a room, awaited where it is joined",
  );
  expect(
    typeof options?.adapter === "function",
    "A group call needs a function that makes adapters",
  );
  await meeting.entered;
  if (JOINED.has(meeting)) {
    throw new ClientError("refused", "This client is in the call of this room already");
  }
  JOINED.add(meeting);
  const conductor = new Conductor(world, meeting, options);
  try {
    await conductor.begin();
  } catch (error) {
    // Its room has been read from: it can only be joined anew.
    await conductor.leave().catch(() => {});
    throw error;
  }
  return conductor;
}

class Conductor implements GroupCall {
  readonly ended: Promise<GroupEnd>;
  readonly #world: World;
  readonly #meeting: Meeting;
  readonly #events = new Channel<GroupEvent>();
  readonly #devices: GroupDevices;
  readonly #speech: GroupSpeech;
  readonly #keys = new GroupKeys();
  readonly #peers: GroupPeers;
  readonly #hearing: GroupHearing;
  readonly #effects: GroupEffects;
  readonly #ending = Promise.withResolvers<GroupEnd>();
  #member: GroupMember;
  /** The room's number of what happened last. */
  #order = 0;
  /** Of the last commit of one's own that the room has shown. */
  #own: Bytes | null = null;
  /** The seats after the last commit that was taken. */
  #seats: Roster = [];
  /** Whether the room has shown that this client is in the call. */
  #isIn = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isOver = false;
  /** Resolves once the service was told that the room was left. */
  #left: Promise<void> = Promise.resolve();

  constructor(world: World, meeting: Meeting, options: GroupCallOptions) {
    this.#world = world;
    this.#meeting = meeting;
    this.#devices = new GroupDevices(world);
    this.#speech = new GroupSpeech(world, meeting, this.#devices);
    this.ended = this.#ending.promise;
    this.#member = this.#newMember();
    this.#peers = new GroupPeers({
      world,
      room: meeting.id,
      keys: this.#keys,
      makeAdapter: (peer) => options.adapter(this.#participant(peer)),
      send: (to, message) => this.#meeting.send(message, to),
      onSecret: (peer, secret) => this.#act((now) => this.#member.secret(peer.entry, secret, now)),
      onLost: (peer, error) =>
        this.#events.push({ kind: "lost", participant: this.#participant(peer), error }),
      onChange: () => this.#events.push({ kind: "participants" }),
    });
    const shared = {
      world,
      speech: this.#speech,
      peers: this.#peers,
      member: () => this.#member,
      act: (work: Parameters<Act>[0]) => this.#act(work),
    };
    this.#hearing = new GroupHearing({
      ...shared,
      devices: this.#devices,
      onMessage: (message) => this.#events.push({ kind: "message", message }),
    });
    this.#effects = new GroupEffects({
      ...shared,
      keys: this.#keys,
      tell: (event) => this.#events.push(event),
      suspect: (peer) => {
        const participant = peer === null ? null : this.#participant(peer);
        this.#events.push({ kind: "suspect", participant });
      },
      usable: () => this.#connect(),
      stop: (why) => this.#end({ why, error: why === "forked" ? forked() : null }),
    });
  }

  get state(): GroupCall["state"] {
    if (this.#isOver) return "ended";
    return this.#keys.used === null ? "joining" : "joined";
  }

  get generation(): GenerationName | null {
    return this.#keys.used;
  }

  participants(): readonly GroupParticipant[] {
    return this.#peers.all().map((peer) => this.#participant(peer));
  }

  events(signal?: AbortSignal): AsyncIterable<GroupEvent> {
    return this.#events.read(signal);
  }

  async stats(id: string): Promise<MediaStats | null> {
    return await this.#peers.of(id)?.link?.stats() ?? null;
  }

  async say(payload: Bytes): Promise<void> {
    await this.#speech.say(payload);
  }

  async show(payload: Bytes): Promise<void> {
    await this.#speech.show(payload);
  }

  async leave(): Promise<void> {
    this.#end({ why: "left", error: null });
    await this.#left;
  }

  /** Shows the room that this client is in the call; what follows on that in the room is taken up. */
  async begin(): Promise<void> {
    const happenings = this.#meeting.happenings();
    // Whoever is in the call by now; who comes before this client does is heard of.
    for (const member of this.#meeting.members()) await this.#meet(member);
    this.#follow(happenings).catch((thrown) => {
      // Somebody else reads them.
      this.#end({ why: "room", error: toClientError(thrown, "bad_option") });
    });
    await this.#speech.show();
  }

  #newMember(): GroupMember {
    const { self } = this.#world.account;
    return new GroupMember({
      callId: fromBase64Url(this.#meeting.id)!,
      self: self.entryHash,
      isVerified: (entry) => this.#devices.keyOf(entry) !== null,
    });
  }

  async #follow(happenings: AsyncIterable<Happening>): Promise<void> {
    for await (const happening of happenings) {
      if (this.#isOver) return;
      try {
        if (happening.kind === "message") await this.#hearing.hear(happening.message);
        else if (happening.kind === "missed") this.#missed(happening.order);
        else await this.#happen(happening.event, happening.order);
      } catch (error) {
        this.#world.refused(toClientError(error, "room_message_refused"));
      }
    }
    this.#end({ why: "room", error: null });
  }

  async #happen(
    event: Extract<Happening, { readonly kind: "event" }>["event"],
    order: number | null,
  ): Promise<void> {
    let commit: SignedCommit | "unknown" | null = null;
    switch (event.kind) {
      case "join":
      case "meta":
      case "back":
        commit = await this.#meet(event.member);
        break;
      case "away":
        this.#peers.awaits(event.member.id, AWAY_MS, (peer) => this.#present(peer, false));
        break;
      case "leave":
        this.#leave(event.member.id);
        break;
      case "entered":
        if (order !== null) this.#entered(order);
        break;
      case "removed":
        return this.#end({ why: "room", error: event.error });
    }
    if (event.kind !== "entered") this.#count(order, commit);
    if (!this.#isIn && event.kind === "meta" && event.member.id === this.#meeting.self?.id) {
      this.#enter();
    }
    if (event.kind !== "meta") this.#events.push({ kind: "room", event });
    this.#connect();
  }

  /** The room has forgotten everybody, or this client its place there. */
  #entered(order: number): void {
    const isAnew = order < this.#order;
    this.#order = order;
    if (!this.#isIn) return;
    this.#act((now) => isAnew ? this.#member.restart(order, now) : this.#member.missed(order, now));
  }

  #missed(order: number): void {
    this.#order = Math.max(this.#order, order);
    if (this.#isIn) this.#act((now) => this.#member.missed(order, now));
  }

  #count(order: number | null, commit: SignedCommit | "unknown" | null): void {
    if (order === null) return;
    this.#order = Math.max(this.#order, order);
    if (!this.#isIn) return;
    this.#act((now) => {
      if (commit === "unknown") return this.#member.missed(order, now);
      return commit === null
        ? this.#member.pass(order, now)
        : this.#member.commit(order, commit, now);
    });
  }

  /**
   * Takes note of a member, and of what it shows. Gives the commit whose place that is, `unknown` where
   * there is one that did not come, or null.
   */
  async #meet(member: RoomMember): Promise<SignedCommit | "unknown" | null> {
    const place = placeOf(member.meta);
    if (member.id === this.#meeting.self?.id) return this.#ownPlace(place?.hash ?? null);
    if (place === null) {
      this.#leave(member.id);
      return null;
    }
    const known = this.#peers.of(member.id);
    const found = known?.device ?? await this.#devices.find(member);
    // A guest has no seat, and no commit of its own.
    if (found === null) return place.hash === null || member.account === null ? null : "unknown";
    const before = this.#peers.placeOf(found.device.entryHash);
    const peer = this.#peers.note(member, found, place);
    this.#present(peer, !member.away);
    this.#events.push({ kind: "participants" });
    if (place.hash === null || (before !== null && equal(before, place.hash))) return null;
    const commit = this.#speech.commitOf(place.hash);
    if (commit !== null) return commit;
    // Nobody without a seat makes a commit that counts, but for the first.
    const { head } = this.#member;
    return head !== null && seatOf(head.roster, peer.entry) === null ? null : "unknown";
  }

  /** This client's own words have come back with their place. */
  #ownPlace(hash: Bytes | null): SignedCommit | null {
    if (hash === null || this.#own !== null && equal(this.#own, hash)) return null;
    this.#own = hash;
    return this.#speech.commitOf(hash);
  }

  /** The room says that this client is in the call: from here on it counts along. */
  #enter(): void {
    this.#isIn = true;
    const order = this.#order;
    if (this.#peers.all().length === 0) {
      return this.#act((now) => this.#member.create(now, order));
    }
    this.#act((now) => this.#member.join(now));
    this.#act((now) => this.#member.missed(order, now));
  }

  #present(peer: GroupPeer, isHere: boolean): void {
    if (isHere === peer.isHere) return;
    peer.isHere = isHere;
    // A device that came back is here, whatever becomes of the place that it had before.
    const { entry } = peer;
    const isAnywhere = this.#peers.all().some((one) => one.isHere && equal(one.entry, entry));
    this.#act((now) => this.#member.presence(entry, isAnywhere, now));
  }

  #leave(id: string): void {
    const peer = this.#peers.of(id);
    if (peer === null) return;
    this.#present(peer, false);
    this.#peers.drop(id);
    this.#events.push({ kind: "participants" });
    const { head } = this.#member;
    if (head !== null || !this.#isIn || this.#peers.all().length > 0) return;
    // Nobody is left who could let this client in.
    this.#member.close();
    this.#member = this.#newMember();
    const order = this.#order;
    this.#act((now) => this.#member.create(now, order));
  }

  /** Something happened to the member: what comes of it is done, and the clock set. */
  #act(work: (nowMs: number) => readonly GroupEffect[]): void {
    if (this.#isOver) return;
    for (const effect of work(this.#world.now())) this.#effects.do(effect);
    this.#vacate();
    this.#connect();
    clearTimeout(this.#timer);
    const nextMs = this.#member.nextMs();
    if (this.#isOver || nextMs === Infinity) return;
    const waitMs = Math.min(Math.max(0, nextMs - this.#world.now()), 2 ** 31 - 1);
    this.#timer = setTimeout(() => this.#act((now) => this.#member.tick(now)), waitMs);
  }

  /** Whoever is out of the roster will never be heard under newer keys: its old ones go at once. */
  #vacate(): void {
    const { head } = this.#member;
    if (head === null || head.roster === this.#seats) return;
    for (const { index, entry } of this.#seats) {
      if (seatOf(head.roster, entry)?.index !== index) this.#keys.vacate(index, head.commit);
    }
    this.#seats = head.roster;
  }

  /** Links for those who have none yet, and keys for those that have met. */
  #connect(): void {
    if (!this.#isIn || this.#isOver) return;
    this.#peers.connect(this.#member.head?.roster ?? []);
  }

  #hasSeat({ entry }: GroupPeer): boolean {
    return seatOf(this.#member.head?.roster ?? [], entry) !== null;
  }

  #participant(peer: GroupPeer): GroupParticipant {
    const isSeated = this.#hasSeat(peer);
    return {
      id: peer.id,
      peer: peerOf(peer.device.contact, this.#world.account.record),
      device: peer.device.device.entry.deviceId,
      state: !isSeated ? "joining" : peer.link?.state === "connected" ? "connected" : "connecting",
      shown: peer.shown,
    };
  }

  #end(end: GroupEnd): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearTimeout(this.#timer);
    this.#effects.end();
    this.#member.close();
    this.#speech.end();
    this.#peers.close();
    this.#keys.wipe();
    this.#events.push({ kind: "ended", end });
    this.#events.end();
    this.#ending.resolve(end);
    if (end.why !== "room") this.#left = this.#meeting.leave();
  }
}

function forked(): ClientError {
  return new ClientError("room_forked", "The service shows members different orders of things");
}
