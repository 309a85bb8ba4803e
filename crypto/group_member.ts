/**
 * One member of a group call: what happened in, what to do out (`group_effect.ts`).
 *
 * The room gives whatever happens in it numbers, without gaps and the same for all, and shows commits to
 * everybody in that order; pairwise sessions carry secrets. Both lose, delay and end. A member that
 * missed a number takes no commit until somebody has told it where the call is: so whoever holds a
 * secret holds the one that everybody holds.
 *
 * It has no clock, no network and no keys of its own: time comes in, and commits come in verified.
 *
 * @module
 */

import { type Bytes } from "./bytes.ts";
import { type ChainHead, type SignedCommit } from "./commit.ts";
import { done, nextMs } from "./duties.ts";
import { CryptoError } from "./error.ts";
import { type Generation } from "./generation.ts";
import { type GroupEffect } from "./group_effect.ts";
import { decodeSecret, type SignedHeartbeat } from "./group_message.ts";
import { follow, reach } from "./following.ts";
import { type GroupMemberOptions, MemberState } from "./member_state.ts";
import { propose } from "./committing.ts";
import { hearBeat } from "./hearing.ts";
import { randomBytes } from "./primitives.ts";
import { type Snapshot } from "./snapshot.ts";
import { answer } from "./answering.ts";
import { comeIn } from "./welcoming.ts";

export { type GroupMemberOptions } from "./member_state.ts";

/** A member's state. */
export class GroupMember {
  readonly #state: MemberState;

  /** Of no call yet: `create` or `join` comes next. */
  constructor(options: GroupMemberOptions) {
    this.#state = new MemberState({ random: randomBytes, ...options });
  }

  /** The last commit that was taken, or null before there is one. */
  get head(): ChainHead | null {
    return this.#state.head;
  }

  /** The present keys, or null while they are missing. */
  get generation(): Generation | null {
    return this.#state.generation;
  }

  /** Begins a call. @param order the room's number of what happened last */
  create(nowMs: number, order: number = 0): readonly GroupEffect[] {
    const { order: room, options: { self } } = this.#state;
    room.begin(order);
    const change = { removed: [], added: [{ index: 0, entry: self }] };
    propose(this.#state, { type: "create", isEpoch: true, change }, nowMs);
    return done(this.#state, nowMs);
  }

  /** Comes to a call that somebody else began. */
  join(nowMs: number): readonly GroupEffect[] {
    this.#state.inquiry.open(nowMs);
    return done(this.#state, nowMs);
  }

  /** The room says that a device came, or went. */
  presence(entry: Bytes, isHere: boolean, nowMs: number): readonly GroupEffect[] {
    this.#state.agenda.note(entry, isHere, nowMs);
    return done(this.#state, nowMs);
  }

  /** A commit came from the room. @param order its number there */
  commit(order: number, commit: SignedCommit, nowMs: number): readonly GroupEffect[] {
    this.#state.order.show(order, commit);
    follow(this.#state, nowMs);
    return done(this.#state, nowMs);
  }

  /** Something came from the room that is no commit, or not one for anybody. @param order its number there */
  pass(order: number, nowMs: number): readonly GroupEffect[] {
    this.#state.order.show(order, null);
    follow(this.#state, nowMs);
    return done(this.#state, nowMs);
  }

  /** The room has come to this number, and what it showed up to there was not all seen. */
  missed(order: number, nowMs: number): readonly GroupEffect[] {
    this.#state.order.reach(order);
    follow(this.#state, nowMs);
    return done(this.#state, nowMs);
  }

  /** The room has forgotten its numbers, and begins to count anew. @param order how far it has come */
  restart(order: number, nowMs: number): readonly GroupEffect[] {
    this.#state.order.restart(order);
    return done(this.#state, nowMs);
  }

  /** A secret came over the session with a device. @throws CryptoError `malformed` */
  secret(from: Bytes, bytes: Bytes, nowMs: number): readonly GroupEffect[] {
    const message = decodeSecret(bytes);
    if (message.t === "welcome") message.es.wipe();
    else if (this.#state.isOver) message.random.wipe();
    else reach(this.#state, this.#state.chain.offer(message.hash, from, message.random), nowMs);
    return done(this.#state, nowMs);
  }

  /** A member gives the present secret. @throws CryptoError `malformed`, `bad_commit` */
  welcome(from: Bytes, bytes: Bytes, snapshot: Snapshot, nowMs: number): readonly GroupEffect[] {
    const message = decodeSecret(bytes);
    if (message.t !== "welcome") {
      message.random.wipe();
      throw new CryptoError("malformed", "Cannot read a welcome: it is another message");
    }
    comeIn(this.#state, from, message, snapshot, nowMs);
    return done(this.#state, nowMs);
  }

  /** A device asks for the present secret. */
  asked(from: Bytes, nowMs: number): readonly GroupEffect[] {
    answer(this.#state, from, nowMs);
    return done(this.#state, nowMs);
  }

  /** An acknowledgement of one's own commit came. @throws CryptoError `malformed` */
  acknowledged(bytes: Bytes, nowMs: number): readonly GroupEffect[] {
    const { head, isCommitter, sending } = this.#state;
    if (isCommitter && sending.ack(bytes)) {
      this.#state.emit(...sending.releaseOwn(head!.roster.length === 1));
    }
    return done(this.#state, nowMs);
  }

  /** The committer says that all have acknowledged. */
  switched(bytes: Bytes, nowMs: number): readonly GroupEffect[] {
    this.#state.sending.release(bytes);
    return done(this.#state, nowMs);
  }

  /** A heartbeat came from the room; one's own too, once the room has it. */
  heartbeat(beat: SignedHeartbeat, nowMs: number): readonly GroupEffect[] {
    hearBeat(this.#state, beat, nowMs);
    return done(this.#state, nowMs);
  }

  /** A frame of a sender opened. */
  heard(index: number, epoch: number, step: number, nowMs: number): readonly GroupEffect[] {
    this.#state.live.heard(index, { epoch, step }, nowMs);
    return done(this.#state, nowMs);
  }

  /** Some sender has used its key 2^20 times. */
  worn(nowMs: number): readonly GroupEffect[] {
    this.#state.agenda.wear(nowMs);
    return done(this.#state, nowMs);
  }

  /** Time went by. */
  tick(nowMs: number): readonly GroupEffect[] {
    return done(this.#state, nowMs);
  }

  /** When time matters next, whatever else happens; Infinity where it does not. */
  nextMs(): number {
    return nextMs(this.#state);
  }

  /** Leaves, and erases everything. */
  close(): void {
    this.#state.close();
  }
}
