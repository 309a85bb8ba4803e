import assert from "node:assert/strict";
import { answer, complete, confirm, finish } from "../../crypto/answer.ts";
import { type Bytes, concat, toHex, utf8 } from "../../crypto/bytes.ts";
import { openRefusal, openWithdrawal, refuse, withdraw } from "../../crypto/offer_end.ts";
import { type Session } from "../../crypto/session.ts";
import { accept, initiate, type PendingOffer } from "../../crypto/x3dh.ts";
import {
  flipped,
  makePerson,
  NOW_MS,
  ROOM,
  usedPrekeysOf,
  verifiedBundleOf,
} from "../support/people.ts";

/**
 * Every message of a session with every single bit of it flipped, cut short at every length, and
 * extended: refused with the one code of its kind, and afterwards the true one is taken as if nothing
 * had been.
 */

const [alice, bob] = [await makePerson("alice"), await makePerson("bob")];
const NONE = new Uint8Array(0);
const HANDSHAKE = "bad_handshake The handshake message was refused";
const MESSAGE = "bad_message A sealed message was refused";
const PREKEYS = usedPrekeysOf(bob, 1);

Deno.test("an offer and its common part", async () => {
  const { common, offer } = await offerOf();
  const open = (common: Bytes, offer: Bytes) =>
    accept(bob.device, PREKEYS, alice.device, { common, offer, nowMs: NOW_MS });
  await refusesAll(common, HANDSHAKE, (changed) => open(changed, offer));
  await refusesAll(offer, HANDSHAKE, (changed) => open(common, changed));
  assert.deepEqual((await open(common, offer)).payload, utf8("offer"));
});

Deno.test("an answer", async () => {
  const { pending, accepted } = await offerOf();
  const answered = await answer(accepted, utf8("answer"));
  await refusesAll(answered.answer, HANDSHAKE, (changed) => finish(pending, changed));
  assert.deepEqual((await finish(pending, answered.answer)).payload, utf8("answer"));
});

Deno.test("a confirm", async () => {
  const { pending, accepted } = await offerOf();
  const answered = await answer(accepted, NONE);
  const { unconfirmed } = await finish(pending, answered.answer);
  const { confirm: message } = await confirm(unconfirmed, utf8("ready"));
  await refusesAll(message, HANDSHAKE, (changed) => complete(answered.unconfirmed, changed));
  assert.deepEqual((await complete(answered.unconfirmed, message)).payload, utf8("ready"));
});

Deno.test("a refusal", async () => {
  const { pending, accepted } = await offerOf();
  const box = await refuse(accepted, utf8("busy"));
  await refusesAll(box, MESSAGE, (changed) => openRefusal(pending, changed));
  assert.deepEqual(await openRefusal(pending, box), utf8("busy"));
});

Deno.test("a withdrawal, before the answer and after it", async () => {
  for (const isAnswered of [false, true]) {
    const { pending, accepted } = await offerOf();
    const handshake = isAnswered ? (await answer(accepted, NONE)).unconfirmed : accepted;
    const box = await withdraw(pending, utf8("elsewhere"));
    await refusesAll(box, MESSAGE, (changed) => openWithdrawal(handshake, changed));
    assert.deepEqual(await openWithdrawal(handshake, box), utf8("elsewhere"));
  }
});

Deno.test("a message of the session, and those of a rekey", async () => {
  const { caller, callee } = await connect();
  const hello = await caller.seal(utf8("hello"));
  await refusesBox(callee, hello);
  assert.deepEqual((await callee.receive(hello)).payload, utf8("hello"));
  const offer = (await caller.offerRekey())!;
  await refusesBox(callee, offer);
  const rekeyAnswer = (await callee.receive(offer)).reply!;
  await refusesBox(caller, rekeyAnswer);
  const done = (await caller.receive(rekeyAnswer)).reply!;
  await refusesBox(callee, done);
  await callee.receive(done);
  assert.deepEqual([caller.epoch, callee.epoch], [2, 2]);
  assert.equal(exported(caller), exported(callee));
});

async function refusesBox(session: Session, box: Bytes): Promise<void> {
  const before = [session.epoch, exported(session), await session.retry() === null];
  await refusesAll(box, MESSAGE, (changed) => session.receive(changed));
  const after = [session.epoch, exported(session), await session.retry() === null];
  assert.deepEqual(after, before);
}

/** @param refusal the code and the sentence, the same whatever is wrong */
async function refusesAll(
  message: Bytes,
  refusal: string,
  take: (changed: Bytes) => Promise<unknown>,
): Promise<void> {
  for (let bit = 0; bit < 8 * message.length; bit++) {
    assert.equal(await refusalOf(take(flipped(message, bit))), refusal, `bit ${bit}`);
  }
  for (let length = 0; length < message.length; length++) {
    assert.equal(await refusalOf(take(message.slice(0, length))), refusal, `${length} bytes`);
  }
  for (const more of [1, 2, 16, 512]) {
    const extended = concat(message, new Uint8Array(more));
    assert.equal(await refusalOf(take(extended)), refusal, `${more} bytes more`);
  }
}

async function refusalOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return "accepted";
  } catch (error) {
    const { code, message } = error as Error & { code?: string };
    return `${code} ${message}`;
  }
}

async function offerOf() {
  const bundle = await verifiedBundleOf(bob, 1);
  const input = { room: ROOM, nowMs: NOW_MS, ttlS: 60, payload: utf8("offer") };
  const { common, offers } = await initiate(alice.device, [bundle], input);
  const { offer, pending }: { offer: Bytes; pending: PendingOffer } = offers[0]!;
  const message = { common, offer, nowMs: NOW_MS };
  const { accepted } = await accept(bob.device, PREKEYS, alice.device, message);
  return { common, offer, pending, accepted };
}

async function connect(): Promise<{ caller: Session; callee: Session }> {
  const { pending, accepted } = await offerOf();
  const answered = await answer(accepted, NONE);
  const { unconfirmed } = await finish(pending, answered.answer);
  const { confirm: message, session: caller } = await confirm(unconfirmed, NONE);
  const { session: callee } = await complete(answered.unconfirmed, message);
  return { caller, callee };
}

function exported(session: Session): string {
  return toHex(session.exporter("room-auth", NONE, 32));
}
