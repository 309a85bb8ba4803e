/**
 * What a member of a group call has: its parts, and the effects that wait to be given.
 *
 * `group_member.ts` is its door; the files that import this one say what happens to it.
 *
 * @module
 */

import { Agenda } from "./agenda.ts";
import { type Bytes, equal } from "./bytes.ts";
import { type ChainHead } from "./commit.ts";
import { type Generation } from "./generation.ts";
import { type GroupEffect } from "./group_effect.ts";
import { Inquiry } from "./inquiry.ts";
import { KeyChain } from "./key_chain.ts";
import { LiveGenerations } from "./live_generations.ts";
import { Liveness } from "./liveness.ts";
import { type Proposal } from "./proposal.ts";
import { RoomOrder } from "./room_order.ts";
import { Sending } from "./sending.ts";
import { type Outlook } from "./turn.ts";

/** Who a member is, and what it asks. */
export interface GroupMemberOptions {
  /** The call, 16 bytes. */
  readonly callId: Bytes;
  /** The hash of one's own device entry. */
  readonly self: Bytes;
  /** Whether a device was checked against the log. */
  readonly isVerified: (entry: Bytes) => boolean;
  /** Random bytes; the platform's where none are given. */
  readonly random?: (length: number) => Bytes;
}

/** One member's state. */
export class MemberState {
  readonly options: Required<GroupMemberOptions>;
  readonly chain = new KeyChain();
  readonly agenda = new Agenda();
  readonly live = new LiveGenerations();
  readonly order = new RoomOrder();
  readonly sending = new Sending();
  readonly inquiry = new Inquiry();
  readonly liveness = new Liveness();
  /** The last commit that was taken. */
  head: ChainHead | null = null;
  /** One's own commit that has no place yet. */
  proposal: Proposal | null = null;
  /** When to take the committer's part back from whoever took it too early. */
  reclaimMs = Infinity;
  /** Whose heartbeats contradicted this head: they are not heard under it any more. */
  contradicted: Bytes[] = [];
  /** Who spoke of something that the room did not show. */
  claimant: Bytes | null = null;
  isOver = false;
  #effects: GroupEffect[] = [];

  constructor(options: Required<GroupMemberOptions>) {
    this.options = options;
  }

  /** The present keys, or null while they are missing. */
  get generation(): Generation | null {
    return this.order.isBehind ? null : this.chain.current;
  }

  /** Whether commits or keys are missing. */
  get isMissing(): boolean {
    return this.order.isBehind || (this.head !== null && this.chain.current === null);
  }

  /** Whether one signed the last commit. */
  get isCommitter(): boolean {
    return this.head !== null && equal(this.head.commit.signer, this.options.self);
  }

  /** What one knows of what is due. */
  get outlook(): Outlook {
    const { agenda, liveness: { heardMs }, inquiry: { lostMs } } = this;
    return { agenda, heardMs, lostMs };
  }

  /** At random, from 0 to 1. */
  jitter(): number {
    return this.options.random(1)[0]! / 255;
  }

  /** Something is to be done. */
  emit(...effects: readonly GroupEffect[]): void {
    this.#effects.push(...effects);
  }

  /** All that is to be done, once. */
  flush(): readonly GroupEffect[] {
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  /** There is another head, and nobody has contradicted it. */
  turn(head: ChainHead): void {
    this.head = head;
    this.contradicted = [];
    this.claimant = null;
  }

  /** A member contradicts everybody else. */
  suspect(who: Bytes): void {
    this.contradicted.push(who);
    this.emit({ kind: "suspect", who, why: "heartbeat" });
  }

  /** One's own commit is not asked for any more, and its R forgotten. */
  withdraw(): void {
    if (this.proposal !== null) this.chain.withdraw(this.proposal.commit, this.proposal.hash);
    this.proposal = null;
  }

  /** The call is over for this member. */
  stop(why: "removed" | "forked"): void {
    this.close();
    this.emit({ kind: "stop", why });
  }

  /** Erases everything. */
  close(): void {
    this.isOver = true;
    this.chain.wipe();
    this.sending.drop();
    this.order.clear();
  }
}
