import assert from "node:assert/strict";
import { type Bytes, toHex, utf8 } from "../../crypto/bytes.ts";
import { CryptoError } from "../../crypto/error.ts";
import { Secret } from "../../crypto/secret.ts";
import { Session } from "../../crypto/session.ts";
import { SessionEpoch } from "../../crypto/session_epoch.ts";
import { makePerson, type Person } from "../support/people.ts";
import { RememberedCrypto } from "../support/remembered_crypto.ts";

/**
 * All that can happen to a session's rekeys: both sides offer, say again, speak and forget whenever they
 * like; every message overtakes any other, is lost (stays under way for ever), or comes twice.
 *
 * A state is what each side has done and taken in, in its order, and what is under way: two paths with
 * the same of these are one state, since a side does nothing but for what it was told. In every state:
 * equal epochs have equal exports, nothing that was taken in is taken in again, and no plaintext comes
 * out twice. And from every state, if everything under way is lost and from then on nothing is, both
 * sides come to one epoch, and nobody waits for anything.
 *
 * Each play bounds what the sides do unasked; where `steps` is null it is walked to its very end.
 */
interface Play {
  readonly name: string;
  /** How often each side may do what it does unasked. */
  readonly often: Readonly<Record<string, number>>;
  /** How many steps in all, or null. */
  readonly steps: number | null;
}

/** Further than what a test run has time for. */
const MORE = Number(Deno.env.get("EXPLORATION_MORE") ?? 0);
const PLAYS: readonly Play[] = [
  { name: "both offer once", often: { offer: 1 }, steps: null },
  { name: "both offer twice", often: { offer: 2 }, steps: 10 + MORE },
  { name: "both offer once and say it again", often: { offer: 1, retry: 1 }, steps: 8 + MORE },
  {
    name: "everything",
    often: { offer: 2, retry: 1, say: 1, forget: 1 },
    steps: 5 + MORE,
  },
];

type Side = 0 | 1;
/** What one side does unasked, or which message it takes in. */
type Step = { readonly side: Side; readonly what: string };

interface Message {
  readonly name: string;
  readonly to: Side;
  readonly box: Bytes;
}

const [alice, bob] = [await makePerson("alice"), await makePerson("bob")];

/** Two sessions at the end of a path. */
class World {
  readonly sessions: readonly [Session, Session];
  /** What each side did and took in. */
  readonly events: readonly [string[], string[]] = [[], []];
  readonly underWay = new Map<string, Message>();
  readonly taken: Message[] = [];
  readonly opened = new Set<string>();
  readonly #crypto: RememberedCrypto;
  readonly #often: Play["often"];
  readonly #sent: [number, number] = [0, 0];

  constructor(remembered: RememberedCrypto, { often }: Play) {
    this.#crypto = remembered;
    this.#often = often;
    remembered.begin();
    this.sessions = [sessionOf(0, alice, bob), sessionOf(1, bob, alice)];
  }

  /** The name of this state. */
  get name(): string {
    const [a, b] = this.events;
    return `${a}/${b}/${[...this.underWay.keys()].sort()}`;
  }

  /** What may come next. */
  steps(): Step[] {
    const unasked = ([0, 1] as const).flatMap((side) =>
      Object.entries(this.#often).flatMap(([what, often]) => {
        const before = this.events[side].filter((event) => event === what).length;
        return before < often ? [{ side, what }] : [];
      })
    );
    return [...unasked, ...[...this.underWay].map(([name, { to }]) => ({ side: to, what: name }))];
  }

  async take({ side, what }: Step): Promise<void> {
    this.#crypto.side = `${side}`;
    const session = this.sessions[side];
    const message = this.underWay.get(what);
    this.events[side].push(what);
    if (message !== undefined) {
      this.underWay.delete(what);
      return await this.#deliver(side, message);
    }
    if (what === "offer") this.#send(side, await session.offerRekey());
    else if (what === "retry") this.#send(side, await session.retry());
    else if (what === "say") this.#send(side, await session.seal(utf8(`word of ${side}`)));
    else session.forgetPrevious();
  }

  async #deliver(side: Side, message: Message): Promise<void> {
    try {
      const { payload, reply } = await this.sessions[side].receive(message.box);
      if (payload !== null) {
        assert.ok(!this.opened.has(message.name), "a message was opened twice");
        this.opened.add(message.name);
      }
      this.taken.push(message);
      this.#send(side, reply);
    } catch (error) {
      // Of an epoch that is over here, or not there yet: as good as lost.
      assert.ok(error instanceof CryptoError && error.code === "bad_message", `${error}`);
      this.events[side].pop();
    }
  }

  #send(from: Side, box: Bytes | null): void {
    if (box === null) return;
    const name = `${from}:${++this.#sent[from]}`;
    this.underWay.set(name, { name, to: 1 - from as Side, box });
  }

  /** What holds in every state. */
  async check(): Promise<void> {
    const [a, b] = this.sessions;
    assert.ok(Math.abs(a.epoch - b.epoch) <= 1, "the sides are two epochs apart");
    if (a.epoch === b.epoch) assert.equal(exported(a), exported(b), "one epoch, two exporters");
    for (const { to, box } of this.taken) {
      this.#crypto.side = `${to}`;
      await assert.rejects(this.sessions[to].receive(box), { code: "bad_message" });
    }
  }

  /** From now on nothing is lost: both sides say again, now and then, what they wait for. */
  async settle(): Promise<void> {
    for (let round = 0; round < 4; round++) {
      while (this.underWay.size > 0) {
        const [name, { to }] = [...this.underWay][0]!;
        await this.take({ side: to, what: name });
      }
      for (const side of [0, 1] as const) await this.take({ side, what: "retry" });
    }
    assert.equal(this.underWay.size, 0, "they never come to an end");
    const [a, b] = this.sessions;
    assert.equal(a.epoch, b.epoch, "the sides do not come together");
    assert.equal(exported(a), exported(b));
    // And both still hear each other, and can rekey again.
    for (const [from, to] of [[a, b], [b, a]] as const) {
      assert.deepEqual((await to.receive(await from.seal(utf8("hello")))).payload, utf8("hello"));
    }
  }
}

for (const play of PLAYS) {
  Deno.test(`no loss, no order and no repetition parts the sides of a session: ${play.name}`, async () => {
    using remembered = new RememberedCrypto();
    const known = new Set<string>();
    let deepest = 0;

    async function walk(path: readonly Step[]): Promise<World> {
      const world = new World(remembered, play);
      for (const step of path) await world.take(step);
      return world;
    }

    // Level by level, so that every state is met by its shortest path first.
    for (let level: (readonly Step[])[] = [[]]; level.length > 0;) {
      const next: (readonly Step[])[] = [];
      for (const path of level) {
        const world = await walk(path);
        if (known.has(world.name)) continue;
        known.add(world.name);
        deepest = path.length;
        if (path.length < (play.steps ?? Infinity)) {
          next.push(...world.steps().map((step) => [...path, step]));
        }
        try {
          await world.check();
          world.underWay.clear();
          await world.settle();
        } catch (cause) {
          throw new Error(path.map(({ side, what }) => `${side} ${what}`).join(", "), { cause });
        }
      }
      level = next;
    }
    const bound = play.steps === null ? "all there are" : `${play.steps} steps deep`;
    console.log(`${known.size} states, ${bound} (the longest path: ${deepest})`);
  });
}

function sessionOf(self: Side, own: Person, other: Person): Session {
  const secret = (byte: number) => new Secret(new Uint8Array(32).fill(byte));
  const th = new Uint8Array(32).fill(9);
  const secrets = {
    th,
    root: secret(1),
    ckA: secret(2),
    ckB: secret(3),
    kc: secret(4),
    exp: secret(5),
  };
  const identities = { self: own.keys.identity.privateKey, peer: other.entry.identity };
  const epoch = new SessionEpoch(1, secrets, self);
  return new Session({ callId: new Uint8Array(16), epoch, identities }, self);
}

function exported(session: Session): string {
  return toHex(session.exporter("room-auth", utf8(""), 32));
}
