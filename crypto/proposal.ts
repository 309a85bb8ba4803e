/**
 * A commit of one's own on its way to its place in the room's order.
 *
 * @module
 */

import { type Bytes, equal } from "./bytes.ts";
import {
  type ChainHead,
  type Commit,
  commitHash,
  type CommitType,
  MAX_PAUSE_MS,
  type SignedCommit,
  TAKEOVER_MS,
} from "./commit.ts";
import { HASH_BYTES } from "./primitives.ts";
import { changed, type Roster, type RosterChange, rosterHash } from "./roster.ts";

/** What a commit is to do. */
export interface Intent {
  readonly type: CommitType;
  readonly isEpoch: boolean;
  readonly change: RosterChange;
}

/** The commit that a member asks for. */
export class Proposal {
  readonly commit: Commit;
  /** The roster that it leads to. */
  readonly roster: Roster;
  readonly hash: Bytes;
  #saidMs: number;

  /** What follows on `head`, by `self`. */
  constructor(callId: Bytes, self: Bytes, head: ChainHead | null, intent: Intent, nowMs: number) {
    const { type, isEpoch, change } = intent;
    const before = head?.commit ?? null;
    const roster = changed(head?.roster ?? [], change);
    if (roster === null) throw new Error("bug: a change that does not fit its own roster");
    const earliest = (before?.timeMs ?? 0) + (type === "handover" ? TAKEOVER_MS : 0);
    const latest = before === null ? nowMs : before.timeMs + MAX_PAUSE_MS;
    this.roster = roster;
    this.commit = {
      callId,
      epoch: before === null ? 1 : before.epoch + (isEpoch ? 1 : 0),
      step: before === null || isEpoch ? 0 : before.step + 1,
      type,
      rosterHash: rosterHash(callId, roster),
      prevHash: before?.hash ?? new Uint8Array(HASH_BYTES),
      timeMs: Math.min(Math.max(nowMs, earliest), latest),
      signer: self,
      change,
    };
    this.hash = commitHash(this.commit);
    this.#saidMs = nowMs;
  }

  /** Whether it is this one. */
  is(commit: SignedCommit): boolean {
    return equal(commit.hash, this.hash);
  }

  /** When it is said again, because the room may not have it. */
  get againMs(): number {
    return this.#saidMs + TAKEOVER_MS;
  }

  /** It is said again. */
  repeat(nowMs: number): void {
    this.#saidMs = nowMs;
  }
}
