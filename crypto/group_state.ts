/**
 * One member of a group call: what happened in, what to do out (`group_effect.ts`).
 *
 * The room numbers commits from 1, and shows all of them to everybody in that order; pairwise sessions
 * carry secrets. Both lose, delay and end. A member that missed a number takes no commit until somebody
 * has told it where the call is: so whoever holds a secret holds the one that everybody holds.
 *
 * It has no clock, no network and no keys of its own: time comes in, and commits come in verified.
 *
 * @module
 */

import { Agenda, type Plan } from "./agenda.ts";
import { type Bytes, equal, toHex } from "./bytes.ts";
import {
  type ChainHead,
  checkFirst,
  checkNext,
  type Commit,
  commitHash,
  type CommitType,
  type SignedCommit,
  TAKEOVER_MS,
} from "./commit.ts";
import { EpochSwitch } from "./epoch_switch.ts";
import { CryptoError } from "./error.ts";
import { type Generation } from "./generation.ts";
import { type GroupEffect } from "./group_effect.ts";
import {
  decodeSecret,
  encodeAck,
  encodeSecret,
  type SignedHeartbeat,
  type Welcome,
} from "./group_message.ts";
import { KeyChain, type Reached } from "./key_chain.ts";
import { LiveGenerations } from "./live_generations.ts";
import { HASH_BYTES, randomBytes } from "./primitives.ts";
import {
  changed,
  type Roster,
  type RosterChange,
  rosterHash,
  seatOf,
  successors,
} from "./roster.ts";
import { Secret } from "./secret.ts";
import { type Snapshot } from "./snapshot.ts";

/** How often a committer shows that it is there. */
const HEARTBEAT_MS = 10_000;
/** After so long without a sign of the committer, the call is degraded. */
const DEGRADED_MS = 30_000;
/** And after so long, nothing is sent any more. */
const STALE_MS = 120_000;
/** How often something missing is asked for, and the same one is answered. */
const ASK_MS = 1_000;

/** How long a secret is asked for before another epoch takes its place. */
const LOST_MS = 4_000;
const MAX_WAITING_COMMITS = 64;
const RANDOM_BYTES = 32;

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

/** A member's state. */
export class GroupMember {
  readonly #options: Required<GroupMemberOptions>;
  readonly #chain = new KeyChain();
  readonly #agenda = new Agenda();
  readonly #live = new LiveGenerations();
  /** Commits by their numbers, and null for what is none. */
  readonly #waiting = new Map<number, SignedCommit | null>();
  readonly #answeredMs = new Map<string, number>();
  #head: ChainHead | null = null;
  /** How many commits were seen of the room's. */
  #order = 0;
  /** The highest number that is known of. */
  #seen = 0;
  #isComing = true;
  #proposed: { readonly commit: Commit; readonly hash: Bytes; readonly atMs: number } | null = null;
  #switch: EpochSwitch | null = null;
  #inUse: { readonly epoch: number; readonly step: number } | null = null;
  #isHeld = false;
  #isDegraded = false;
  #isOver = false;
  /** When the committer was heard last, when it was last asked to be, and when to ask next. */
  #heardMs = 0;
  #beatMs = 0;
  #askMs: number | null = null;
  #asked = 0;
  /** Since when the secret of the last commit is missing. */
  #missingMs: number | null = null;
  #effects: GroupEffect[] = [];

  /** Of no call yet: `create` or `join` comes next. */
  constructor(options: GroupMemberOptions) {
    this.#options = { random: randomBytes, ...options };
  }

  /** The last commit that was taken, or null before there is one. */
  get head(): ChainHead | null {
    return this.#head;
  }

  /** The present keys, or null while they are missing. */
  get generation(): Generation | null {
    return this.#isBehind ? null : this.#chain.current;
  }

  /** Begins a call. @param order the room's number of what happened last */
  create(nowMs: number, order: number = 0): readonly GroupEffect[] {
    this.#isComing = false;
    this.#order = order;
    const added = [{ index: 0, entry: this.#options.self }];
    this.#propose("create", true, { removed: [], added }, nowMs);
    return this.#done(nowMs);
  }

  /** Comes to a call that somebody else began. */
  join(nowMs: number): readonly GroupEffect[] {
    this.#askMs = nowMs + ASK_MS;
    return this.#done(nowMs);
  }

  /** The room says that a device came, or went. */
  presence(entry: Bytes, isHere: boolean, nowMs: number): readonly GroupEffect[] {
    this.#agenda.note(entry, isHere, nowMs);
    return this.#done(nowMs);
  }

  /** A commit came from the room. @param order its number there */
  commit(order: number, commit: SignedCommit, nowMs: number): readonly GroupEffect[] {
    return this.#shown(order, commit, nowMs);
  }

  /** Something came from the room that is no commit, or not one for anybody. @param order its number there */
  pass(order: number, nowMs: number): readonly GroupEffect[] {
    return this.#shown(order, null, nowMs);
  }

  /** The room has come to this number, and what it showed up to there was not all seen. */
  missed(order: number, nowMs: number): readonly GroupEffect[] {
    this.#fallBehind(order, nowMs);
    return this.#done(nowMs);
  }

  #shown(order: number, commit: SignedCommit | null, nowMs: number): readonly GroupEffect[] {
    if (order > this.#order) {
      this.#waiting.set(order, commit);
      if (this.#waiting.size > MAX_WAITING_COMMITS) {
        this.#waiting.delete(this.#waiting.keys().next().value!);
      }
    }
    this.#takeWaiting(nowMs);
    this.#fallBehind(order, nowMs);
    return this.#done(nowMs);
  }

  /** A secret came over the session with a device. @throws CryptoError `malformed` */
  secret(from: Bytes, bytes: Bytes, nowMs: number): readonly GroupEffect[] {
    const message = decodeSecret(bytes);
    if (message.t === "welcome") message.es.wipe();
    else if (this.#isOver) message.random.wipe();
    else this.#reach(this.#chain.offer(message.hash, from, message.random), nowMs);
    return this.#done(nowMs);
  }

  /** A member gives the present secret. @throws CryptoError `malformed`, `bad_commit` */
  welcome(from: Bytes, bytes: Bytes, snapshot: Snapshot, nowMs: number): readonly GroupEffect[] {
    const message = decodeSecret(bytes);
    if (message.t !== "welcome") {
      message.random.wipe();
      throw new CryptoError("malformed", "Cannot read a welcome: it is another message");
    }
    if (this.#isOver || !this.#isNews(message, snapshot)) message.es.wipe();
    else {
      this.#requireWelcome(from, message, snapshot);
      this.#adopt(message, snapshot, nowMs);
    }
    return this.#done(nowMs);
  }

  /** A device asks for the present secret. */
  asked(from: Bytes, nowMs: number): readonly GroupEffect[] {
    const isDue = nowMs >= (this.#answeredMs.get(toHex(from)) ?? -Infinity) + ASK_MS;
    const seat = seatOf(this.#head?.roster ?? [], from);
    if (isDue && seat !== null && !this.#agenda.isGone(from) && this.generation !== null) {
      this.#answeredMs.set(toHex(from), nowMs);
      this.#welcomeIn(from);
    }
    return this.#done(nowMs);
  }

  /** An acknowledgement of one's own commit came. @throws CryptoError `malformed` */
  acknowledged(bytes: Bytes, nowMs: number): readonly GroupEffect[] {
    if (this.#isCommitter() && this.#switch?.ack(bytes)) this.#release(nowMs);
    return this.#done(nowMs);
  }

  /** The committer says that all have acknowledged. */
  switched(bytes: Bytes, nowMs: number): readonly GroupEffect[] {
    this.#switch?.release(bytes);
    return this.#done(nowMs);
  }

  /** A heartbeat came from the room. */
  heartbeat(beat: SignedHeartbeat, nowMs: number): readonly GroupEffect[] {
    const head = this.#head;
    if (head !== null && equal(beat.callId, head.commit.callId)) {
      const isSame = equal(beat.hash, head.commit.hash);
      if (isSame && equal(beat.signer, head.commit.signer)) this.#hear(nowMs);
      else if (!isSame && seatOf(head.roster, beat.signer) !== null) {
        this.#fallBehind(beat.order, nowMs);
        // One place in the room's order, and two histories: the room showed us another one.
        if (beat.order === this.#order) this.#stop("forked");
      }
    }
    return this.#done(nowMs);
  }

  /** A frame of a sender opened. */
  heard(index: number, epoch: number, step: number, nowMs: number): readonly GroupEffect[] {
    this.#live.heard(index, { epoch, step }, nowMs);
    return this.#done(nowMs);
  }

  /** Some sender has used its key 2^20 times. */
  worn(nowMs: number): readonly GroupEffect[] {
    this.#agenda.wear(nowMs);
    return this.#done(nowMs);
  }

  /** Time went by. */
  tick(nowMs: number): readonly GroupEffect[] {
    return this.#done(nowMs);
  }

  /** When time matters next, whatever else happens; Infinity where it does not. */
  nextMs(): number {
    if (this.#isOver) return Infinity;
    const own = this.#head === null ? Infinity : Math.min(
      this.#isCommitter() ? this.#beatMs : Infinity,
      this.#proposed === null && !this.#isBehind ? this.#turnMs(this.#head) : Infinity,
      this.#isDegraded ? Infinity : this.#heardMs + DEGRADED_MS,
      this.#isHeld ? Infinity : this.#heardMs + STALE_MS,
    );
    const { atMs = Infinity, capMs } = this.#switch ?? {};
    return Math.min(
      own,
      this.generation === null || this.#inUse === null ? Infinity : atMs,
      this.#isHeld ? Infinity : capMs ?? Infinity,
      this.#live.nextMs(),
      this.#proposed === null ? Infinity : this.#proposed.atMs + TAKEOVER_MS,
      this.#isMissing() ? this.#askMs ?? Infinity : Infinity,
    );
  }

  /** Leaves, and erases everything. */
  close(): void {
    this.#isOver = true;
    this.#chain.wipe();
    this.#switch?.wipe();
    this.#waiting.clear();
  }

  // What came from the room.

  #takeWaiting(nowMs: number): void {
    for (
      let next = this.#waiting.get(this.#order + 1);
      next !== undefined && !this.#isComing && !this.#isOver;
      next = this.#waiting.get(this.#order + 1)
    ) {
      this.#order++;
      this.#waiting.delete(this.#order);
      if (next !== null) this.#judge(next, nowMs);
    }
    for (const order of this.#waiting.keys()) {
      if (order <= this.#order) this.#waiting.delete(order);
    }
  }

  #judge(commit: SignedCommit, nowMs: number): void {
    const isOwn = this.#proposed !== null && equal(commit.hash, this.#proposed.hash);
    const roster = this.#rosterAfter(commit);
    if (roster !== null && seatOf(roster, this.#options.self) !== null) {
      this.#take(commit, roster, nowMs);
    } else if (roster !== null && this.#head !== null) this.#stop("removed");
    else if (roster !== null) {
      // Somebody else began the call first.
      this.#withdraw();
      this.#isComing = true;
      this.#askMs ??= nowMs + ASK_MS;
    } else if (isOwn) this.#withdraw();
  }

  /** The roster that a commit leads to, or null where it is refused. */
  #rosterAfter(commit: SignedCommit): Roster | null {
    try {
      const { callId, isVerified } = this.#options;
      const roster = this.#head === null
        ? checkFirst(callId, commit)
        : checkNext(this.#head, commit);
      return commit.change.added.every(({ entry }) => isVerified(entry)) ? roster : null;
    } catch (error) {
      if (error instanceof CryptoError) return null;
      throw error;
    }
  }

  #take(commit: SignedCommit, roster: Roster, nowMs: number): void {
    const { self } = this.#options;
    if (this.#proposed !== null && !equal(commit.hash, this.#proposed.hash)) this.#withdraw();
    this.#proposed = null;
    this.#head = { commit, roster };
    this.#agenda.begin(commit, roster, this.#jitter(), nowMs);
    this.#hear(nowMs);
    const isMine = equal(commit.signer, self);
    if (isMine) this.#beatMs = nowMs + HEARTBEAT_MS;
    if (commit.step === 0) {
      const missing = roster.filter((seat) =>
        !equal(seat.entry, self) && !commit.change.added.includes(seat)
      );
      this.#switch = new EpochSwitch(
        commit.hash,
        missing.map(({ index }) => index),
        commit.change.removed.length > 0,
        nowMs,
        this.#switch,
      );
    }
    this.#reach(this.#chain.follow(commit), nowMs);
    this.#missingMs = this.#chain.current === null ? nowMs : null;
    if (this.#missingMs !== null) {
      this.#askMs ??= nowMs + ASK_MS;
      return;
    }
    if (!isMine) return;
    for (const { entry } of commit.change.added) if (!equal(entry, self)) this.#welcomeIn(entry);
    if (commit.step === 0 && roster.length - commit.change.added.length <= 1) this.#release(nowMs);
  }

  /** Keys came to be known: they are installed, and an epoch's are acknowledged. */
  #reach(reached: readonly Reached[], nowMs: number): void {
    for (const { commit, generation, auth } of reached) {
      const isLeave = commit.change.removed.length > 0;
      for (const keys of this.#live.add(generation, isLeave)) {
        this.#effects.push({ kind: "retire", keys });
      }
      this.#effects.push({ kind: "install", generation });
      if (commit.step === 0 && this.#switch !== null) {
        const seat = seatOf(this.#head!.roster, this.#options.self)!;
        if (!equal(commit.signer, seat.entry)) {
          const message = encodeAck(auth, seat.index, commit.hash);
          this.#effects.push({ kind: "tell", to: commit.signer, message });
        }
        this.#switch.know(auth);
      } else auth.wipe();
    }
    if (reached.length > 0 && this.#chain.current !== null) {
      // Later than a commit's own turn: frames may have come that did not open.
      if (this.#askMs !== null && nowMs >= this.#askMs) this.#effects.push({ kind: "key-frame" });
      if (!this.#isBehind) this.#askMs = null;
      this.#missingMs = null;
    }
  }

  // What is missing.

  #isMissing(): boolean {
    return this.#isBehind || (this.#head !== null && this.#chain.current === null);
  }

  /** Whether commits are known of that were not seen. */
  get #isBehind(): boolean {
    return this.#isComing || this.#seen > this.#order;
  }

  #fallBehind(order: number, nowMs: number): void {
    this.#seen = Math.max(this.#seen, order);
    if (!this.#isBehind) return;
    // One's own proposal may still be the one that was missed: its R is kept.
    this.#askMs ??= nowMs + ASK_MS;
  }

  /** Whether a welcome says more than is known. */
  #isNews({ order }: Welcome, { commit }: Snapshot): boolean {
    if (!this.#isMissing()) return false;
    const before = this.#head?.commit;
    if (before === undefined) return true;
    // The same commit may still be the last: then its secret is news, or how far the room is.
    if (equal(commit.hash, before.hash)) return true;
    if (order < this.#order) return false;
    return commit.epoch > before.epoch ||
      (commit.epoch === before.epoch && commit.step > before.step);
  }

  #requireWelcome(from: Bytes, message: Welcome, { commit, roster }: Snapshot): void {
    const { callId, self, isVerified } = this.#options;
    const fits = equal(message.hash, commit.hash) && equal(commit.callId, callId) &&
      seatOf(roster, self) !== null && seatOf(roster, from) !== null &&
      roster.every(({ entry }) => isVerified(entry));
    if (fits) return;
    message.es.wipe();
    throw new CryptoError("bad_commit", "A welcome was refused: it does not fit its snapshot");
  }

  #adopt({ order, es }: Welcome, { commit, roster }: Snapshot, nowMs: number): void {
    this.#withdraw();
    this.#switch?.wipe();
    this.#switch = null;
    this.#missingMs = null;
    this.#head = { commit, roster };
    this.#order = Math.max(this.#order, order);
    this.#isComing = false;
    this.#agenda.begin(commit, roster, this.#jitter(), nowMs);
    this.#hear(nowMs);
    this.#beatMs = nowMs + HEARTBEAT_MS;
    this.#effects.push({ kind: "key-frame" });
    this.#askMs = null;
    this.#reach(this.#chain.adopt(commit, es), nowMs);
    this.#takeWaiting(nowMs);
    this.#fallBehind(order, nowMs);
  }

  #welcomeIn(to: Bytes): void {
    const head = this.#head!;
    using es = this.#chain.current!.secret();
    const welcome = { t: "welcome", order: this.#order, hash: head.commit.hash, es } as const;
    this.#effects.push({ kind: "welcome", to, message: encodeSecret(welcome), head });
  }

  // What is due.

  /** The effects of what happened, and of the time. */
  #done(nowMs: number): readonly GroupEffect[] {
    if (!this.#isOver) {
      this.#commitDue(nowMs);
      this.#useDue(nowMs);
      this.#askDue(nowMs);
      this.#liveness(nowMs);
      for (const keys of this.#live.retire(nowMs)) this.#effects.push({ kind: "retire", keys });
    }
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  #commitDue(nowMs: number): void {
    const head = this.#head;
    if (this.#isBehind && this.#head !== null) return;
    if (this.#proposed !== null) {
      if (nowMs >= this.#proposed.atMs + TAKEOVER_MS) {
        this.#proposed = { ...this.#proposed, atMs: nowMs };
        this.#effects.push({ kind: "propose", commit: this.#proposed.commit });
      }
      return;
    }
    if (head === null || nowMs < this.#turnMs(head)) return;
    const plan = this.#agenda.plan(head.commit, head.roster, nowMs);
    const inFront = this.#inFront(head);
    if (inFront > 0) return this.#propose("handover", true, changeOf(plan), nowMs);
    // Without the present secret there is no step from it, but there is another epoch.
    const isLost = this.#chain.current === null;
    if (plan === null && !isLost) return;
    this.#propose(plan?.type ?? "timer", isLost || plan!.isEpoch, changeOf(plan), nowMs);
  }

  /** When it is this member's turn to commit: 2 s later for each who would come before it. */
  #turnMs(head: ChainHead): number {
    const inFront = this.#inFront(head);
    // A secret that nobody gives, nobody may have any more.
    const lostMs = this.#missingMs === null ? Infinity : this.#missingMs + LOST_MS;
    const due = Math.min(this.#agenda.dueMs(head.roster), lostMs);
    if (inFront === 0) return due;
    return Math.min(due, this.#heardMs + HEARTBEAT_MS) + TAKEOVER_MS * inFront;
  }

  /** How many come before this member and have not gone. */
  #inFront({ commit, roster }: ChainHead): number {
    const committer = seatOf(roster, commit.signer)!;
    const line = [committer, ...successors(roster, committer.index)];
    const place = line.findIndex(({ entry }) => equal(entry, this.#options.self));
    return line.slice(0, place).filter(({ entry }) => !this.#agenda.isGone(entry)).length;
  }

  #isCommitter(): boolean {
    return this.#head !== null && equal(this.#head.commit.signer, this.#options.self);
  }

  #propose(type: CommitType, isEpoch: boolean, change: RosterChange, nowMs: number): void {
    const { callId, self, random } = this.#options;
    const before = this.#head?.commit ?? null;
    const roster = changed(this.#head?.roster ?? [], change);
    if (roster === null) throw new Error("bug: a change that does not fit its own roster");
    const earliest = (before?.timeMs ?? 0) + (type === "handover" ? TAKEOVER_MS : 0);
    const commit: Commit = {
      callId,
      epoch: before === null ? 1 : before.epoch + (isEpoch ? 1 : 0),
      step: before === null || isEpoch ? 0 : before.step + 1,
      type,
      rosterHash: rosterHash(callId, roster),
      prevHash: before?.hash ?? new Uint8Array(HASH_BYTES),
      timeMs: Math.max(nowMs, earliest),
      signer: self,
      change,
    };
    const hash = commitHash(commit);
    this.#proposed = { commit, hash, atMs: nowMs };
    this.#effects.push({ kind: "propose", commit });
    if (isEpoch) this.#sendRandom(hash, random(RANDOM_BYTES), roster, change);
  }

  #sendRandom(hash: Bytes, random: Bytes, roster: Roster, { added }: RosterChange): void {
    const { self } = this.#options;
    const secret = new Secret(random);
    const message = encodeSecret({ t: "secret", hash, random: secret });
    this.#chain.offer(hash, self, secret);
    for (const seat of roster) {
      // Whoever comes in gets the secret itself, once the commit has its place.
      if (equal(seat.entry, self) || added.includes(seat)) continue;
      this.#effects.push({ kind: "seal", to: seat.entry, message });
    }
  }

  #withdraw(): void {
    if (this.#proposed !== null) this.#chain.withdraw(this.#proposed.commit, this.#proposed.hash);
    this.#proposed = null;
  }

  #release(nowMs: number): void {
    const message = this.#switch?.message() ?? null;
    if (message === null) return;
    this.#switch!.release(message);
    if (this.#head!.roster.length > 1 && !this.#switch!.isOver(nowMs)) {
      this.#effects.push({ kind: "tell", to: null, message });
    }
  }

  #useDue(nowMs: number): void {
    const current = this.generation;
    const isDue = this.#switch === null || this.#switch.isDue(nowMs) || this.#inUse === null;
    if (current !== null && isDue) {
      this.#switch?.wipe();
      this.#switch = null;
      const { epoch, step } = this.#inUse ?? { epoch: 0, step: 0 };
      const isStale = nowMs >= this.#heardMs + STALE_MS;
      if (isStale || (epoch === current.epoch && step === current.step && !this.#isHeld)) return;
      this.#isHeld = false;
      this.#inUse = { epoch: current.epoch, step: current.step };
      this.#effects.push({ kind: "use", generation: current.copy() });
    } else if (this.#switch?.isOver(nowMs)) this.#hold("left");
  }

  #hold(why: "left" | "stale"): void {
    if (this.#isHeld) return;
    this.#isHeld = true;
    this.#effects.push({ kind: "hold", why });
  }

  #askDue(nowMs: number): void {
    if (!this.#isMissing() || this.#askMs === null || nowMs < this.#askMs) return;
    const { self } = this.#options;
    const head = this.#head;
    const line = head === null ? [] : successors(head.roster, seatOf(head.roster, self)!.index);
    const committer = line.findIndex(({ entry }) => equal(entry, head!.commit.signer));
    const to = line[(Math.max(0, committer) + this.#asked++) % Math.max(1, line.length)];
    this.#effects.push({ kind: "ask", to: to?.entry ?? null });
    this.#askMs = nowMs + ASK_MS * (0.9 + 0.2 * this.#jitter());
  }

  #liveness(nowMs: number): void {
    const head = this.#head;
    if (head === null) return;
    if (this.#isCommitter() && !this.#isBehind && nowMs >= this.#beatMs) {
      this.#beatMs = nowMs + HEARTBEAT_MS;
      const { callId, hash } = head.commit;
      const beat = { callId, order: this.#order, hash, timeMs: nowMs };
      this.#effects.push({ kind: "heartbeat", beat });
    }
    if (nowMs >= this.#heardMs + DEGRADED_MS && !this.#isDegraded) this.#setDegraded(true);
    if (nowMs >= this.#heardMs + STALE_MS) this.#hold("stale");
  }

  #hear(nowMs: number): void {
    this.#heardMs = nowMs;
    if (this.#isDegraded) this.#setDegraded(false);
  }

  #setDegraded(isDegraded: boolean): void {
    this.#isDegraded = isDegraded;
    this.#effects.push({ kind: "degraded", isDegraded });
  }

  #stop(why: "removed" | "forked"): void {
    this.close();
    this.#effects.push({ kind: "stop", why });
  }

  #jitter(): number {
    return this.#options.random(1)[0]! / 255;
  }
}

function changeOf(plan: Plan | null): RosterChange {
  return plan?.change ?? { removed: [], added: [] };
}
