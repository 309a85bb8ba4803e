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

const MORE = Number(Deno.env.get("EXPLORATION_MORE") ?? 0);
const PLAYS = [
  { name: "both call and pick up", often: { call: 1, pickUp: 1 }, steps: 12 + MORE },
  {
    name: "calls, pages that are lost, refusals, and giving up",
    often: { call: 2, pickUp: 2, decline: 1, hangUp: 1, reload: 1 },
    steps: 7 + MORE,
  },
] as const;

type Side = 0 | 1;
type Step = { readonly side: Side; readonly what: string };
interface Message {
  readonly name: string;
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
    if (ours === null && !continues) return [];
    const withdrawn = await this.hangUp();
    return [withdrawn, await this.pickUp()];
  }

  async #takeAnswer(message: Bytes): Promise<Bytes> {
    if (this.placed === null) throw new CryptoError("bad_handshake", "Nobody was called");
    const { unconfirmed } = await finish(this.placed, message);
    const { session, confirm: sealed } = await confirm(unconfirmed, utf8("ready"));
    this.placed = null;
    this.session = session;
    return sealed;
  }

  async #takeConfirm(message: Bytes): Promise<readonly Bytes[]> {
    if (this.unconfirmed === null) throw new CryptoError("bad_handshake", "Nothing was answered");
    const { session } = await complete(this.unconfirmed, message);
    this.unconfirmed = null;
    this.session?.wipe();
    this.session = session;
    return [];
  }

  async #takeEnd(box: Bytes): Promise<readonly Bytes[]> {
    const handshake = this.ringing ?? this.unconfirmed;
    if (this.placed !== null) {
      await openRefusal(this.placed, box);
      this.placed = null;
    } else if (handshake !== null) {
      await openWithdrawal(handshake, box);
      this.ringing = this.unconfirmed = null;
    } else throw new CryptoError("bad_message", "Nothing that could end");
    return [];
  }
}

class World {
  readonly parties: readonly [Party, Party] = [new Party(0), new Party(1)];
  readonly events: readonly [string[], string[]] = [[], []];
  readonly underWay = new Map<string, Message>();
  readonly taken: Message[] = [];
  readonly #crypto: RememberedCrypto;
  readonly #often: Readonly<Record<string, number>>;
  readonly #sent: [number, number] = [0, 0];

  constructor(remembered: RememberedCrypto, often: Readonly<Record<string, number>>) {
    this.#crypto = remembered;
    this.#often = often;
    remembered.begin();
  }

  get name(): string {
    const [a, b] = this.events;
    return `${a}/${b}/${[...this.underWay.keys()].sort()}`;
  }

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
    const party = this.parties[side];
    const message = this.underWay.get(what);
    if (message !== undefined) {
      this.underWay.delete(what);
      return await this.#deliver(side, message);
    }
    const before = party.state;
    if (what === "call") {
      const called = await party.call();
      if (called !== null) this.#send(side, called[1], called[0], called[2]);
    } else if (what === "reload") party.reload();
    else this.#send(side, await party[what as "pickUp" | "decline" | "hangUp"]());
    if (party.state !== before) this.events[side].push(what);
  }

  async #deliver(side: Side, message: Message): Promise<void> {
    const party = this.parties[side];
    const before = party.state;
    try {
      const replies = await party.take(message);
      this.taken.push(message);
      this.events[side].push(message.name);
      for (const reply of replies) this.#send(side, reply);
    } catch (error) {
      assert.ok(error instanceof CryptoError, `${error}`);
      assert.ok(["bad_handshake", "bad_message"].includes(error.code), error.code);
      assert.equal(party.state, before, "a refusal changed something");
    }
  }

  #send(from: Side, bytes: Bytes | null, common: Bytes | null = null, replaces = ""): void {
    if (bytes === null) return;
    const name = `${from}:${++this.#sent[from]}`;
    this.underWay.set(name, { name, to: 1 - from as Side, common, bytes, replaces });
  }

  async check(): Promise<void> {
    this.#agree();
    for (const message of this.taken) {
      const party = this.parties[message.to];
      const before = party.state;
      this.#crypto.side = `${message.to}`;
      await assert.rejects(party.take(message), CryptoError, "a message was taken in twice");
      assert.equal(party.state, before);
    }
  }

  #agree(): void {
    const [a, b] = this.parties.map(({ session }) => session);
    if (!a || !b || !equal(a.callId, b.callId)) return;
    assert.equal(exported(a), exported(b), "one call, two exporters");
  }

  /** From now on nothing is lost. */
  async settle(): Promise<void> {
    while (this.underWay.size > 0) {
      const [name, { to }] = [...this.underWay][0]!;
      await this.take({ side: to, what: name });
    }
    const [a, b] = this.parties;
    const isOne = a.session !== null && b.session !== null &&
      equal(a.session.callId, b.session.callId);
    if (isOne) return this.#agree();
    const isGlare = this.events.every((events) => events.includes("call"));
    assert.ok(!isGlare || "reload" in this.#often, "both called, and are not in one call");
    // A call whose other side is not in it goes silent and ends; what waits in vain gives up.
    for (const party of this.parties) party.reload();
    for (const step of [[0, "call"], [1, "pickUp"]] as const) {
      await this.take({ side: step[0], what: step[1] });
      while (this.underWay.size > 0) {
        const [name, { to }] = [...this.underWay][0]!;
        await this.take({ side: to, what: name });
      }
    }
    assert.ok(a.session !== null && b.session !== null, "they do not come together");
    assert.equal(exported(a.session), exported(b.session));
  }
}

for (const play of PLAYS) {
  Deno.test(`no loss, no order and no repetition leaves two people in two calls: ${play.name}`, async () => {
    using remembered = new RememberedCrypto();
    const known = new Set<string>();
    let deepest = 0;
    for (let level: (readonly Step[])[] = [[]]; level.length > 0;) {
      const next: (readonly Step[])[] = [];
      for (const path of level) {
        const world = new World(remembered, play.often);
        for (const step of path) await world.take(step);
        if (known.has(world.name)) continue;
        known.add(world.name);
        deepest = path.length;
        if (path.length < play.steps) next.push(...world.steps().map((step) => [...path, step]));
        try {
          await world.check();
          await world.settle();
        } catch (cause) {
          throw new Error(path.map(({ side, what }) => `${side} ${what}`).join(", "), { cause });
        }
      }
      level = next;
    }
    console.log(`${known.size} states, ${play.steps} steps deep (the longest path: ${deepest})`);
  });
}

function exported(session: Session): string {
  return toHex(session.exporter("room-auth", new Uint8Array(0), 32));
}
