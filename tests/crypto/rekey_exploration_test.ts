import assert from "node:assert/strict";
import { type Bytes, toHex, utf8 } from "../../crypto/bytes.ts";
import { CryptoError } from "../../crypto/error.ts";
import { CTX } from "../../crypto/schedule.ts";
import { Secret } from "../../crypto/secret.ts";
import { Session } from "../../crypto/session.ts";
import { SessionEpoch } from "../../crypto/session_epoch.ts";
import { makePerson, type Person } from "../support/people.ts";
import {
  explore,
  History,
  MORE_STEPS,
  type Play,
  type Side,
  type Step,
  type World,
} from "../support/exploration.ts";
import { RememberedCrypto } from "../support/remembered_crypto.ts";

/**
 * All that can happen to a session's rekeys: both sides offer, say again, speak and forget whenever they
 * like; every message overtakes any other, is lost (stays under way for ever), or comes twice.
 *
 * In every state (`exploration.ts`): equal epochs have equal exports, each side holds the frame keys that the
 * other sends with, nothing that was taken in is taken
 * in again, and no plaintext comes out twice. And from every state, if everything under way is lost and
 * from then on nothing is, both sides come to one epoch, and nobody waits for anything.
 */
const PLAYS: readonly Play[] = [
  { name: "both offer once", often: { offer: 1 }, steps: null },
  { name: "both offer twice", often: { offer: 2 }, steps: 10 + MORE_STEPS },
  {
    name: "both offer once and say it again",
    often: { offer: 1, retry: 1 },
    steps: 8 + MORE_STEPS,
  },
  {
    name: "everything",
    often: { offer: 2, retry: 1, say: 1, forget: 1 },
    steps: 5 + MORE_STEPS,
  },
];

interface Message {
  readonly to: Side;
  readonly box: Bytes;
}

const [alice, bob] = [await makePerson("alice"), await makePerson("bob")];

/** Two sessions at the end of a path. */
class Sessions implements World {
  readonly sessions: readonly [Session, Session];
  readonly history = new History<Message>();
  readonly #taken: Message[] = [];
  readonly #opened = new Set<Message>();
  readonly #crypto: RememberedCrypto;

  constructor(remembered: RememberedCrypto) {
    this.#crypto = remembered;
    remembered.begin();
    this.sessions = [sessionOf(0, alice, bob), sessionOf(1, bob, alice)];
  }

  async take({ side, what }: Step): Promise<void> {
    this.#crypto.side = `${side}`;
    const { events, underWay } = this.history;
    const session = this.sessions[side];
    const message = underWay.get(what);
    events[side].push(what);
    if (message !== undefined) {
      underWay.delete(what);
      return await this.#deliver(message);
    }
    if (what === "offer") this.#send(side, await session.offerRekey());
    else if (what === "retry") this.#send(side, await session.retry());
    else if (what === "say") this.#send(side, await session.seal(utf8(`word of ${side}`)));
    else {
      session.forgetPrevious();
      // As after its time is up: what the other side has left is erased.
      session.retireKeys(session.heardEpoch);
    }
  }

  async #deliver(message: Message): Promise<void> {
    const { to, box } = message;
    try {
      const { payload, reply } = await this.sessions[to].receive(box);
      if (payload !== null) {
        assert.ok(!this.#opened.has(message), "a message was opened twice");
        this.#opened.add(message);
      }
      this.#taken.push(message);
      this.#send(to, reply);
    } catch (error) {
      // Of an epoch that is over here, or not there yet: as good as lost.
      assert.ok(error instanceof CryptoError && error.code === "bad_message", `${error}`);
      this.history.events[to].pop();
    }
  }

  #send(from: Side, box: Bytes | null): void {
    if (box !== null) this.history.send({ to: 1 - from as Side, box });
  }

  async check(): Promise<void> {
    const [a, b] = this.sessions;
    assert.ok(Math.abs(a.epoch - b.epoch) <= 1, "the sides are two epochs apart");
    if (a.epoch === b.epoch) assert.equal(exported(a), exported(b), "one epoch, two exporters");
    for (const [from, to] of [[a, b], [b, a]] as const) {
      const sent = await from.keys.sendKey(CTX.mic);
      const held = await to.keys.recvKey(sent.kid);
      assert.deepEqual(held?.salt, sent.salt, "one side sends what the other can't open");
    }
    for (const { to, box } of this.#taken) {
      this.#crypto.side = `${to}`;
      await assert.rejects(this.sessions[to].receive(box), { code: "bad_message" });
    }
    this.history.underWay.clear();
    await this.#settle();
  }

  /** From now on nothing is lost: both sides say again, now and then, what they wait for. */
  async #settle(): Promise<void> {
    const { history } = this;
    for (let round = 0; round < 4; round++) {
      for (let step = history.next(); step !== null; step = history.next()) await this.take(step);
      for (const side of [0, 1] as const) await this.take({ side, what: "retry" });
    }
    assert.equal(history.underWay.size, 0, "they never come to an end");
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
    await explore(play, () => new Sessions(remembered));
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
