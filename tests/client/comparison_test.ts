/**
 * A comparison's tries, over real sessions: what ends one, what ends the call, and how often one may try.
 *
 * @module
 */

import assert from "node:assert/strict";
import { type CallSides, LiveComparison } from "../../client/live_comparison.ts";
import { type ClientError } from "../../client/error.ts";
import { type Pin, type Standing, standingOf } from "../../client/contact.ts";
import { memoryStore, type Store } from "../../client/store.ts";
import { sasBase, sasCommitment } from "../../crypto/sas.ts";
import { randomBytes } from "../../crypto/primitives.ts";
import { type Session } from "../../crypto/session.ts";
import { payloadFromBytes, payloadToBytes, type SasPayload } from "../../wire/payload.ts";
import { connect, makePerson } from "../support/people.ts";
import { read, write } from "../support/raw_store.ts";
import { refuses } from "../support/refuses.ts";

const [alice, bob] = [await makePerson("alice"), await makePerson("bob")];
const side = ({ record }: typeof alice) => ({
  record,
  said: { sdp: "", fingerprints: ["ab".repeat(32)], head: "a head", proof: "" },
});

/** One side of a call, with what it sent and what came of it. */
interface Side {
  readonly comparison: LiveComparison;
  readonly session: Session;
  /** What it sent and nobody has taken. */
  readonly sent: SasPayload[];
  /** What ended its call. */
  readonly ends: ClientError[];
  /** What is noted of the other side. */
  noted(): Promise<Standing>;
}

/** A store that has somebody pinned. */
function storeKnowing({ record: { account, bytes } }: typeof alice): Store {
  const pin: Pin = {
    record: bytes,
    before: null,
    shown: [],
    firstSeenMs: 0,
    setNumbers: {},
    contested: null,
  };
  const store = memoryStore();
  void write(store, { [`pin/${account.label}`]: pin });
  return store;
}

async function pair(): Promise<[Side, Side]> {
  const { caller, callee } = await connect(alice, bob);
  const open = (session: Session, own: typeof alice, peer: typeof alice): Side => {
    const [sent, ends]: [SasPayload[], ClientError[]] = [[], []];
    const store = storeKnowing(peer);
    const sides: CallSides = { own: side(own), peer: side(peer), world: { store, now: Date.now } };
    const send = (payload: SasPayload) => {
      // As it is on the way.
      sent.push(payloadFromBytes(payloadToBytes(payload)) as SasPayload);
      return Promise.resolve();
    };
    const fail = (error: ClientError) => void ends.push(error);
    const comparison = new LiveComparison({ session, sides, send, fail });
    const noted = async () => {
      const pin = await read(store, `pin/${peer.record.account.label}`) as Pin;
      return standingOf(pin);
    };
    return { comparison, session, sent, ends, noted };
  };
  return [open(caller, alice, bob), open(callee, bob, alice)];
}

/** Hands on what one side sent. */
async function pass(from: Side, to: Side): Promise<void> {
  for (const payload of from.sent.splice(0)) await to.comparison.take(payload);
}

/** Both enter the next epoch. */
async function rekey(a: Side, b: Side): Promise<void> {
  const answer = (await b.session.receive((await a.session.offerRekey())!)).reply!;
  const done = (await a.session.receive(answer)).reply!;
  await a.session.receive((await b.session.receive(done)).reply!);
  assert.equal(a.session.epoch, b.session.epoch);
}

/** A comparison from the first button to both codes. */
async function compare(a: Side, b: Side): Promise<void> {
  await a.comparison.begin();
  await pass(a, b);
  await b.comparison.begin();
  await pass(b, a);
  await pass(a, b);
  assert.deepEqual([a.comparison.state, b.comparison.state], ["shown", "shown"]);
  assert.deepEqual(a.comparison.code, b.comparison.code);
}

Deno.test("an epoch has one try, the next one another, and a call three", async () => {
  const [a, b] = await pair();
  const codes = new Set<string>();
  for (let epoch = 1; epoch <= 3; epoch++) {
    assert.equal(a.session.epoch, epoch);
    await compare(a, b);
    codes.add(a.comparison.code!.digits);
    await refuses(a.comparison.begin(), "refused");
    await rekey(a, b);
  }
  assert.equal(codes.size, 3);
  for (const each of [a, b]) await refuses(each.comparison.begin(), "refused");
  // Nor does asking cost the other side one of theirs.
  const [c, d] = await pair();
  for (let epoch = 1; epoch <= 4; epoch++) {
    await d.comparison.take({ kind: "sas", step: "commit", epoch, value: randomBytes(32) });
    assert.equal(d.comparison.state, "asked");
    await rekey(c, d);
  }
  await compare(c, d);
});

Deno.test("a reveal that was not committed to ends the call, and shows no code", async () => {
  const [a, b] = await pair();
  await a.comparison.begin();
  await pass(a, b);
  await b.comparison.begin();
  await pass(b, a);
  const [reveal] = a.sent.splice(0);
  await refuses(
    b.comparison.take({ ...reveal!, value: randomBytes(32) }),
    "comparison_refused",
  );
  assert.deepEqual(b.ends.map(({ code }) => code), ["comparison_refused"]);
  assert.deepEqual([b.comparison.state, b.comparison.code], ["failed", null]);
});

Deno.test("a second commitment, a step out of order and a nonce that comes back end the try", async () => {
  const attacks: ((b: Side) => Promise<SasPayload>)[] = [
    (b) => step(b, "nonce"),
    (b) => step(b, "reveal"),
    async (b) => (await b.comparison.take(await step(b, "commit")), await step(b, "commit")),
    async (b) => {
      await b.comparison.take(await step(b, "commit"));
      await b.comparison.begin();
      return { ...b.sent.pop()!, step: "reveal" };
    },
  ];
  for (const attack of attacks) {
    const [, b] = await pair();
    await refuses(b.comparison.take(await attack(b)), "comparison_refused");
    assert.deepEqual([b.comparison.state, b.comparison.code, b.ends], ["failed", null, []]);
    // A try of this epoch that had begun is used up.
    if (attack !== attacks[0] && attack !== attacks[1]) {
      await refuses(b.comparison.begin(), "unavailable");
    }
  }
  const [a, b] = await pair();
  await compare(a, b);
  await refuses(b.comparison.take(await step(b, "commit")), "comparison_refused");
  assert.deepEqual([b.comparison.state, b.comparison.code], ["failed", null]);
  await refuses(b.comparison.say("same"), "refused");
  function step({ session: { epoch } }: Side, name: SasPayload["step"]): Promise<SasPayload> {
    return Promise.resolve({ kind: "sas", step: name, epoch, value: randomBytes(32) });
  }
});

Deno.test("whoever has this side's answer gets no other without its person: guesses are seen", async () => {
  const [a, b] = await pair();
  // Mallory, who holds the session, commits, has the answer, and likes the code that it makes no better
  // than chance; so she does not reveal, and commits again in the next epoch.
  const commit = (): SasPayload => {
    const { session } = b;
    const roster = [side(alice), side(bob)].map(({ record, said }) => ({
      account: record.account,
      recordHash: record.hash,
      fingerprints: [Uint8Array.from({ length: 32 }, () => 0xab)],
      head: said.head,
    }));
    const { callId, epoch } = session;
    const base = sasBase(session.exporter, { callId, epoch, roster });
    return { kind: "sas", step: "commit", epoch, value: sasCommitment(base, 0, randomBytes(32)) };
  };
  await b.comparison.take(commit());
  await b.comparison.begin();
  assert.equal(b.sent.splice(0).length, 1);
  await rekey(a, b);
  await b.comparison.take(commit());
  assert.equal(b.comparison.state, "asked");
  assert.equal(b.sent.length, 0);
});

Deno.test("a question that was asked an epoch ago is asked again by whoever agrees to it", async () => {
  const [a, b] = await pair();
  await a.comparison.begin();
  await rekey(a, b);
  await pass(a, b);
  assert.equal(b.comparison.state, "asked");
  // Both persons have pressed the button by now, so nobody is asked a second time.
  await b.comparison.begin();
  await pass(b, a);
  await pass(a, b);
  await pass(b, a);
  assert.deepEqual([a.comparison.state, b.comparison.state], ["shown", "shown"]);
  assert.deepEqual(a.comparison.code, b.comparison.code);
});

Deno.test("whose tries are used up is asked, and does not wait for an answer that is never given", async () => {
  const [a, b] = await pair();
  for (let i = 0; i < 2; i++) {
    await compare(a, b);
    await rekey(a, b);
  }
  // The last one is not answered, and a minute later the other person presses the button.
  await b.comparison.begin();
  b.sent.length = 0;
  await rekey(a, b);
  const { session: { epoch } } = b;
  await b.comparison.take({ kind: "sas", step: "commit", epoch, value: randomBytes(32) });
  assert.deepEqual([b.comparison.state, b.sent], ["asked", []]);
  await refuses(b.comparison.begin(), "refused");
});

Deno.test("an epoch that is not there yet, or not this one's, begins nothing", async () => {
  const [, b] = await pair();
  for (const epoch of [0, 2, 7]) {
    const payload: SasPayload = { kind: "sas", step: "commit", epoch, value: randomBytes(32) };
    const { comparison } = (await pair())[1];
    await refuses(comparison.take(payload), "comparison_refused");
  }
  assert.equal(b.comparison.state, "idle");
});

Deno.test("what the person says is noted, once, and only of a code that is shown", async () => {
  const [a, b] = await pair();
  await refuses(a.comparison.say("same"), "refused");
  await compare(a, b);
  await a.comparison.say("same");
  await refuses(a.comparison.say("different"), "refused");
  await b.comparison.say("different");
  await refuses(b.comparison.say("same"), "refused");
  assert.deepEqual([await a.noted(), await b.noted()], ["verified", "mismatch"]);
  assert.deepEqual(b.ends.map(({ code }) => code), ["code_mismatch"]);
});

Deno.test("with somebody between two real sessions people have other codes before them, or none", async () => {
  const [a, bobsOfMallory] = await pair();
  const [alicesOfMallory, b] = await pair();
  // In two honest comparisons of her own, both have one.
  await compare(a, bobsOfMallory);
  await compare(alicesOfMallory, b);
  assert.notDeepEqual(a.comparison.code!.emoji, b.comparison.code!.emoji);
  assert.notEqual(a.comparison.code!.digits, b.comparison.code!.digits);
  await Promise.all([rekey(a, bobsOfMallory), rekey(alicesOfMallory, b)]);
  // Handed on as it is, what is revealed fits no commitment of another call.
  await a.comparison.begin();
  await pass(a, b);
  await b.comparison.begin();
  await pass(b, a);
  await refuses(pass(a, b), "comparison_refused");
  assert.deepEqual(b.ends.map(({ code }) => code), ["comparison_refused"]);
  assert.equal(b.comparison.code, null);
});
