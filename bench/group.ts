/**
 * The keys of a group call among so many people in one process: what a join and a leave cost.
 *
 * Everybody is a `GroupMember` with the shell that it needs: effects in, and what came of them out. Signatures
 * and sealed messages are real; sessions begin with a secret instead of a handshake, and the network is a
 * queue with a clock of its own, whose every way takes 50 ms. A message that goes to so many counts so often.
 *
 *     deno task bench:group [50 200 500]
 *
 * @module
 */

import { type Bytes, concat, equal, toHex, utf8 } from "../crypto/bytes.ts";
import { openCommit, signCommit } from "../crypto/commit.ts";
import { type GroupEffect } from "../crypto/group_effect.ts";
import { openHeartbeat, signHeartbeat } from "../crypto/group_message.ts";
import { GroupMember } from "../crypto/group_member.ts";
import { parseVerifyingKey, type SigningKeyPair, type VerifyingKey } from "../crypto/keys.ts";
import { generateEd25519, sha256 } from "../crypto/primitives.ts";
import { ReceiveChain, SendChain } from "../crypto/ratchet.ts";
import { CTX } from "../crypto/schedule.ts";
import { Secret } from "../crypto/secret.ts";
import { encodeSnapshot, openSnapshot } from "../crypto/snapshot.ts";

const WAY_MS = 50;
const CALL_ID = new Uint8Array(16);
const TRANSCRIPT = new Uint8Array(32);

interface Person {
  readonly entry: Bytes;
  readonly signing: SigningKeyPair;
  readonly member: GroupMember;
  inUse: string;
  isStopped: boolean;
  usedMs: number;
  /** When its time matters next. */
  nextMs: number;
  /** What its own processor had to do. */
  busyMs: number;
}

interface Event {
  readonly atMs: number;
  readonly happen: () => Promise<void>;
}

type Count = { messages: number; bytes: number; readonly kinds: Map<string, number> };

/** A call and its network. */
class Call {
  readonly people: Person[] = [];
  nowMs = 0;
  count: Count = { messages: 0, bytes: 0, kinds: new Map() };
  #events: Event[] = [];
  #commits = 0;
  readonly #present = new Set<Person>();
  readonly #keys = new Map<string, VerifyingKey>();
  readonly #sessions = new Map<string, readonly [SendChain, ReceiveChain]>();

  async person(): Promise<Person> {
    const { publicKey, privateKey } = await generateEd25519(false);
    const signing = { publicKey: parseVerifyingKey(publicKey), privateKey };
    const entry = sha256(publicKey);
    this.#keys.set(toHex(entry), signing.publicKey);
    const isVerified = (other: Bytes) => this.#keys.has(toHex(other));
    const member = new GroupMember({ callId: CALL_ID, self: entry, isVerified });
    const person = {
      entry,
      signing,
      member,
      inUse: "",
      isStopped: false,
      usedMs: 0,
      nextMs: Infinity,
      busyMs: 0,
    };
    this.people.push(person);
    return person;
  }

  async begin(people: readonly Person[]): Promise<void> {
    const [first, ...others] = people;
    this.#present.add(first!);
    await this.#act(first!, (member) => member.create(this.nowMs));
    await this.run(1_000);
    for (const person of others) await this.come(person);
    await this.run(5_000);
  }

  async come(person: Person): Promise<void> {
    this.#present.add(person);
    await this.#act(person, (member) => member.join(this.nowMs));
    for (const other of this.#present) if (other !== person) this.#tell(other, person, true);
  }

  go(person: Person): void {
    this.#present.delete(person);
    for (const other of this.#present) this.#tell(other, person, false);
  }

  #tell(to: Person, about: Person, isHere: boolean): void {
    this.#later(
      WAY_MS,
      () => this.#act(to, (member) => member.presence(about.entry, isHere, this.nowMs)),
    );
  }

  /** Lets everything happen that does within so long. */
  async run(ms: number): Promise<void> {
    const end = this.nowMs + ms;
    while (true) {
      const [event] = this.#events;
      let clock = Infinity;
      for (const { nextMs } of this.#present) clock = Math.min(clock, nextMs);
      const next = Math.min(event?.atMs ?? Infinity, clock);
      if (next > end) break;
      this.nowMs = Math.max(this.nowMs, next);
      if (event !== undefined && event.atMs <= next) {
        this.#events.shift();
        await event.happen();
        continue;
      }
      for (const person of this.#present) {
        if (person.nextMs > this.nowMs) continue;
        await this.#act(person, (member) => member.tick(this.nowMs));
      }
    }
    this.nowMs = end;
  }

  #later(ms: number, happen: () => Promise<void>): void {
    const atMs = this.nowMs + ms;
    const place = this.#events.findLastIndex((event) => event.atMs <= atMs);
    this.#events.splice(place + 1, 0, { atMs, happen });
  }

  async #act(
    person: Person,
    what: (member: GroupMember) => readonly GroupEffect[] | Promise<readonly GroupEffect[]>,
  ): Promise<void> {
    const start = performance.now();
    for (const effect of await what(person.member)) await this.#do(person, effect);
    person.nextMs = person.member.nextMs();
    person.busyMs += performance.now() - start;
  }

  /** What an application does about each effect. */
  async #do(person: Person, effect: GroupEffect): Promise<void> {
    if (effect.kind === "propose") {
      const wire = await signCommit(effect.commit, person.signing);
      const order = ++this.#commits;
      this.#post("commit", wire, async (to) => {
        const commit = await openCommit(wire, this.#keyOf);
        return to.member.commit(order, commit, this.nowMs);
      });
    } else if (effect.kind === "heartbeat") {
      const wire = await signHeartbeat({ ...effect.beat, signer: person.entry }, person.signing);
      this.#post("heartbeat", wire, async (to) => {
        return to.member.heartbeat(await openHeartbeat(wire, this.#keyOf), this.nowMs);
      });
    } else if (effect.kind === "seal") {
      const box = await this.#session(person.entry, effect.to)[0].seal(effect.message);
      this.#send("secret", effect.to, box, async (to) => {
        const opened = await this.#session(person.entry, to.entry)[1].open(box);
        return to.member.secret(person.entry, opened, this.nowMs);
      });
    } else if (effect.kind === "welcome") {
      const box = await this.#session(person.entry, effect.to)[0].seal(effect.message);
      const snapshot = encodeSnapshot(effect.head);
      this.#send("welcome", effect.to, concat(box, snapshot), async (to) => {
        const opened = await this.#session(person.entry, to.entry)[1].open(box);
        const head = await openSnapshot(snapshot, this.#keyOf);
        return to.member.welcome(person.entry, opened, head, this.nowMs);
      });
    } else if (effect.kind === "tell") {
      const { to, message } = effect;
      if (to === null) {
        this.#post("switch", message, async (to) => await to.member.switched(message, this.nowMs));
      } else {
        this.#send("ack", to, message, async (to) => {
          return await to.member.acknowledged(message, this.nowMs);
        });
      }
    } else if (effect.kind === "ask") {
      const asked = async (to: Person) => await to.member.asked(person.entry, this.nowMs);
      if (effect.to === null) this.#post("ask", new Uint8Array(1), asked);
      else this.#send("ask", effect.to, new Uint8Array(1), asked);
    } else if (effect.kind === "install") effect.generation.wipe();
    else if (effect.kind === "use") {
      await effect.generation.frameKey(0, CTX.mic);
      person.inUse = `${effect.generation.epoch}.${effect.generation.step}`;
      person.usedMs = this.nowMs;
      effect.generation.wipe();
    } else if (effect.kind === "stop") person.isStopped = true;
  }

  readonly #keyOf = (entry: Bytes) => this.#keys.get(toHex(entry)) ?? null;

  #post(
    kind: string,
    wire: Bytes,
    receive: (to: Person) => Promise<readonly GroupEffect[]>,
  ): void {
    for (const person of this.#present) this.#way(kind, wire, person, receive);
  }

  #send(
    kind: string,
    to: Bytes,
    wire: Bytes,
    receive: (to: Person) => Promise<readonly GroupEffect[]>,
  ): void {
    const person = this.people.find(({ entry }) => equal(entry, to));
    if (person !== undefined) this.#way(kind, wire, person, receive);
  }

  #way(
    kind: string,
    wire: Bytes,
    to: Person,
    receive: (to: Person) => Promise<readonly GroupEffect[]>,
  ): void {
    this.count.messages++;
    this.count.bytes += wire.length;
    this.count.kinds.set(kind, (this.count.kinds.get(kind) ?? 0) + wire.length);
    this.#later(2 * WAY_MS, () => this.#act(to, () => receive(to)));
  }

  #session(from: Bytes, to: Bytes): readonly [SendChain, ReceiveChain] {
    const name = `${toHex(from)} ${toHex(to)}`;
    let session = this.#sessions.get(name);
    if (session === undefined) {
      const chain = () => new Secret(sha256(utf8(name)));
      session = [new SendChain(1, TRANSCRIPT, chain()), new ReceiveChain(1, TRANSCRIPT, chain())];
      this.#sessions.set(name, session);
    }
    return session;
  }
}

/** What it took until everybody sends with the new keys. */
export interface Cost {
  readonly messages: number;
  readonly bytes: number;
  /** By the network's clock, from the room's first word. */
  readonly ms: number;
  /** The processor's time of the committer, and the median of the others. */
  readonly committerMs: number;
  readonly othersMs: number;
  /** Bytes by kind of message. */
  readonly kinds: ReadonlyMap<string, number>;
}

/** What it costs when the last of so many joins, and when one of so many leaves. */
export async function groupCost(
  size: number,
): Promise<{ readonly join: Cost; readonly leave: Cost }> {
  const call = new Call();
  for (let i = 0; i < size; i++) await call.person();
  await call.begin(call.people.slice(0, -1));
  const joiner = call.people[size - 1]!;
  const join = await costOf(call, call.people, () => call.come(joiner));
  const leaver = call.people[size >> 1]!;
  const others = call.people.filter((person) => person !== leaver);
  const leave = await costOf(call, others, () => Promise.resolve(call.go(leaver)));
  return { join, leave };
}

/** Lets it happen. @param people those who are to come to new keys; the first is the committer */
async function costOf(
  call: Call,
  people: readonly Person[],
  happen: () => Promise<void>,
): Promise<Cost> {
  call.count = { messages: 0, bytes: 0, kinds: new Map() };
  for (const person of people) person.busyMs = 0;
  const startMs = call.nowMs;
  const before = people[0]!.inUse;
  await happen();
  await call.run(4_000);
  const inUse = new Set(people.map((person) => person.inUse));
  const secrets = new Set(people.map(secretOf));
  if (inUse.size !== 1 || secrets.size !== 1 || inUse.has(before)) {
    throw new Error("they are parted");
  }
  const [committerMs, ...busy] = people.map(({ busyMs }) => busyMs);
  busy.sort((a, b) => a - b);
  return {
    ...call.count,
    ms: Math.max(...people.map(({ usedMs }) => usedMs)) - startMs,
    committerMs: committerMs!,
    othersMs: busy[busy.length >> 1]!,
  };
}

function secretOf({ member }: Person): string {
  const generation = member.generation;
  return generation === null ? "" : toHex(generation.exporter("check", CALL_ID, 32));
}

function print(name: string, cost: Cost): void {
  const kB = (bytes: number) => `${(bytes / 1000).toFixed(1)} kB`;
  console.log(
    `${name}: ${cost.messages} messages, ${kB(cost.bytes)}, all send after ${cost.ms} ms; ` +
      `processor: committer ${cost.committerMs.toFixed(0)} ms, others ${
        cost.othersMs.toFixed(1)
      } ms`,
  );
  console.log(`    ${[...cost.kinds].map(([kind, sum]) => `${kind} ${kB(sum)}`).join(", ")}`);
}

if (import.meta.main) {
  const sizes = Deno.args.length > 0 ? Deno.args.map(Number) : [50, 200, 500];
  for (const size of sizes) {
    const { join, leave } = await groupCost(size);
    print(`${size}: the last one joins`, join);
    print(`${size}: one leaves`, leave);
  }
}
