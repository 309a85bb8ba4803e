/**
 * Members of a group call, and a room that puts commits and heartbeats in one order. All that is said is
 * under way until the world delivers it.
 *
 * Signatures and sealing are left out of it: what they prove is tested where they are made, and here
 * nobody forges. Everything else is the real thing.
 *
 * @module
 */

import assert from "node:assert/strict";
import { type Bytes, equal, toHex, utf8 } from "../../crypto/bytes.ts";
import { type ChainHead, type Commit, commitHash, type SignedCommit } from "../../crypto/commit.ts";
import { type GroupEffect } from "../../crypto/group_effect.ts";
import { decodeSecret, type SignedHeartbeat } from "../../crypto/group_message.ts";
import { GroupMember } from "../../crypto/group_member.ts";
import { type Snapshot } from "../../crypto/snapshot.ts";
import { sha256 } from "../../crypto/primitives.ts";

export const CALL_ID: Bytes = new Uint8Array(16).fill(7);

/** What the room shows to everybody. */
type Posted = { readonly order: number; readonly commit: SignedCommit } | {
  readonly beat: SignedHeartbeat;
};

/** What one member says to another. */
export type Said =
  | { readonly t: "seal"; readonly bytes: Bytes }
  | { readonly t: "ack"; readonly bytes: Bytes }
  | { readonly t: "switch"; readonly bytes: Bytes }
  | { readonly t: "welcome"; readonly bytes: Bytes; readonly head: ChainHead }
  | { readonly t: "ask" };

/** Something under way between two. */
export interface Letter {
  readonly name: string;
  readonly from: number;
  readonly to: number;
  readonly said: Said;
}

/** One person, and what was done for it. */
export class Person {
  readonly index: number;
  readonly entry: Bytes;
  readonly member: GroupMember;
  /** Everything that happened to it, by name. */
  readonly events: string[] = [];
  /** Everything but what is under way, in order. */
  readonly effects: { readonly atMs: number; readonly effect: GroupEffect }[] = [];
  /** Devices that it does not find in the log. */
  readonly unknown: Bytes[] = [];
  nowMs = 1_000_000;
  /** What it draws for its timers, 0 to 255. */
  jitter = 128;
  /** How much of the room's it was shown. */
  shown = 0;
  inUse: string | null = null;
  isStopped = false;

  constructor(index: number) {
    this.index = index;
    this.entry = entryOf(index);
    let drawn = 0;
    this.member = new GroupMember({
      callId: CALL_ID,
      self: this.entry,
      isVerified: (entry) => !this.unknown.some((one) => equal(one, entry)),
      random: (length) => {
        if (length === 1) return Uint8Array.of(this.jitter);
        return sha256(utf8(`random ${index} ${drawn++}`)).slice(0, length);
      },
    });
  }

  /** The secret that it takes for the present one, by what it exports; or null. */
  get secret(): string | null {
    const generation = this.isStopped ? null : this.member.generation;
    return generation === null ? null : toHex(generation.exporter("check", utf8(""), 32));
  }
}

/** The entry's hash of a person. */
export function entryOf(index: number): Bytes {
  return sha256(utf8(`person ${index}`));
}

/** Everybody, and what is under way. */
export class GroupWorld {
  readonly people: readonly Person[];
  readonly posted: Posted[] = [];
  readonly letters = new Map<string, Letter>();
  /** Whether the room still shows what somebody missed. */
  isReplaying = false;
  #commits = 0;
  readonly #said = new Map<number, number>();

  constructor(count: number) {
    this.people = Array.from({ length: count }, (_, i) => new Person(i));
  }

  /** Lets something happen to one of them. */
  act(
    person: Person,
    event: string,
    what: (member: GroupMember, nowMs: number) => readonly GroupEffect[],
  ): void {
    if (person.isStopped) return;
    person.events.push(event);
    const namedMs = person.member.nextMs();
    const effects = what(person.member, person.nowMs);
    if (event === "tick") this.#requireNamed(person, namedMs, effects);
    for (const effect of effects) {
      person.effects.push({ atMs: person.nowMs, effect });
      this.#do(person, effect);
    }
  }

  /** Time does nothing before the time that a member named, and is not named twice. */
  #requireNamed({ member, nowMs }: Person, namedMs: number, effects: readonly GroupEffect[]): void {
    if (effects.length > 0) assert.ok(namedMs <= nowMs, `${effects[0]!.kind} at no named time`);
    assert.ok(member.nextMs() > nowMs, "what is due is not done");
  }

  #do(person: Person, effect: GroupEffect): void {
    if (effect.kind === "propose") return this.#post(effect.commit);
    if (effect.kind === "heartbeat") {
      const beat = { ...effect.beat, signer: person.entry } as SignedHeartbeat;
      this.posted.push({ beat });
    } else if (effect.kind === "seal") {
      this.#requireMember(decodeHash(effect.message), effect.to);
      this.#say(person, effect.to, { t: "seal", bytes: effect.message });
    } else if (effect.kind === "welcome") {
      assert.ok(effect.head.roster.some(({ entry }) => equal(entry, effect.to)), "a stranger's");
      this.#say(person, effect.to, { t: "welcome", bytes: effect.message, head: effect.head });
    } else if (effect.kind === "tell") {
      const t = effect.to === null ? "switch" : "ack";
      this.#say(person, effect.to, { t, bytes: effect.message } as Said);
    } else if (effect.kind === "ask") {
      this.#say(person, effect.to, { t: "ask" });
      if (this.isReplaying) person.shown = 0;
    } else if (effect.kind === "use") {
      person.inUse = `${effect.generation.epoch}.${effect.generation.step}`;
      effect.generation.wipe();
    } else if (effect.kind === "install") effect.generation.wipe();
    else if (effect.kind === "hold") person.inUse = null;
    else if (effect.kind === "stop") person.isStopped = true;
  }

  /** No secret of a commit is for anybody who is not in its roster. */
  #requireMember(hash: Bytes, to: Bytes): void {
    const found = this.posted.some((post) =>
      "commit" in post && equal(post.commit.hash, hash) &&
      !post.commit.change.removed.includes(this.#indexOf(to))
    );
    assert.ok(found, "a secret for somebody who is out");
  }

  #indexOf(entry: Bytes): number {
    for (const { member } of this.people) {
      const seat = member.head?.roster.find((one) => equal(one.entry, entry));
      if (seat !== undefined) return seat.index;
    }
    return -1;
  }

  #post(commit: Commit): void {
    const hash = commitHash(commit);
    const signed = { ...commit, hash, wire: new Uint8Array(0) } as unknown as SignedCommit;
    this.posted.push({ order: ++this.#commits, commit: signed });
  }

  #say(person: Person, to: Bytes | null, said: Said): void {
    for (const other of this.people) {
      if (other === person || (to !== null && !equal(other.entry, to))) continue;
      const count = (this.#said.get(person.index) ?? 0) + 1;
      this.#said.set(person.index, count);
      const name = `${person.index}:${count}:${said.t}`;
      this.letters.set(name, { name, from: person.index, to: other.index, said });
    }
  }

  /** Shows somebody what is next in the room; or lets it be lost. */
  show(person: Person, isLost = false): void {
    const post = this.posted[person.shown++];
    if (post === undefined) return;
    if (isLost) person.events.push("lost");
    else if ("beat" in post) this.act(person, "beat", (m, now) => m.heartbeat(post.beat, now));
    else {
      const { order, commit } = post;
      this.act(person, `commit ${order}`, (m, now) => m.commit(order, commit, now));
    }
  }

  /** Delivers a letter. */
  deliver(letter: Letter): void {
    this.letters.delete(letter.name);
    const { said, from, to } = letter;
    const sender = this.people[from]!.entry;
    this.act(this.people[to]!, letter.name, (member, nowMs) => {
      if (said.t === "seal") return member.secret(sender, said.bytes, nowMs);
      if (said.t === "ack") return member.acknowledged(said.bytes, nowMs);
      if (said.t === "switch") return member.switched(said.bytes, nowMs);
      if (said.t === "ask") return member.asked(sender, nowMs);
      if (said.t !== "welcome") throw new Error("bug: nothing else is said");
      return member.welcome(sender, said.bytes, said.head as Snapshot, nowMs);
    });
  }

  /** Delivers everything until nothing is under way. */
  flush(): void {
    for (let i = 0; i < 10_000; i++) {
      const late = this.people.find(({ shown, isStopped }) =>
        !isStopped && shown < this.posted.length
      );
      const [letter] = this.letters.values();
      if (late !== undefined) this.show(late);
      else if (letter !== undefined) this.deliver(letter);
      else return;
    }
    throw new Error("they never come to an end");
  }

  /** Lets time go by for everybody, and delivers everything all along. */
  pass(ms: number, stepMs = 100): void {
    for (let gone = 0; gone < ms; gone += stepMs) {
      for (const person of this.people) person.nowMs += stepMs;
      for (const person of this.people) this.act(person, "tick", (m, now) => m.tick(now));
      this.flush();
    }
  }

  /** The first begins, and the others come. */
  begin(count: number): void {
    const [first, ...others] = this.people.slice(0, count);
    this.act(first!, "create", (m, now) => m.create(now));
    this.flush();
    for (const person of others) this.act(person, "join", (m, now) => m.join(now));
    for (const person of others) this.presence(person, true);
    this.pass(1_000);
  }

  /** The room tells everybody that somebody came or went. */
  presence(person: Person, isHere: boolean): void {
    for (const other of this.people) {
      if (other === person) continue;
      this.act(
        other,
        `${person.index} ${isHere ? "came" : "went"}`,
        (m, now) => m.presence(person.entry, isHere, now),
      );
    }
  }
}

function decodeHash(message: Bytes): Bytes {
  return decodeSecret(message.slice() as Bytes).hash;
}
