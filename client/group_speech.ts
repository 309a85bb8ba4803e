/**
 * What this client says in a group call: one thing after the other.
 *
 * @module
 */

import { type Bytes, toHex } from "../crypto/bytes.ts";
import {
  type ChainHead,
  type Commit,
  commitHash,
  openCommit,
  signCommit,
  type SignedCommit,
} from "../crypto/commit.ts";
import { openHeartbeat, type SignedHeartbeat, signHeartbeat } from "../crypto/group_message.ts";
import { type GroupEffect } from "../crypto/group_effect.ts";
import { encodeSnapshot } from "../crypto/snapshot.ts";
import { toClientError } from "./error.ts";
import { type GroupDevices } from "./group_devices.ts";
import { type GroupPeer } from "./group_peers.ts";
import { encodeApplication, encodePlace, encodeWelcome } from "./group_wire.ts";
import { type Meeting } from "./meeting.ts";
import { type World } from "./world.ts";

/** Most commits whose place is not known yet. */
const MAX_BODIES = 64;

/** One client's words in a call, and the commits that it has heard. */
export class GroupSpeech {
  readonly #world: World;
  readonly #meeting: Meeting;
  readonly #devices: GroupDevices;
  /** Commits by their hash: their place is shown after they were said. */
  readonly #bodies = new Map<string, SignedCommit>();
  #place: Bytes | null = null;
  #shown: Bytes = new Uint8Array(0);
  #turn: Promise<void> = Promise.resolve();
  #isOver = false;

  /** Nothing was said yet. */
  constructor(world: World, meeting: Meeting, devices: GroupDevices) {
    this.#world = world;
    this.#meeting = meeting;
    this.#devices = devices;
  }

  /** A commit that was said, or null. */
  commitOf(hash: Bytes): SignedCommit | null {
    return this.#bodies.get(toHex(hash)) ?? null;
  }

  /** Hears a commit. @throws CryptoError */
  async hear(wire: Bytes): Promise<void> {
    this.#keep(await openCommit(wire, (entry) => this.#devices.keyOf(entry)));
  }

  /** Shows the room that this client is in the call, and what the application shows. */
  show(shown: Bytes = this.#shown): Promise<void> {
    this.#shown = shown;
    return this.#inTurn(() => this.#meeting.setMeta(encodePlace(this.#place, this.#shown)));
  }

  /** Says something of the application's. */
  async say(payload: Bytes): Promise<void> {
    await this.#meeting.send(encodeApplication(payload));
  }

  /** Signs a commit, says it, and then shows its place: in this order everybody hears of it. */
  propose(commit: Commit): void {
    this.#later(async () => {
      const wire = await signCommit(commit, this.#world.account.self.keys.signing);
      await this.hear(wire);
      await this.#meeting.send(wire);
      this.#place = commitHash(commit);
      await this.#meeting.setMeta(encodePlace(this.#place, this.#shown));
    });
  }

  /** Signs a heartbeat and says it. @param said told once the room has it */
  beat(
    beat: Extract<GroupEffect, { readonly kind: "heartbeat" }>["beat"],
    said: (beat: SignedHeartbeat) => void,
  ): void {
    this.#later(async () => {
      const { self } = this.#world.account;
      const wire = await signHeartbeat({ ...beat, signer: self.entryHash }, self.keys.signing);
      await this.#meeting.send(wire);
      said(await openHeartbeat(wire, (entry) => this.#devices.keyOf(entry)));
    });
  }

  /** Says something to everybody, or to one. */
  tell(to: string | undefined, message: Bytes): void {
    this.#later(() => this.#meeting.send(message, to));
  }

  /** Gives somebody the present secret, and says where the call has got to. */
  welcome(peer: GroupPeer, secret: Bytes, head: ChainHead): void {
    const snapshot = encodeSnapshot(head);
    if (peer.link === null) return void secret.fill(0);
    peer.link.seal(secret, (box) => this.#meeting.send(encodeWelcome(snapshot, box), peer.id));
  }

  /** Says nothing more. */
  end(): void {
    this.#isOver = true;
  }

  #keep(commit: SignedCommit): void {
    this.#bodies.set(toHex(commit.hash), commit);
    if (this.#bodies.size > MAX_BODIES) this.#bodies.delete(this.#bodies.keys().next().value!);
  }

  /** What can't be sent is said again by the protocol, later. */
  #later(work: () => Promise<void>): void {
    this.#inTurn(work).catch((error) => {
      if (!this.#isOver) this.#world.refused(toClientError(error, "network"));
    });
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.#turn.then(() => this.#isOver ? undefined : work());
    this.#turn = done.catch(() => {});
    return done;
  }
}
