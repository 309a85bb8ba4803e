import assert from "node:assert/strict";
import { type Bytes, concat, toHex, utf8 } from "../../crypto/bytes.ts";
import { Writer } from "../../crypto/codec.ts";
import { confirmationTag, deriveEpoch, type Epoch } from "../../crypto/epoch.ts";
import {
  generateAgreementKeyPair,
  parseAgreementKey,
  parseEncapsulationKey,
} from "../../crypto/keys.ts";
import { labelled } from "../../crypto/labels.ts";
import { mlKem768Encapsulate, randomBytes, sha256, x25519 } from "../../crypto/primitives.ts";
import { ReceiveChain, SendChain } from "../../crypto/ratchet.ts";
import { finishRekey, type Identities, offerRekey } from "../../crypto/rekey.ts";
import { CTX } from "../../crypto/schedule.ts";
import { Secret } from "../../crypto/secret.ts";
import { type Received, Session } from "../../crypto/session.ts";
import { SessionEpoch } from "../../crypto/session_epoch.ts";
import { connect, flipped, makePerson } from "../support/people.ts";

const BAD_MESSAGE = { code: "bad_message" };
const SPENT = { code: "spent" };
const [alice, bob] = [await makePerson("alice"), await makePerson("bob")];

Deno.test("a rekey gives both sides a new epoch, and no message is lost on the way", async () => {
  const { caller, callee } = await connect(alice, bob);
  const before = exported(caller);
  const offer = await caller.offerRekey();
  const onTheWay = await callee.seal(utf8("sealed before"));
  const answer = (await callee.receive(offer!)).reply;
  // The callee has the next epoch, and seals in the old one until the caller speaks in the new.
  const between = await callee.seal(utf8("sealed between"));
  assert.deepEqual([caller.epoch, callee.epoch], [1, 1]);
  const done = (await caller.receive(answer!)).reply;
  assert.deepEqual([caller.epoch, callee.epoch], [2, 1]);
  assert.deepEqual(await said(caller, onTheWay), "sealed before");
  assert.deepEqual(await said(caller, between), "sealed between");
  const first = await caller.seal(utf8("first in the new"));
  // Also where it overtakes: the first that opens is proof enough.
  const received = await callee.receive(first);
  assert.deepEqual(received.payload, utf8("first in the new"));
  assert.equal(callee.epoch, 2);
  assert.deepEqual(await caller.receive(received.reply!), { payload: null, reply: null });
  assert.deepEqual(await callee.receive(done!), { payload: null, reply: null });
  assert.equal(exported(caller), exported(callee));
  assert.notEqual(exported(caller), before);
});

Deno.test("ten rekeys in turn, by either side, and messages go both ways in each epoch", async () => {
  const { caller, callee } = await connect(alice, bob);
  const seen = new Set<string>();
  for (let i = 0; i < 10; i++) {
    const [from, to] = i % 2 === 0 ? [caller, callee] : [callee, caller];
    await settle(from, to, await from.offerRekey());
    assert.deepEqual([caller.epoch, callee.epoch], [i + 2, i + 2]);
    assert.equal(exported(caller), exported(callee));
    seen.add(exported(caller));
    assert.equal(await said(callee, await caller.seal(utf8(`a${i}`))), `a${i}`);
    assert.equal(await said(caller, await callee.seal(utf8(`b${i}`))), `b${i}`);
  }
  assert.equal(seen.size, 10);
});

Deno.test("when both offer at once the caller's offer survives, in any order of arrival", async () => {
  for (const callersFirst of [true, false]) {
    const { caller, callee } = await connect(alice, bob);
    const [a, b] = [await caller.offerRekey(), await callee.offerRekey()];
    assert.equal(await caller.offerRekey(), null);
    let reply: Bytes | null;
    if (callersFirst) {
      reply = (await callee.receive(a!)).reply;
      assert.deepEqual(await caller.receive(b!), { payload: null, reply: null });
    } else {
      assert.deepEqual(await caller.receive(b!), { payload: null, reply: null });
      reply = (await callee.receive(a!)).reply;
    }
    await settle(callee, caller, reply);
    assert.deepEqual([caller.epoch, callee.epoch], [2, 2]);
    assert.equal(exported(caller), exported(callee));
    assert.equal(await caller.retry(), null);
    assert.equal(await callee.retry(), null);
  }
});

Deno.test("whatever message of a rekey is lost, saying it again ends it", async () => {
  for (const lost of [1, 2, 3, 4]) {
    const { caller, callee } = await connect(alice, bob);
    const boxes: (Bytes | null)[] = [await caller.offerRekey()];
    let [to, from] = [callee, caller];
    for (let step = 1; boxes.at(-1) != null && step < lost; step++) {
      boxes.push((await to.receive(boxes.at(-1)!)).reply);
      [to, from] = [from, to];
    }
    // The last one never arrives. Time passes, and both say again what they wait for.
    for (const [one, other] of [[caller, callee], [callee, caller]] as const) {
      await settle(one, other, await one.retry());
    }
    assert.deepEqual([caller.epoch, callee.epoch], [2, 2], `message ${lost} was lost`);
    assert.equal(exported(caller), exported(callee));
    assert.deepEqual([await caller.retry(), await callee.retry()], [null, null]);
  }
});

Deno.test("a rekey's message that comes twice, or late, changes nothing", async () => {
  const { caller, callee } = await connect(alice, bob);
  const offer = await caller.offerRekey();
  const again = await caller.retry();
  const answer = (await callee.receive(offer!)).reply;
  const repeated = (await callee.receive(again!)).reply;
  const done = (await caller.receive(answer!)).reply;
  // The repeated answer is to an offer that was answered: the caller says only that it is done.
  const once = (await caller.receive(repeated!)).reply;
  await settle(caller, callee, done);
  await settle(caller, callee, once);
  for (const box of [offer, again, done]) await assert.rejects(callee.receive(box!), BAD_MESSAGE);
  for (const box of [answer, repeated]) await assert.rejects(caller.receive(box!), BAD_MESSAGE);
  assert.deepEqual([caller.epoch, callee.epoch], [2, 2]);
  assert.equal(exported(caller), exported(callee));
});

Deno.test("the epoch before opens what was under way, until it is forgotten, on both sides", async () => {
  const { caller, callee } = await connect(alice, bob);
  const [early, late] = [await caller.seal(utf8("early")), await caller.seal(utf8("late"))];
  await settle(caller, callee, await caller.offerRekey());
  assert.equal(await said(callee, early), "early");
  callee.forgetPrevious();
  await assert.rejects(callee.receive(late), BAD_MESSAGE);
});

Deno.test("an epoch is not forgotten while the other side may still seal in it", async () => {
  const { caller, callee } = await connect(alice, bob);
  const answer = (await callee.receive((await caller.offerRekey())!)).reply;
  const lost = (await caller.receive(answer!)).reply;
  assert.notEqual(lost, null);
  caller.forgetPrevious();
  assert.equal(await said(caller, await callee.seal(utf8("still in the old"))), "still in the old");
  await settle(callee, caller, await callee.retry());
  assert.deepEqual([caller.epoch, callee.epoch], [2, 2]);
});

Deno.test("a wiped session rekeys no more, in whatever state it was", async () => {
  for (const steps of [0, 1, 2]) {
    const { caller, callee } = await connect(alice, bob);
    let box = await caller.offerRekey();
    let [to, from] = [callee, caller];
    for (let i = 0; i < steps; i++) {
      box = (await to.receive(box!)).reply;
      [to, from] = [from, to];
    }
    const racing = to.receive(box!);
    to.wipe();
    await assert.rejects(racing, SPENT);
    await assert.rejects(to.offerRekey(), SPENT);
    assert.equal(await to.retry(), null);
    assert.throws(() => exported(to), SPENT);
    await assert.rejects(to.seal(utf8("x")), SPENT);
    from.wipe();
  }
});

Deno.test("whoever copied an epoch, and no long-term key, forges no rekey, and stops none", async () => {
  const { caller, callee, thief, thiefOfCallee } = await connectRobbed();
  assert.equal(exported(thief), exported(callee));
  // The thief offers in each one's name: neither is taken.
  await assert.rejects(callee.receive((await thief.offerRekey())!), BAD_MESSAGE);
  await assert.rejects(caller.receive((await thiefOfCallee.offerRekey())!), BAD_MESSAGE);
  assert.deepEqual([await caller.retry(), await callee.retry()], [null, null]);
  await caller.seal(utf8("the number that the thief used"));
  await callee.seal(utf8("the number that the thief used"));
  await settle(caller, callee, await caller.offerRekey());
  assert.deepEqual([caller.epoch, callee.epoch], [2, 2]);
  assert.equal(exported(caller), exported(callee));
});

Deno.test("an answer of whoever copied an epoch does not take the offerer anywhere", async () => {
  const { caller, callee, copied } = await connectRobbed();
  const offer = (await caller.offerRekey())!;
  // The thief opens the offer, and answers it by the formulas, with a key of its own for Bob's.
  const opened = await new ReceiveChain(1, copied.th, copied.ckA).open(offer);
  const base = { number: 1, epoch: copied };
  const { privateKey: own } = await generateAgreementKeyPair();
  const answer = await answerUnchecked(base, opened, { self: own, peer: alice.entry.identity });
  const forged = await new SendChain(1, copied.th, copied.ckB).seal(answer);
  await assert.rejects(caller.receive(forged), BAD_MESSAGE);
  assert.equal(caller.epoch, 1);
  await callee.seal(utf8("the number that the thief used"));
  await settle(callee, caller, (await callee.receive(offer)).reply);
  assert.deepEqual([caller.epoch, callee.epoch], [2, 2]);
  assert.equal(exported(caller), exported(callee));
});

Deno.test("the formulas of a rekey, computed a second time, lead to the same epoch", async () => {
  const { caller, copied } = await connectRobbed();
  const offer = (await caller.offerRekey())!;
  const opened = await new ReceiveChain(1, copied.th, copied.ckA).open(offer);
  const identities = { self: bob.keys.identity.privateKey, peer: alice.entry.identity };
  const answer = await answerUnchecked({ number: 1, epoch: copied }, opened, identities);
  await caller.receive(await new SendChain(1, copied.th, copied.ckB).seal(answer));
  assert.equal(caller.epoch, 2);
});

Deno.test("a forged offer behind the true one does not part those who rekey", async () => {
  const { caller, callee, thief } = await connectRobbed();
  const answer = (await callee.receive((await caller.offerRekey())!)).reply;
  // The number of the true offer is used up: the thief takes the next one.
  await thief.seal(utf8("skipped"));
  assert.equal((await callee.receive((await thief.offerRekey())!)).reply, null);
  await settleAll(caller, callee, (await caller.receive(answer!)).reply);
  for (let minute = 0; minute < 5 && caller.epoch !== callee.epoch; minute++) {
    for (const [one, other] of [[caller, callee], [callee, caller]] as const) {
      await settleAll(one, other, await one.retry());
      await settleAll(one, other, await one.offerRekey());
    }
  }
  assert.equal(caller.epoch, callee.epoch);
  assert.equal(exported(caller), exported(callee));
});

Deno.test("a thief of an epoch can't take part in the rekey of those it was stolen from", async () => {
  const { caller, callee, thief } = await connectRobbed();
  const answer = (await callee.receive((await caller.offerRekey())!)).reply;
  await settle(caller, callee, (await caller.receive(answer!)).reply);
  assert.equal(exported(caller), exported(callee));
  assert.notEqual(exported(thief), exported(callee));
  await assert.rejects(thief.receive(await callee.seal(utf8("healed"))), BAD_MESSAGE);
  // The media are out of reach too.
  const sent = await callee.keys.sendKey(CTX.mic);
  const held = await thief.keys.recvKey(sent.kid);
  assert.notDeepEqual(held?.salt, sent.salt);
});

Deno.test("what says nothing is refused and moves no epoch, though whoever sealed it has the keys", async () => {
  const { callee, copied } = await connectRobbed();
  // Alice, by the formulas: with her long-term key, and a pen of her own.
  const identities = { self: alice.keys.identity.privateKey, peer: bob.entry.identity };
  const base = { side: 0, number: 1, epoch: copied, identities } as const;
  const offered = await offerRekey(base);
  const offer = await new SendChain(1, copied.th, copied.ckA).seal(offered.message);
  const answer = (await callee.receive(offer)).reply!;
  const opened = await new ReceiveChain(1, copied.th, copied.ckB).open(answer);
  const next = await finishRekey(base, offered, opened);
  const chain = new SendChain(2, next.th, next.ckA);
  for (const nonsense of [[], [0x22, 0], [0x23], [0xff, 1]]) {
    const box = await chain.seal(Uint8Array.from(nonsense));
    await assert.rejects(callee.receive(box), BAD_MESSAGE);
    assert.equal(callee.epoch, 1);
  }
  await callee.receive(await chain.seal(Uint8Array.of(0x22)));
  assert.equal(callee.epoch, 2);
});

Deno.test("every bit of a rekey's messages is authentic", async () => {
  const { caller, callee } = await connect(alice, bob);
  const offer = (await caller.offerRekey())!;
  await refusesFlips(callee, offer);
  const answer = (await callee.receive(offer)).reply!;
  await refusesFlips(caller, answer);
  const done = (await caller.receive(answer)).reply!;
  await refusesFlips(callee, done);
  await settle(caller, callee, done);
  assert.equal(exported(caller), exported(callee));
});

async function refusesFlips(session: Session, box: Bytes): Promise<void> {
  const { epoch } = session;
  const before = exported(session);
  for (let i = 0; i < box.length; i++) {
    await assert.rejects(session.receive(flipped(box, 8 * i + i % 8)), BAD_MESSAGE, `byte ${i}`);
  }
  for (const length of [0, 1, 5, 9, 25, box.length - 1]) {
    await assert.rejects(session.receive(box.slice(0, length)), BAD_MESSAGE);
  }
  await assert.rejects(session.receive(concat(box, Uint8Array.of(0))), BAD_MESSAGE);
  assert.deepEqual([session.epoch, exported(session)], [epoch, before]);
}

/** Delivers a box, and every reply to it, until nobody has anything to say. */
async function settle(from: Session, to: Session, box: Bytes | null): Promise<void> {
  while (box !== null) {
    const { reply }: Received = await to.receive(box);
    box = reply;
    [from, to] = [to, from];
  }
}

/** The same, and what is refused is as good as lost. */
async function settleAll(from: Session, to: Session, box: Bytes | null): Promise<void> {
  while (box !== null) {
    try {
      box = (await to.receive(box)).reply;
    } catch {
      return;
    }
    [from, to] = [to, from];
  }
}

/** An answer made without asking who offered, as `answerRekey` makes one. */
async function answerUnchecked(
  { number, epoch }: { number: number; epoch: Epoch },
  offer: Bytes,
  { self, peer }: Identities,
): Promise<Bytes> {
  const key = parseAgreementKey(offer.slice(5, 37));
  const ephemeral = await generateAgreementKeyPair();
  const kem = parseEncapsulationKey(offer.slice(37, 37 + 1184));
  const { ciphertext, shared } = await mlKem768Encapsulate(kem);
  const part = new Writer()
    .u8(0x21).u32(number + 1).raw(ephemeral.publicKey).raw(ciphertext)
    .bytes();
  const th = sha256(labelled("rekey", epoch.th, offer, part));
  const next = deriveEpoch(number + 1, th, epoch, [
    await x25519(ephemeral.privateKey, key),
    await x25519(ephemeral.privateKey, peer),
    await x25519(self, key),
    await x25519(self, peer),
    shared,
  ]);
  return concat(part, confirmationTag(next, "answer-confirm"));
}

/**
 * A call whose caller's memory somebody copied as it began: all of it, but for the long-term key, which
 * can't be copied; the thief has another one in its place.
 */
async function connectRobbed(): Promise<Robbed> {
  const secrets = Array.from({ length: 6 }, () => randomBytes(32));
  const sessionOf = (self: 0 | 1, own: CryptoKey) => {
    const [th, ...copies] = secrets.map((bytes) => bytes.slice());
    const [root, ckA, ckB, kc, exp] = copies.map((bytes) => new Secret(bytes)) as Five;
    const epoch = new SessionEpoch(1, { th: th!, root, ckA, ckB, kc, exp }, self);
    const peer = (self === 0 ? bob : alice).entry.identity;
    return new Session({ callId: randomBytes(16), epoch, identities: { self: own, peer } }, self);
  };
  const [th, ...copies] = secrets.map((bytes) => bytes.slice());
  const [root, ckA, ckB, kc, exp] = copies.map((bytes) => new Secret(bytes)) as Five;
  return {
    copied: { th: th!, root, ckA, ckB, kc, exp },
    caller: sessionOf(0, alice.keys.identity.privateKey),
    callee: sessionOf(1, bob.keys.identity.privateKey),
    thief: sessionOf(0, (await generateAgreementKeyPair()).privateKey),
    thiefOfCallee: sessionOf(1, (await generateAgreementKeyPair()).privateKey),
  };
}

interface Robbed {
  /** What the thief copied. */
  readonly copied: Epoch;
  readonly caller: Session;
  readonly callee: Session;
  readonly thief: Session;
  readonly thiefOfCallee: Session;
}

type Five = [Secret, Secret, Secret, Secret, Secret];

function exported(session: Session): string {
  return toHex(session.exporter("room-auth", utf8(""), 32));
}

async function said(session: Session, box: Bytes): Promise<string | null> {
  const { payload } = await session.receive(box);
  return payload && new TextDecoder().decode(payload);
}
