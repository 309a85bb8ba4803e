/**
 * The others in a group call: their devices, their links, and when each gets the call's keys.
 *
 * @module
 */

import { type Bytes, equal, toHex } from "../crypto/bytes.ts";
import { type Roster, type Seat, seatOf } from "../crypto/roster.ts";
import { type CallKeys } from "../crypto/schedule.ts";
import { type MediaAdapter } from "./adapter.ts";
import { type ClientError, toClientError } from "./error.ts";
import { type GroupDevice } from "./group_devices.ts";
import { type GroupKeys } from "./group_keys.ts";
import { GroupLink, type LinkParts } from "./group_link.ts";
import { type Place } from "./group_wire.ts";
import { type RoomMember } from "./meeting.ts";
import { type World } from "./world.ts";

/** How long until a failed link is made anew, in milliseconds. */
const AGAIN_MS = 1_000;

/** Somebody else in the call. */
export interface GroupPeer {
  /** Of the member of the room. */
  readonly id: string;
  /** The hash of the device's entry. */
  readonly entry: Bytes;
  readonly device: GroupDevice;
  /** What the application shows. */
  shown: Bytes;
  /** Whether the call counts on it. */
  isHere: boolean;
  link: GroupLink | null;
  view: CallKeys | null;
  /** The seats, one's own and theirs, that the link's keys are of. */
  seats: readonly [number, number] | null;
  /** When its link may be made anew. */
  notBeforeMs: number;
  /** Runs until its link is made anew: one, however often it is looked whether that may be. */
  again: ReturnType<typeof setTimeout> | undefined;
  /** Runs while its connection to the service is lost. */
  away: ReturnType<typeof setTimeout> | undefined;
}

/** What peers work with. */
export interface PeersParts {
  readonly world: World;
  /** The room's id. */
  readonly room: string;
  readonly keys: GroupKeys;
  readonly makeAdapter: (peer: GroupPeer) => MediaAdapter;
  readonly send: (to: string, message: Bytes) => Promise<void>;
  readonly onSecret: (peer: GroupPeer, secret: Bytes) => void;
  readonly onLost: (peer: GroupPeer, error: ClientError) => void;
  readonly onChange: () => void;
}

/** The others in one call. */
export class GroupPeers {
  readonly #parts: PeersParts;
  readonly #peers = new Map<string, GroupPeer>();
  /** The last commit of each device, which outlives its place in the room. */
  readonly #places = new Map<string, Bytes>();
  #roster: Roster = [];

  /** Nobody yet. */
  constructor(parts: PeersParts) {
    this.#parts = parts;
  }

  /** All of them. */
  all(): readonly GroupPeer[] {
    return [...this.#peers.values()];
  }

  /** One by the member's id, or null. */
  of(id: string): GroupPeer | null {
    return this.#peers.get(id) ?? null;
  }

  /** One by the hash of the device's entry, or null. */
  by(entry: Bytes): GroupPeer | null {
    return this.all().findLast((peer) => equal(peer.entry, entry)) ?? null;
  }

  /** The last commit that a device has shown, or null. */
  placeOf(entry: Bytes): Bytes | null {
    return this.#places.get(toHex(entry)) ?? null;
  }

  /** Takes note of somebody, and of what they show. */
  note({ id }: RoomMember, device: GroupDevice, { hash, shown }: Place): GroupPeer {
    const known = this.#peers.get(id);
    const peer = known ?? {
      id,
      entry: device.device.entryHash,
      device,
      shown,
      isHere: false,
      link: null,
      view: null,
      seats: null,
      notBeforeMs: 0,
      again: undefined,
      away: undefined,
    };
    if (hash !== null) this.#places.set(toHex(peer.entry), hash);
    peer.shown = shown;
    clearTimeout(peer.away);
    this.#peers.set(id, peer);
    return peer;
  }

  /** Waits for somebody whose connection to the service is lost. */
  awaits(id: string, ms: number, over: (peer: GroupPeer) => void): void {
    const peer = this.of(id);
    if (peer === null) return;
    clearTimeout(peer.away);
    peer.away = setTimeout(() => over(peer), ms);
  }

  /** Somebody is gone. */
  drop(id: string): void {
    const peer = this.of(id);
    if (peer === null) return;
    clearTimeout(peer.away);
    clearTimeout(peer.again);
    this.#unlink(peer);
    this.#peers.delete(id);
  }

  /** Makes the links that are missing, and hands keys to those that have met. */
  connect(roster: Roster): void {
    this.#roster = roster;
    this.#parts.keys.sit(this.#ownSeat()?.index ?? null);
    for (const peer of this.#peers.values()) {
      if (this.#isMoved(peer)) this.#unlink(peer);
      if (peer.link === null && this.#offersTo(peer)) this.#offer(peer);
      this.#start(peer);
    }
  }

  /** Takes up an offer; it takes the place of what there was. */
  answer(peer: GroupPeer, offer: Bytes): void {
    if (this.#offersTo(peer)) return;
    this.#unlink(peer);
    this.#link(peer, (parts) => GroupLink.answer(parts, offer));
  }

  /** Ends all links. */
  close(): void {
    for (const id of [...this.#peers.keys()]) this.drop(id);
  }

  /** Whether this client makes the offer. */
  #offersTo({ entry }: GroupPeer): boolean {
    return toHex(this.#parts.world.account.self.entryHash) < toHex(entry);
  }

  #offer(peer: GroupPeer): void {
    clearTimeout(peer.again);
    const waitMs = peer.notBeforeMs - performance.now();
    if (waitMs <= 0) this.#link(peer, (parts) => GroupLink.offer(parts));
    else peer.again = setTimeout(() => this.connect(this.#roster), waitMs);
  }

  /** The application makes the stack: where it fails nothing else does. */
  #link(peer: GroupPeer, make: (parts: LinkParts) => GroupLink): void {
    try {
      peer.link = make(this.#linkParts(peer));
    } catch (error) {
      peer.notBeforeMs = performance.now() + AGAIN_MS;
      if (this.#offersTo(peer)) this.#offer(peer);
      this.#parts.onLost(peer, toClientError(error, "media_failed"));
    }
  }

  #ownSeat(): Seat | null {
    return seatOf(this.#roster, this.#parts.world.account.self.entryHash);
  }

  #start(peer: GroupPeer): void {
    const { keys } = this.#parts;
    const seats = this.#seatsWith(peer);
    if (seats === null || !keys.isUsable || peer.link?.isMet !== true) return;
    const [own, theirs] = peer.seats = seats;
    peer.view = keys.view(own);
    void peer.link.start(peer.view, theirs);
  }

  /**
   * Whether either has another seat than the link's keys are of: who was away long enough comes back to a
   * free one, and the one before may be somebody else's by now, with its keys and its counters.
   */
  #isMoved(peer: GroupPeer): boolean {
    const now = this.#seatsWith(peer);
    return peer.seats !== null && now !== null &&
      (peer.seats[0] !== now[0] || peer.seats[1] !== now[1]);
  }

  #seatsWith({ entry }: GroupPeer): readonly [number, number] | null {
    const own = this.#ownSeat();
    const theirs = seatOf(this.#roster, entry);
    return own === null || theirs === null ? null : [own.index, theirs.index];
  }

  #unlink(peer: GroupPeer): void {
    if (peer.view !== null) this.#parts.keys.drop(peer.view);
    peer.view = null;
    peer.seats = null;
    peer.link?.close();
    peer.link = null;
  }

  #linkParts(peer: GroupPeer): LinkParts {
    const { world, room, makeAdapter, send, onSecret, onChange, onLost } = this.#parts;
    return {
      world,
      room,
      other: peer.device,
      adapter: makeAdapter(peer),
      send: (message) => send(peer.id, message),
      onSecret: (secret) => onSecret(peer, secret),
      onChange: () => {
        this.connect(this.#roster);
        onChange();
      },
      onFailure: (error) => {
        this.#unlink(peer);
        peer.notBeforeMs = performance.now() + AGAIN_MS;
        onLost(peer, error);
        this.connect(this.#roster);
      },
    };
  }
}
