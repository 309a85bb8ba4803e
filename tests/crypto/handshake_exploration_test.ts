import assert from "node:assert/strict";
import {
  abandon,
  answer,
  complete,
  confirm,
  finish,
  type Unconfirmed,
} from "../../crypto/answer.ts";
import { type VerifiedBundle } from "../../crypto/bundle.ts";
import { type Bytes, equal, toHex, utf8 } from "../../crypto/bytes.ts";
import { CryptoError } from "../../crypto/error.ts";
import { commonHash, kindOf } from "../../crypto/handshake_message.ts";
import { openRefusal, openWithdrawal, refuse, withdraw } from "../../crypto/offer_end.ts";
import { type Session } from "../../crypto/session.ts";
import { accept, type AcceptedOffer, initiate, type PendingOffer } from "../../crypto/x3dh.ts";
import {
  makePerson,
  NOW_MS,
  type Person,
  ROOM,
  usedPrekeysOf,
  verifiedBundleOf,
} from "../support/people.ts";
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
 * All that can happen between two people who call each other, pick up, decline, hang up, and lose their
 * page, to a stated number of steps: every message overtakes any other, is lost, or comes twice.
 *
 * Where both called and nobody's page was lost, they are in one call once everything has arrived.
 *
 * In every state: no offer opens twice, no side holds a session for a call that it never agreed to, two
 * sessions of one call have one exporter, and what was taken in is not taken in again. And from every
 * state: if from then on nothing is lost, and whoever waits in vain gives up, one of them can call the
 * other, and they are in one call.
 */

const PLAYS: readonly Play[] = [
  { name: "both call and pick up", often: { call: 1, pickUp: 1 }, steps: null },
  {
    name: "calls, pages that are lost, refusals, and giving up",
    often: { call: 2, pickUp: 2, decline: 1, hangUp: 1, reload: 1 },
    steps: 6 + MORE_STEPS,
  },
];

interface Message {
  readonly to: Side;
  /** Of an offer. */
  readonly common: Bytes | null;
  readonly bytes: Bytes;
  /** The call that an offer takes the place of, or empty. */
  readonly replaces: string;
}

const people = [await makePerson("alice"), await makePerson("bob")] as const;
const bundles: readonly VerifiedBundle[] = [
  await verifiedBundleOf(people[0]),
  await verifiedBundleOf(people[1]),
];

/** One side, as the client plays it: `client/outgoing.ts`, `ringing.ts` and `ongoing.ts`. */
class Party {
  placed: PendingOffer | null = null;
  ringing: AcceptedOffer | null = null;
  unconfirmed: Unconfirmed | null = null;
  session: Session | null = null;
  /** What the store keeps when the page is lost. */
  readonly seen = new Set<string>();
  lost = "";
  readonly #person: Person;
  readonly #self: Side;

  constructor(self: Side) {
    this.#self = self;
    this.#person = people[self];
  }

  get state(): string {
    const [ids, session] = [
      [this.placed, this.ringing, this.unconfirmed].map((each) => each && toHex(each.callId)),
      this.session && `${toHex(this.session.callId)} ${exported(this.session)}`,
    ];
    return JSON.stringify([ids, session]);
  }

  async call(): Promise<readonly [Bytes, Bytes, string] | null> {
    if (this.placed ?? this.ringing ?? this.unconfirmed ?? this.session) return null;
    const input = { room: ROOM, nowMs: NOW_MS, ttlS: 60, payload: utf8(this.lost) };
    const peer = bundles[1 - this.#self]!;
    const { common, offers: [sealed] } = await initiate(this.#person.device, [peer], input);
    this.placed = sealed!.pending;
    return [common, sealed!.offer, this.lost];
  }

  async pickUp(): Promise<Bytes | null> {
    if (this.ringing === null) return null;
    const { answer: message, unconfirmed } = await answer(this.ringing, utf8("answer"));
    this.ringing = null;
    this.unconfirmed = unconfirmed;
    return message;
  }

  async decline(): Promise<Bytes | null> {
    const { ringing } = this;
    this.ringing = null;
    return ringing && await refuse(ringing, utf8("declined"));
  }

  async hangUp(): Promise<Bytes | null> {
    const { placed } = this;
    this.placed = null;
    return placed && await withdraw(placed, utf8("ended"));
  }

  /** The page is lost, and what was in its memory. */
  reload(): void {
    if (this.session !== null) this.lost = toHex(this.session.callId);
    this.giveUp();
    this.session = null;
  }

  /** Whatever waited in vain ends: an offer after a minute, an answer without its confirm sooner. */
  giveUp(): void {
    for (const each of [this.placed, this.ringing, this.unconfirmed]) {
      if (each !== null) abandon(each);
    }
    this.placed = this.ringing = this.unconfirmed = null;
  }

  /** Takes a message in; gives what is sent back, at once. */
  async take({ common, bytes, replaces }: Message): Promise<readonly (Bytes | null)[]> {
    if (common !== null) return await this.#takeOffer(common, bytes, replaces);
    switch (kindOf(bytes)) {
      case "answer":
        return [await this.#takeAnswer(bytes)];
      case "confirm":
        return await this.#takeConfirm(bytes);
      default:
        return await this.#takeEnd(bytes);
    }
  }

  async #takeOffer(common: Bytes, offer: Bytes, replaces: string) {
    const peer = people[1 - this.#self]!.device;
    const message = { common, offer, nowMs: NOW_MS };
    const prekeys = usedPrekeysOf(this.#person);
    const name = toHex(offer);
    if (this.seen.has(name)) throw new CryptoError("bad_handshake", "The offer was seen before");
    const { accepted } = await accept(this.#person.device, prekeys, peer, message);
    this.seen.add(name);
    const ours = this.placed && commonHash(this.placed.common);
    const isBusy = this.ringing !== null || this.unconfirmed !== null;
    const continues = this.session !== null && toHex(this.session.callId) === replaces;
    const isLower = this.placed !== null && toHex(this.placed.common) < toHex(accepted.common);
    if (isBusy || isLower || (this.session !== null && !continues)) {
      abandon(accepted);
      return [];
    }
    this.ringing = accepted;
    // One's own call goes on until theirs is confirmed: until then it may be nobody's.
    return ours === null && !continues ? [] : [await this.pickUp()];
  }

  async #takeAnswer(message: Bytes): Promise<Bytes> {
    if (this.placed === null) throw new CryptoError("bad_handshake", "Nobody was called");
    const { unconfirmed } = await finish(this.placed, message);
    const { session, confirm: sealed } = await confirm(unconfirmed, utf8("ready"));
    this.placed = null;
    this.session = session;
    return sealed;
  }

  async #takeConfirm(message: Bytes): Promise<readonly (Bytes | null)[]> {
    if (this.unconfirmed === null) throw new CryptoError("bad_handshake", "Nothing was answered");
    const { session } = await complete(this.unconfirmed, message);
    this.unconfirmed = null;
    this.session?.wipe();
    this.session = session;
    return [await this.hangUp()];
  }

  /** Of the call that was placed, or of theirs: each has a room of its own. */
  async #takeEnd(box: Bytes): Promise<readonly Bytes[]> {
    const theirs = this.ringing ?? this.unconfirmed;
    if (this.placed !== null && await opens(openRefusal(this.placed, box))) {
      this.placed = null;
    } else if (theirs !== null && await opens(openWithdrawal(theirs, box))) {
      this.ringing = this.unconfirmed = null;
    } else throw new CryptoError("bad_message", "Nothing that could end");
    return [];
  }
}

async function opens(opening: Promise<Bytes>): Promise<boolean> {
  try {
    await opening;
    return true;
  } catch (error) {
    if (error instanceof CryptoError) return false;
    throw error;
  }
}

class People implements World {
  readonly parties: readonly [Party, Party] = [new Party(0), new Party(1)];
  readonly history = new History<Message>();
  readonly #taken: Message[] = [];
  readonly #crypto: RememberedCrypto;
  readonly #play: Play;

  constructor(remembered: RememberedCrypto, play: Play) {
    this.#crypto = remembered;
    this.#play = play;
    remembered.begin();
  }

  async take({ side, what }: Step): Promise<void> {
    this.#crypto.side = `${side}`;
    const { events, underWay } = this.history;
    const party = this.parties[side];
    const message = underWay.get(what);
    if (message !== undefined) {
      underWay.delete(what);
      return await this.#deliver(what, message);
    }
    const before = party.state;
    if (what === "call") {
      const called = await party.call();
      if (called !== null) this.#send(side, called[1], called[0], called[2]);
    } else if (what === "reload") party.reload();
    else this.#send(side, await party[what as "pickUp" | "decline" | "hangUp"]());
    if (party.state !== before) events[side].push(what);
  }

  async #deliver(name: string, message: Message): Promise<void> {
    const { to } = message;
    const party = this.parties[to];
    const before = party.state;
    try {
      const replies = await party.take(message);
      this.#taken.push(message);
      this.history.events[to].push(name);
      for (const reply of replies) this.#send(to, reply);
    } catch (error) {
      assert.ok(error instanceof CryptoError, `${error}`);
      assert.ok(["bad_handshake", "bad_message"].includes(error.code), error.code);
      assert.equal(party.state, before, "a refusal changed something");
    }
  }

  #send(from: Side, bytes: Bytes | null, common: Bytes | null = null, replaces = ""): void {
    if (bytes !== null) this.history.send({ to: 1 - from as Side, common, bytes, replaces });
  }

  async check(): Promise<void> {
    this.#agree();
    for (const message of this.#taken) {
      const party = this.parties[message.to];
      const before = party.state;
      this.#crypto.side = `${message.to}`;
      await assert.rejects(party.take(message), CryptoError, "a message was taken in twice");
      assert.equal(party.state, before);
    }
    await this.#settle();
  }

  #agree(): void {
    const [a, b] = this.parties.map(({ session }) => session);
    if (!a || !b || !equal(a.callId, b.callId)) return;
    assert.equal(exported(a), exported(b), "one call, two exporters");
  }

  async #deliverAll(): Promise<void> {
    const { history } = this;
    for (let step = history.next(); step !== null; step = history.next()) await this.take(step);
  }

  /** From now on nothing is lost. */
  async #settle(): Promise<void> {
    await this.#deliverAll();
    const [a, b] = this.parties;
    const isOne = a.session !== null && b.session !== null &&
      equal(a.session.callId, b.session.callId);
    if (isOne) return this.#agree();
    const isGlare = this.history.events.every((events) => events.includes("call"));
    assert.ok(!isGlare || "reload" in this.#play.often, "both called, and are not in one call");
    // A call whose other side is not in it goes silent and ends; what waits in vain gives up.
    for (const party of this.parties) party.reload();
    for (const step of [{ side: 0, what: "call" }, { side: 1, what: "pickUp" }] as const) {
      await this.take(step);
      await this.#deliverAll();
    }
    assert.ok(a.session !== null && b.session !== null, "they do not come together");
    assert.equal(exported(a.session), exported(b.session));
  }
}

for (const play of PLAYS) {
  Deno.test(`no loss, no order and no repetition leaves two people in two calls: ${play.name}`, async () => {
    using remembered = new RememberedCrypto();
    await explore(play, () => new People(remembered, play));
  });
}

function exported(session: Session): string {
  return toHex(session.exporter("room-auth", new Uint8Array(0), 32));
}
