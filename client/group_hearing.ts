/**
 * What members of a group call say, heard: each word goes where it belongs.
 *
 * @module
 */

import { type Bytes } from "../crypto/bytes.ts";
import { type GroupMember } from "../crypto/group_member.ts";
import { openHeartbeat } from "../crypto/group_message.ts";
import { seatOf } from "../crypto/roster.ts";
import { openSnapshot } from "../crypto/snapshot.ts";
import { ClientError, toClientError } from "./error.ts";
import { type GroupDevices } from "./group_devices.ts";
import { type Act } from "./group_effects.ts";
import { type GroupPeer, type GroupPeers } from "./group_peers.ts";
import { type GroupSpeech } from "./group_speech.ts";
import { decodeWelcome, SAID } from "./group_wire.ts";
import { type RoomMember, type RoomMessage } from "./meeting.ts";
import { type World } from "./world.ts";

/** How often it counts that somebody asks for other keys, in milliseconds. */
const RENEWAL_MS = 1_000;

/** What words reach. */
export interface HearingParts {
  readonly world: World;
  readonly devices: GroupDevices;
  readonly speech: GroupSpeech;
  readonly peers: GroupPeers;
  readonly member: () => GroupMember;
  readonly act: Act;
  /** Takes what is the application's own. */
  readonly onMessage: (message: RoomMessage) => void;
}

/** Hears the words of one call. */
export class GroupHearing {
  readonly #parts: HearingParts;
  /** When other keys were asked for last. */
  #renewedMs = -Infinity;

  /** Nothing was heard yet. */
  constructor(parts: HearingParts) {
    this.#parts = parts;
  }

  /** Hears what a member says. @throws ClientError, CryptoError for what can't be read */
  async hear(message: RoomMessage): Promise<void> {
    const { payload, from } = message;
    const [tag] = payload;
    if (tag === SAID.application) {
      const said = { ...message, payload: payload.slice(1) };
      this.#parts.onMessage(said);
      return;
    }
    const peer = this.#parts.peers.of(from.id);
    if (tag === SAID.commit) return await this.#hearCommit(payload, from);
    if (peer === null) throw new ClientError("room_message_refused", "Said outside the call");
    switch (tag) {
      case SAID.offer:
        return this.#parts.peers.answer(peer, payload);
      case SAID.answer:
      case SAID.confirm:
        return peer.link?.take(payload);
      case SAID.box:
        return peer.link?.receive(payload);
      case SAID.welcome:
        return this.#hearWelcome(peer, payload);
      case SAID.ask:
        return this.#parts.act((now) => this.#parts.member().asked(peer.entry, now));
      case SAID.renew:
        return this.#hearRenewal(peer, message.isForMe);
      case SAID.ack:
        return this.#parts.act((now) => this.#parts.member().acknowledged(payload, now));
      case SAID.switch:
        return this.#parts.act((now) => this.#parts.member().switched(payload, now));
      case SAID.heartbeat: {
        const beat = await openHeartbeat(payload, (entry) => this.#parts.devices.keyOf(entry));
        return this.#parts.act((now) => this.#parts.member().heartbeat(beat, now));
      }
      default:
        throw new ClientError("room_message_refused", "A message of the call can't be read");
    }
  }

  /**
   * Whoever has no seat has sent nothing; said to one alone, it would have that one take the part of a
   * committer that does not know of it; and a step is cheap, but not one for every word of a flood.
   */
  #hearRenewal(peer: GroupPeer, isForMe: boolean): void {
    if (!this.#hasSeat(peer) || isForMe) return;
    this.#parts.act((now) => {
      if (now < this.#renewedMs + RENEWAL_MS) return [];
      this.#renewedMs = now;
      return this.#parts.member().worn(now);
    });
  }

  async #hearCommit(bytes: Bytes, from: RoomMember): Promise<void> {
    // Who signs it may not be in the call yet, as this client sees it; looked up once, whatever it says.
    const { peers, devices } = this.#parts;
    if (peers.of(from.id) === null && !devices.knows(from)) await devices.find(from);
    await this.#parts.speech.hear(bytes);
  }

  #hearWelcome(peer: GroupPeer, bytes: Bytes): void {
    const { snapshot, box } = decodeWelcome(bytes);
    peer.link?.receive(box, (secret) => {
      openSnapshot(snapshot, (entry) => this.#parts.devices.keyOf(entry)).then((opened) =>
        this.#parts.act((now) => this.#parts.member().welcome(peer.entry, secret, opened, now))
      ).catch((error) => this.#parts.world.refused(toClientError(error, "handshake_refused")));
    });
  }

  #hasSeat({ entry }: GroupPeer): boolean {
    return seatOf(this.#parts.member().head?.roster ?? [], entry) !== null;
  }
}
