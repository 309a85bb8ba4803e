import assert from "node:assert/strict";
import { type RemoteDevice, type VerifiedBundle } from "../../crypto/bundle.ts";
import { type Bytes, concat, utf8 } from "../../crypto/bytes.ts";
import { Writer } from "../../crypto/codec.ts";
import { encodeDeviceEntry } from "../../crypto/device_entry.ts";
import {
  confirmationTag,
  deriveEpoch,
  deriveOfferEpoch,
  type Epoch,
  type OfferEpoch,
} from "../../crypto/epoch.ts";
import { CryptoError } from "../../crypto/error.ts";
import {
  type CallCommon,
  commonHash,
  decodeAnswer,
  decodeOffer,
  encodeAnswerHeader,
  encodeCallCommon,
  encodeConfirm,
  encodeOfferHeader,
  type OfferHeader,
} from "../../crypto/handshake_message.ts";
import {
  type AgreementKeyPair,
  generateAgreementKeyPair,
  generateKemKeyPair,
  type KemKeyPair,
} from "../../crypto/keys.ts";
import { labelled } from "../../crypto/labels.ts";
import {
  mlKem768Decapsulate,
  mlKem768Encapsulate,
  randomBytes,
  sha256,
  x25519,
} from "../../crypto/primitives.ts";
import { SendChain } from "../../crypto/ratchet.ts";
import { answer, complete, confirm, finish, type Unconfirmed } from "../../crypto/answer.ts";
import {
  accept,
  type AcceptedOffer,
  initiate,
  type LocalDevice,
  type OfferInput,
  type PendingOffer,
  type SealedOffer,
  type UsedPrekeys,
} from "../../crypto/x3dh.ts";
import { openRefusal, openWithdrawal, refuse, withdraw } from "../../crypto/offer_end.ts";
import { fromHex } from "../support/hex.ts";
import {
  flipped,
  makePerson,
  makePrekeys,
  NOW_MS,
  type Person,
  ROOM,
  usedPrekeysOf,
  verifiedBundleOf,
} from "../support/people.ts";

const SPENT = { code: "spent" };
const NONE = new Uint8Array(0);
const [alice, bob, mallory] = await Promise.all(["alice", "bob", "mallory"].map((name) => {
  return makePerson(name);
})) as [Person, Person, Person];

/** Refused with the one code and the one sentence, so that nothing more can be learnt. */
async function refused(work: Promise<unknown>, what?: string): Promise<void> {
  const error: unknown = await work.then(() => "accepted", (error) => error);
  assert.ok(error instanceof CryptoError, `${what}: ${error}`);
  assert.deepEqual([error.code, error.message], REFUSAL, what);
}
const REFUSAL = ["bad_handshake", "The handshake message was refused"];

type Offered = { common: Bytes; offer: Bytes; pending: PendingOffer };

/** Alice's offer to Bob. @param index of the one-time prekey, or null */
async function offerTo(
  callee: Person,
  index: number | null = null,
  caller = alice,
): Promise<Offered> {
  const bundle = await verifiedBundleOf(callee, index);
  return await initiateOne(caller.device, bundle, { ...INPUT, payload: utf8("offer") });
}

/** A call for one device. */
async function initiateOne(
  self: LocalDevice,
  peer: VerifiedBundle,
  input: OfferInput,
): Promise<Offered> {
  const { common, offers } = await initiate(self, [peer], input);
  return { common, ...offers[0]! };
}
const INPUT = { room: ROOM, nowMs: NOW_MS, ttlS: 60 };

/** Bob opens an offer that he believes to be Alice's; `change` replaces what he is given. */
function acceptBy(
  callee: Person,
  { common, offer }: { common: Bytes; offer: Bytes },
  change: { peer?: RemoteDevice; prekeys?: UsedPrekeys; nowMs?: number } = {},
): Promise<{ payload: Bytes; accepted: AcceptedOffer }> {
  const { peer = alice.device, prekeys = usedPrekeysOf(callee), nowMs = NOW_MS } = change;
  return accept(callee.device, prekeys, peer, { common, offer, nowMs });
}

type Answered = Offered & { answer: Bytes; unconfirmed: Unconfirmed };

/** An offer of Alice's that Bob has answered. */
async function answered(): Promise<Answered> {
  const offered = await offerTo(bob);
  const { accepted } = await acceptBy(bob, offered);
  return { ...offered, ...await answer(accepted, utf8("answer")) };
}

/** One bit of every byte, a different one in each. */
function sampledBits(bytes: Bytes): number[] {
  return Array.from(bytes, (_, i) => 8 * i + i % 8);
}

async function tryEach(
  bytes: Bytes,
  what: string,
  attempt: (changed: Bytes) => Promise<unknown>,
): Promise<void> {
  const changes = sampledBits(bytes).map((bit) =>
    refused(attempt(flipped(bytes, bit)), `${what} ${bit}`)
  );
  await Promise.all(changes);
  for (const length of [0, 1, 33, bytes.length >> 1, bytes.length - 17, bytes.length - 1]) {
    await refused(attempt(bytes.slice(0, length)), `${what} of ${length} bytes`);
  }
  await refused(attempt(concat(bytes, Uint8Array.of(0))), `${what} extended`);
}

// --- the way it goes ---------------------------------------------------------------------------

for (const index of [null, 0, 3]) {
  const how = index === null ? "without a one-time prekey" : `with one-time prekey ${index}`;
  Deno.test(`a call ${how} gives both sides one session, and every payload arrives`, async () => {
    const offered = await offerTo(bob, index);
    const opened = await acceptBy(bob, offered, { prekeys: usedPrekeysOf(bob, index) });
    assert.deepEqual(opened.payload, utf8("offer"));
    const answering = await answer(opened.accepted, utf8("answer"));
    const finished = await finish(offered.pending, answering.answer);
    assert.deepEqual(finished.payload, utf8("answer"));
    const confirmed = await confirm(finished.unconfirmed, utf8("confirm"));
    const completed = await complete(answering.unconfirmed, confirmed.confirm);
    assert.deepEqual(completed.payload, utf8("confirm"));
    const [a, b] = [confirmed.session, completed.session];
    const use = ["dtls-bind", utf8("context"), 64] as const;
    assert.deepEqual(a.keys.exporter(...use), b.keys.exporter(...use));
    assert.deepEqual((await b.receive(await a.seal(utf8("to b")))).payload, utf8("to b"));
    assert.deepEqual((await a.receive(await b.seal(utf8("to a")))).payload, utf8("to a"));
    assert.deepEqual([a.callId, b.callId], [offered.pending.callId, offered.pending.callId]);
  });
}

// --- changed messages --------------------------------------------------------------------------

Deno.test("an offer or its common part with a byte changed, cut short or extended is refused", async () => {
  const { common, offer } = await offerTo(bob);
  await tryEach(common, "common", (changed) => acceptBy(bob, { common: changed, offer }));
  await tryEach(offer, "offer", (changed) => acceptBy(bob, { common, offer: changed }));
  assert.deepEqual((await acceptBy(bob, { common, offer })).payload, utf8("offer"));
});

Deno.test("a changed answer is refused and leaves the offer pending for the true one", async () => {
  const { pending, answer, unconfirmed } = await answered();
  await tryEach(answer, "answer", (changed) => finish(pending, changed));
  const finished = await finish(pending, answer);
  const { confirm: last } = await confirm(finished.unconfirmed, NONE);
  await tryEach(last, "confirm", (changed) => complete(unconfirmed, changed));
  await complete(unconfirmed, last);
});

Deno.test("an offer cannot lose or gain its one-time prekey on the way", async () => {
  const withOne = await offerTo(bob, 1);
  await refused(acceptBy(bob, withOne));
  await refused(acceptBy(bob, withOne, { prekeys: usedPrekeysOf(bob, 2) }));
  await refused(acceptBy(bob, await offerTo(bob), { prekeys: usedPrekeysOf(bob, 1) }));
});

Deno.test("messages of two calls do not mix", async () => {
  const [first, second] = [await answered(), await answered()];
  await refused(acceptBy(bob, { common: first.common, offer: second.offer }));
  await refused(finish(first.pending, second.answer));
  const [one, two] = [
    await finish(first.pending, first.answer),
    await finish(second.pending, second.answer),
  ];
  const [a, b] = [await confirm(one.unconfirmed, NONE), await confirm(two.unconfirmed, NONE)];
  await refused(complete(first.unconfirmed, b.confirm));
  await complete(first.unconfirmed, a.confirm);
});

// --- time, place and people --------------------------------------------------------------------

Deno.test("an offer opens within its life and 30 seconds of doubt, either way", async () => {
  const offered = await offerTo(bob);
  for (const nowMs of [NOW_MS - 90_001, NOW_MS + 90_001, 0, Number.MAX_SAFE_INTEGER]) {
    await refused(acceptBy(bob, offered, { nowMs }), `${nowMs}`);
  }
  for (const nowMs of [NOW_MS - 90_000, NOW_MS + 90_000]) await acceptBy(bob, offered, { nowMs });
  const input = { ...INPUT, ttlS: 5, payload: NONE };
  const short = await initiateOne(alice.device, await verifiedBundleOf(bob), input);
  await acceptBy(bob, short, { nowMs: NOW_MS + 35_000 });
  await refused(acceptBy(bob, short, { nowMs: NOW_MS + 35_001 }));
});

Deno.test("an offer for another device, another account, or another set is refused", async () => {
  const offered = await offerTo(bob);
  await refused(acceptBy(mallory, offered));
  // The same keys and prekeys, so that only the number or the name of the device is another.
  const [tablet, robert] = [
    await makePerson("bob", { keys: bob.keys, deviceId: 2 }),
    await makePerson("robert", { keys: bob.keys }),
  ];
  for (const other of [tablet, robert]) {
    await refused(acceptBy({ ...other, prekeys: bob.prekeys }, offered));
  }
  const prekeys = await makePrekeys(bob.device, 4);
  await refused(acceptBy({ ...bob, prekeys }, offered));
});

Deno.test("an offer to or from a record that is no longer the newest is refused", async () => {
  const offered = await offerTo(bob);
  const recordHash = randomBytes(32);
  const moved = { ...bob, device: { ...bob.device, recordHash } };
  await refused(acceptBy(moved, offered));
  await refused(acceptBy(bob, offered, { peer: { ...alice.device, recordHash } }));
});

Deno.test("an offer is of one caller: taken for anybody else's it is refused", async () => {
  const offered = await offerTo(bob);
  await refused(acceptBy(bob, offered, { peer: mallory.device }));
  // Even where everything in the clear agrees, the key does not.
  const entry = { ...alice.entry, identity: mallory.entry.identity };
  await refused(acceptBy(bob, offered, { peer: { ...alice.device, entry } }));
});

Deno.test("an offer that names anything else is refused, though its author knows all the keys", async () => {
  // The caller computes every key and tag over what it says: only the comparison can refuse it.
  const dh1 = dh1OfAlice;
  const other = randomBytes(32);
  await acceptBy(bob, await forgeOffer(alice, bob, { dh1 }));
  for (
    const header of [{ common: other }, { deviceB: 2 }, { deviceEntryB: other }, {
      prekeySetB: other,
    }]
  ) {
    const forged = await forgeOffer(alice, bob, { dh1, header });
    await refused(acceptBy(bob, forged), Object.keys(header)[0]);
  }
  for (
    const call of [{ deviceEntryA: other }, { recordA: other }, { recordB: other }, { ttlS: 61 }]
  ) {
    const forged = await forgeOffer(alice, bob, { dh1, call });
    await refused(acceptBy(bob, forged), Object.keys(call)[0]);
  }
});

Deno.test("there is one version and one suite: an offer of another is refused, whoever agrees to it", async () => {
  // Every key and tag is computed over what the offer says, as both sides of an older or weaker
  // protocol would: type, version and suite are the first four bytes.
  const others = [{ 0: 0x11 }, { 1: 0 }, { 1: 2 }, { 2: 1 }, { 3: 0 }, { 3: 2 }, {
    2: 0xff,
    3: 0xff,
  }];
  for (const bytes of others) {
    const forged = await forgeOffer(alice, bob, { dh1: dh1OfAlice, bytes });
    await refused(acceptBy(bob, forged), JSON.stringify(bytes));
  }
  await acceptBy(
    bob,
    await forgeOffer(alice, bob, { dh1: dh1OfAlice, bytes: { 1: 1, 2: 0, 3: 1 } }),
  );
});

Deno.test("an answer that names another call or device is refused, though its author knows all the keys", async () => {
  for (const change of [{ common: randomBytes(32) }, { deviceB: 2 }, {}]) {
    const { common, offer, pending } = await offerTo(bob);
    const { accepted } = await acceptBy(bob, { common, offer });
    const ephemeral = await generateAgreementKeyPair();
    const { ciphertext: ct2, shared } = await mlKem768Encapsulate(pending.kem.publicKey);
    const ephemeralB = ephemeral.publicKey;
    const named = { common: commonHash(common), deviceB: bob.entry.deviceId, ephemeralB, ct2 };
    const header = encodeAnswerHeader({ ...named, ...change });
    const th1 = sha256(labelled("answer", accepted.epoch0.th, header));
    const epoch1 = deriveEpoch(1, th1, accepted.epoch0, [
      await x25519(ephemeral.privateKey, accepted.ephemeralA),
      await x25519(ephemeral.privateKey, alice.entry.identity),
      shared,
    ]);
    const box = await new SendChain(1, th1, epoch1.ckB).seal(utf8("made by hand"));
    const made = concat(header, confirmationTag(epoch1, "answer-confirm"), box);
    if (Object.keys(change).length > 0) await refused(finish(pending, made));
    else assert.deepEqual((await finish(pending, made)).payload, utf8("made by hand"));
  }
});

// --- known attacks -----------------------------------------------------------------------------

/** DH1 as only Alice computes it, or whoever holds Bob's signed prekey. */
function dh1OfAlice({ publicKey }: AgreementKeyPair): Promise<Bytes> {
  return x25519(alice.keys.identity.privateKey, publicKey);
}

type Forged = {
  common: Bytes;
  offer: Bytes;
  epoch0: OfferEpoch;
  ephemeral: AgreementKeyPair;
  kem: KemKeyPair;
};

/** An offer in the caller's name, built from the formulas of the protocol a second time. */
async function forgeOffer(
  caller: Person,
  callee: Person,
  parts: {
    dh1: (spk: AgreementKeyPair) => Promise<Bytes>;
    index?: number;
    call?: Partial<CallCommon>;
    header?: Partial<OfferHeader>;
    /** Bytes of the common part that are replaced, at their place. */
    bytes?: Readonly<Record<number, number>>;
  },
): Promise<Forged> {
  const [ephemeral, kem] = [await generateAgreementKeyPair(), await generateKemKeyPair()];
  const bundle = await verifiedBundleOf(callee, parts.index ?? null);
  const opk = bundle.opk?.key ?? null;
  const { ciphertext: ct1, shared } = await mlKem768Encapsulate(bundle.set.kpk);
  const common = encodeCallCommon({
    callId: randomBytes(16),
    sentMs: NOW_MS,
    ttlS: 60,
    room: ROOM,
    deviceEntryA: caller.device.entryHash,
    recordA: caller.record.hash,
    recordB: callee.record.hash,
    kemA: kem.publicKey,
    ...parts.call,
  });
  for (const [at, byte] of Object.entries(parts.bytes ?? {})) common[Number(at)] = byte;
  const header = encodeOfferHeader({
    common: commonHash(common),
    deviceB: callee.entry.deviceId,
    deviceEntryB: callee.device.entryHash,
    prekeySetB: bundle.setHash,
    opkIndex: parts.index ?? null,
    ephemeralA: ephemeral.publicKey,
    ct1,
    ...parts.header,
  });
  const entries = new Writer().v16(encodeDeviceEntry(caller.entry)).v16(
    encodeDeviceEntry(callee.entry),
  );
  const th0 = sha256(
    labelled("offer", common, header, entries.bytes(), bundle.setBytes, opk ?? new Uint8Array(32)),
  );
  const epoch0 = deriveOfferEpoch(th0, [
    await parts.dh1(callee.prekeys.spk),
    await x25519(ephemeral.privateKey, callee.entry.identity),
    await x25519(ephemeral.privateKey, bundle.set.spk),
    ...(opk === null ? [] : [await x25519(ephemeral.privateKey, opk)]),
    shared,
  ]);
  const tag = confirmationTag(epoch0, "offer-confirm");
  const box = await new SendChain(0, th0, epoch0.ckA).seal(utf8("forged"));
  return { common, offer: concat(header, tag, box), epoch0, ephemeral, kem };
}

/** Epoch 1 as the author of a forged offer computes it, with any secret for DH6. */
async function epochOf(forged: Forged, answer: Bytes, dh6: Bytes): Promise<Epoch> {
  const { header, headerBytes } = decodeAnswer(answer);
  const th1 = sha256(labelled("answer", forged.epoch0.th, headerBytes));
  return deriveEpoch(1, th1, forged.epoch0, [
    await x25519(forged.ephemeral.privateKey, header.ephemeralB),
    dh6,
    await mlKem768Decapsulate(forged.kem.privateKey, header.ct2),
  ]);
}

async function confirmOf(epoch: Epoch): Promise<Bytes> {
  const tag = confirmationTag(epoch, "confirm");
  return encodeConfirm(tag, await new SendChain(1, epoch.th, epoch.ckA).seal(NONE));
}

for (const index of [undefined, 2]) {
  const how = index === undefined ? "without" : "with";
  Deno.test(`the formulas, computed a second time ${how} a one-time prekey, lead to a session`, async () => {
    const parts = index === undefined ? { dh1: dh1OfAlice } : { dh1: dh1OfAlice, index };
    const made = await forgeOffer(alice, bob, parts);
    const prekeys = usedPrekeysOf(bob, index ?? null);
    const { payload, accepted } = await acceptBy(bob, made, { prekeys });
    assert.deepEqual(payload, utf8("forged"));
    const reply = await answer(accepted, NONE);
    const { header, tag } = decodeAnswer(reply.answer);
    const dh6 = await x25519(alice.keys.identity.privateKey, header.ephemeralB);
    const epoch1 = await epochOf(made, reply.answer, dh6);
    assert.deepEqual(tag, confirmationTag(epoch1, "answer-confirm"));
    await complete(reply.unconfirmed, await confirmOf(epoch1));
  });
}

Deno.test("without a prekey of the callee nobody makes an offer in another's name", async () => {
  const { privateKey } = mallory.keys.identity;
  const forged = await forgeOffer(alice, bob, {
    dh1: ({ publicKey }) => x25519(privateKey, publicKey),
  });
  await refused(acceptBy(bob, forged));
});

Deno.test("a stolen prekey forges an offer, but never the confirm behind which media begins", async () => {
  // DH1 has two sides: whoever holds Bob's SPK computes it with Alice's public key. That is known,
  // and why the callee does nothing before the confirm.
  const forged = await forgeOffer(alice, bob, {
    dh1: (spk) => x25519(spk.privateKey, alice.entry.identity),
  });
  const { accepted } = await acceptBy(bob, forged);
  const { answer: reply, unconfirmed } = await answer(accepted, NONE);
  const { ephemeralB } = decodeAnswer(reply).header;
  const guesses = [
    await x25519(mallory.keys.identity.privateKey, ephemeralB),
    await x25519(bob.prekeys.spk.privateKey, alice.entry.identity),
    await x25519(bob.prekeys.spk.privateKey, ephemeralB),
    await x25519(forged.ephemeral.privateKey, ephemeralB),
    new Uint8Array(32),
  ];
  for (const guess of guesses) {
    const epoch = await epochOf(forged, reply, guess);
    await refused(complete(unconfirmed, await confirmOf(epoch)));
  }
  // With Alice's own key it would have worked: the test's only missing piece is ID_A.
  const dh6 = await x25519(alice.keys.identity.privateKey, ephemeralB);
  await complete(unconfirmed, await confirmOf(await epochOf(forged, reply, dh6)));
});

Deno.test("Mallory, who registered Bob's keys as her own, gets no call that was for Bob", async () => {
  // The binding stops this registration; here it is forced, as a colluding directory would.
  const posing = await makePerson("mallory", { keys: bob.keys });
  const toMallory = await initiateOne(
    alice.device,
    await verifiedBundleOf({ ...posing, prekeys: await samePrekeys(posing) }),
    { ...INPUT, payload: NONE },
  );
  assert.deepEqual(posing.entry, bob.entry);
  assert.notDeepEqual(posing.device.entryHash, bob.device.entryHash);
  // Alice believes that she calls Mallory. Bob, who holds every private key, must not answer.
  await refused(acceptBy(bob, toMallory));
  const recordHash = posing.record.hash;
  await refused(acceptBy({ ...bob, device: { ...bob.device, recordHash } }, toMallory));
  // Even where all that travels in the clear is changed to name him, the transcript differs.
  const { header } = decodeOffer(toMallory.offer);
  const renamed = encodeOfferHeader({
    ...header,
    deviceEntryB: bob.device.entryHash,
    prekeySetB: (await verifiedBundleOf(bob)).setHash,
  });
  const offer = concat(renamed, toMallory.offer.slice(renamed.length));
  await refused(
    acceptBy({ ...bob, device: { ...bob.device, recordHash } }, { ...toMallory, offer }),
  );
});

Deno.test("Mallory, who registered Alice's keys as her own, does not take her calls over", async () => {
  const posing = await makePerson("mallory", { keys: alice.keys });
  const offered = await offerTo(bob);
  await refused(acceptBy(bob, offered, { peer: posing.device }));
});

/** A set for a device out of Bob's private prekeys. */
async function samePrekeys(person: Person): Promise<Person["prekeys"]> {
  const { spk, kpk } = bob.prekeys;
  const overrides = { spk: spk.publicKey, kpk: kpk.publicKey, notBeforeMs: NOW_MS };
  return { ...await makePrekeys(person.device, 0, overrides), spk, kpk };
}

Deno.test("a key of one kind does not serve as another", async () => {
  const offered = await offerTo(bob, 0);
  const genuine = usedPrekeysOf(bob, 0);
  const swapped = { ...genuine, spk: genuine.opk!, opk: genuine.spk };
  await refused(acceptBy(bob, offered, { prekeys: swapped }));
  const identity = { ...genuine, spk: bob.keys.identity };
  await refused(acceptBy(bob, offered, { prekeys: identity }));
  const oneTime = { ...genuine, opk: genuine.spk };
  await refused(acceptBy(bob, offered, { prekeys: oneTime }));
});

Deno.test("a KEM ciphertext made anew to the same key is refused in both directions", async () => {
  const { common, offer, pending, answer } = await answered();
  const ct1 = (await mlKem768Encapsulate(bob.prekeys.fields.kpk)).ciphertext;
  const ct2 = (await mlKem768Encapsulate(pending.kem.publicKey)).ciphertext;
  const resealed = Uint8Array.from(offer);
  resealed.set(ct1, decodeOffer(offer).headerBytes.length - ct1.length);
  await refused(acceptBy(bob, { common, offer: resealed }));
  const replied = Uint8Array.from(answer);
  replied.set(ct2, decodeAnswer(answer).headerBytes.length - ct2.length);
  await refused(finish(pending, replied));
  await finish(pending, answer);
});

Deno.test("ephemeral keys of small order, or not canonical, are refused in both directions", async () => {
  const { common, offer, pending, answer } = await answered();
  const bad = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  ];
  for (const hex of bad) {
    const changed = Uint8Array.from(offer);
    changed.set(fromHex(hex), decodeOffer(offer).headerBytes.length - 1088 - 32);
    await refused(acceptBy(bob, { common, offer: changed }));
    const replied = Uint8Array.from(answer);
    replied.set(fromHex(hex), decodeAnswer(answer).headerBytes.length - 1088 - 32);
    await refused(finish(pending, replied));
  }
});

// --- refusing, and ending ----------------------------------------------------------------------

Deno.test("a refusal arrives and ends the offer on both sides", async () => {
  const offered = await offerTo(bob);
  const { accepted } = await acceptBy(bob, offered);
  const box = await refuse(accepted, utf8("busy"));
  await assert.rejects(answer(accepted, NONE), SPENT);
  await assert.rejects(refuse(accepted, utf8("busy")), SPENT);
  assert.deepEqual(await openRefusal(offered.pending, box), utf8("busy"));
  await assert.rejects(openRefusal(offered.pending, box), SPENT);
});

Deno.test("a forged refusal does not end the offer", async () => {
  const { pending, answer, common, offer } = await answered();
  const { accepted } = await acceptBy(bob, { common, offer });
  const genuine = await refuse(accepted, utf8("busy"));
  for (const bit of sampledBits(genuine)) {
    await assert.rejects(openRefusal(pending, flipped(genuine, bit)), { code: "bad_message" });
  }
  // The caller's own offer, reflected, is no refusal.
  const reflected = decodeOffer(offer).box;
  await assert.rejects(openRefusal(pending, reflected), { code: "bad_message" });
  assert.deepEqual((await finish(pending, answer)).payload, utf8("answer"));
});

Deno.test("the secrets of the offer are wiped once the answer exists, on either side", async () => {
  const offered = await offerTo(bob);
  const { accepted } = await acceptBy(bob, offered);
  const callee = accepted.epoch0.root.expose();
  const { answer: reply } = await answer(accepted, NONE);
  assert.deepEqual(callee, new Uint8Array(32));
  await assert.rejects(answer(accepted, NONE), SPENT);
  const caller = offered.pending.epoch0.root.expose();
  await finish(offered.pending, reply);
  assert.deepEqual(caller, new Uint8Array(32));
  for (const { root, ckA, ckB, kc } of [accepted.epoch0, offered.pending.epoch0]) {
    for (const secret of [root, ckA, ckB, kc]) assert.throws(() => secret.expose(), SPENT);
  }
  await refused(finish(offered.pending, reply));
});

Deno.test("an answer that comes twice at once gives one session", async () => {
  const { pending, answer } = await answered();
  const results = await Promise.allSettled([1, 2, 3].map(() => finish(pending, answer)));
  assert.equal(results.filter(({ status }) => status === "fulfilled").length, 1);
});

Deno.test("a confirm completes once", async () => {
  const { pending, answer, unconfirmed } = await answered();
  const { confirm: last } = await confirm((await finish(pending, answer)).unconfirmed, NONE);
  const results = await Promise.allSettled([1, 2].map(() => complete(unconfirmed, last)));
  assert.equal(results.filter(({ status }) => status === "fulfilled").length, 1);
});

// --- several devices ---------------------------------------------------------------------------

/** Bob's second device, in the record in which his first one stands. */
async function tabletOfBob(): Promise<Person> {
  const tablet = await makePerson("bob", { deviceId: 2, name: "tablet" });
  return { ...tablet, device: { ...tablet.device, recordHash: bob.record.hash } };
}

/** Alice's call to both of Bob's devices, which have opened it. */
async function ringing(): Promise<
  { common: Bytes; offers: readonly SealedOffer[]; accepted: readonly AcceptedOffer[] }
> {
  const tablet = await tabletOfBob();
  const second = { ...await verifiedBundleOf(tablet, 1), recordHash: bob.record.hash };
  const bundles = [await verifiedBundleOf(bob, 0), second];
  const { common, offers } = await initiate(alice.device, bundles, {
    ...INPUT,
    payload: utf8("offer"),
  });
  const opened = await Promise.all([bob, tablet].map((callee, i) => {
    const message = { common, offer: offers[i]!.offer };
    return acceptBy(callee, message, { prekeys: usedPrekeysOf(callee, i) });
  }));
  for (const { payload } of opened) assert.deepEqual(payload, utf8("offer"));
  return { common, offers, accepted: opened.map(({ accepted }) => accepted) };
}

Deno.test("a call to two devices is one call with one key of the caller's, and two offers that share no other", async () => {
  const { common, offers } = await ringing();
  const [first, second] = offers.map(({ offer }) => decodeOffer(offer).header);
  assert.deepEqual([first!.deviceB, second!.deviceB], [1, 2]);
  assert.deepEqual([first!.common, second!.common], [commonHash(common), commonHash(common)]);
  for (const name of ["ephemeralA", "ct1", "prekeySetB", "deviceEntryB"] as const) {
    assert.notDeepEqual(first![name], second![name], name);
  }
  const [one, two] = offers.map(({ pending }) => pending);
  assert.equal(one!.kem, two!.kem);
  assert.notDeepEqual(one!.epoch0.root.expose(), two!.epoch0.root.expose());
});

Deno.test("devices of two records are not called at once", async () => {
  const bundles = [await verifiedBundleOf(bob), await verifiedBundleOf(mallory)];
  const input = { ...INPUT, payload: NONE };
  await assert.rejects(initiate(alice.device, bundles, input), /^Error: bug: /);
  await assert.rejects(initiate(alice.device, [], input), /^Error: bug: /);
});

Deno.test("an offer for one device does not open at another, nor does one's answer finish the other's", async () => {
  const { common, offers, accepted } = await ringing();
  const tablet = await tabletOfBob();
  await refused(acceptBy(tablet, { common, offer: offers[0]!.offer }));
  const { answer: reply } = await answer(accepted[1]!, utf8("tablet"));
  await refused(finish(offers[0]!.pending, reply));
  assert.deepEqual((await finish(offers[1]!.pending, reply)).payload, utf8("tablet"));
});

Deno.test("a withdrawal arrives at its device, once, and ends the offer on both sides", async () => {
  const { offers, accepted } = await ringing();
  const box = await withdraw(offers[1]!.pending, utf8("elsewhere"));
  await assert.rejects(openWithdrawal(accepted[0]!, box), { code: "bad_message" });
  assert.deepEqual(await openWithdrawal(accepted[1]!, box), utf8("elsewhere"));
  await assert.rejects(openWithdrawal(accepted[1]!, box), { code: "bad_message" });
  await assert.rejects(answer(accepted[1]!, NONE), SPENT);
  await assert.rejects(withdraw(offers[1]!.pending, NONE), SPENT);
  // The other offer goes on as if nothing had happened.
  const { answer: reply } = await answer(accepted[0]!, utf8("laptop"));
  assert.deepEqual((await finish(offers[0]!.pending, reply)).payload, utf8("laptop"));
});

Deno.test("nobody who only relayed makes a withdrawal, whatever they saw", async () => {
  const { offers, accepted } = await ringing();
  const [callee] = accepted;
  const box = decodeOffer(offers[0]!.offer).box;
  // The offer's own box again, a refusal reflected, and one of another device.
  const other = await refuse(accepted[1]!, utf8("ended"));
  for (const forged of [box, other, await withdraw(offers[1]!.pending, utf8("ended"))]) {
    await assert.rejects(openWithdrawal(callee!, forged), { code: "bad_message" });
  }
  const genuine = await withdraw(offers[0]!.pending, utf8("ended"));
  for (const bit of sampledBits(genuine)) {
    await assert.rejects(openWithdrawal(callee!, flipped(genuine, bit)), { code: "bad_message" });
  }
  assert.deepEqual(await openWithdrawal(callee!, genuine), utf8("ended"));
});

Deno.test("a second answer finds the offer withdrawn, and its device learns so until the confirm", async () => {
  const { offers, accepted } = await ringing();
  const replies = await Promise.all(accepted.map((one) => answer(one, NONE)));
  const { unconfirmed } = await finish(offers[0]!.pending, replies[0]!.answer);
  const elsewhere = await withdraw(offers[1]!.pending, utf8("elsewhere"));
  await refused(finish(offers[1]!.pending, replies[1]!.answer));
  const late = replies[1]!.unconfirmed;
  const { confirm: last } = await confirm(unconfirmed, NONE);
  await refused(complete(late, last));
  assert.deepEqual(await openWithdrawal(late, elsewhere), utf8("elsewhere"));
  assert.throws(() => late.epoch.secrets.root.expose(), SPENT);
  await complete(replies[0]!.unconfirmed, last);
  const { withdrawal } = replies[0]!.unconfirmed;
  await assert.rejects(withdrawal!.open(elsewhere), SPENT);
});

Deno.test("an offer that was answered is not withdrawn any more", async () => {
  const { pending, answer: reply } = await answered();
  await finish(pending, reply);
  await assert.rejects(withdraw(pending, NONE), SPENT);
});
