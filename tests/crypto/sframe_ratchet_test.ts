import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { type Bytes, concat, toHex, utf8 } from "../../crypto/bytes.ts";
import { readWideHeader, type Uint64 } from "../../crypto/sframe_header.ts";
import {
  ratchetBaseKey,
  type RatchetStart,
  ReceiverRatchet,
  SenderRatchet,
} from "../../crypto/sframe_ratchet.ts";
import { deriveSframeKey, openSframe, type SframeSuite } from "../../crypto/sframe_suites.ts";

const BASE = Uint8Array.from({ length: 16 }, (_, i) => i);
const NONE = new Uint8Array(0);
const START: RatchetStart = { baseKey: BASE, suite: 5, stepBits: 4, kid: 3 << 4 };

/** The step by its formula, with HKDF as two HMACs: Nh is one block of its output. */
function secondStep(baseKey: Uint8Array, hash: "sha256" | "sha512"): Bytes {
  const secret = createHmac(hash, NONE).update(baseKey).digest();
  const label = concat(utf8("SFrame 1.0 Ratchet"), Uint8Array.of(1));
  return Uint8Array.from(createHmac(hash, secret).update(label).digest());
}

/** A second chain: which base key, and which KID, belong to a step. */
function secondChain(steps: number, suite: SframeSuite): Bytes {
  let baseKey: Bytes = BASE;
  for (let i = 0; i < steps; i++) baseKey = secondStep(baseKey, suite <= 4 ? "sha256" : "sha512");
  return baseKey;
}

Deno.test("the ratchet's base keys are those of a second derivation, for every suite", () => {
  for (const suite of [1, 2, 3, 4, 5, 6, 7, 8] as const) {
    let baseKey: Bytes = BASE;
    for (let steps = 1; steps <= 20; steps++) {
      baseKey = ratchetBaseKey(baseKey, suite);
      assert.equal(toHex(baseKey), toHex(secondChain(steps, suite)), `suite ${suite}, ${steps}`);
      assert.equal(baseKey.length, suite <= 4 ? 32 : 64);
    }
  }
});

Deno.test("a sender's frames open with keys of the second derivation, around the circle of steps", async () => {
  for (const [generation, stepBits] of [[0n, 1], [3n, 4], [2n ** 60n - 1n, 4]] as const) {
    const kid = generation << BigInt(stepBits);
    const sender = new SenderRatchet({ ...START, kid, stepBits });
    const pairs = new Set<string>();
    for (let steps = 0; steps < 40; steps++) {
      const frame = await sender.seal(utf8("meta"), utf8(`step ${steps}`));
      const header = readWideHeader(frame);
      const expected = kid + BigInt(steps) % (1n << BigInt(stepBits));
      assert.equal(BigInt(header.kid), expected);
      pairs.add(`${header.kid} ${header.ctr}`);
      const key = await deriveSframeKey(secondChain(steps, 5), header.kid, 5);
      assert.deepEqual(await openSframe(key, header, utf8("meta"), frame), utf8(`step ${steps}`));
      sender.ratchet();
    }
    // KIDs come again; no pair of KID and counter does.
    assert.equal(pairs.size, 40);
  }
});

Deno.test("a receiver follows a sender through every step, around the circle", async () => {
  for (const suite of [1, 3, 4, 5, 8] as const) {
    for (const stepBits of [1, 2, 4, 8]) {
      const start = { ...START, suite, stepBits, kid: 5 * 2 ** stepBits };
      const [sender, receiver] = [new SenderRatchet(start), new ReceiverRatchet(start)];
      for (let steps = 0; steps < 2 ** stepBits + 3; steps++) {
        const frame = await sender.seal(NONE, utf8(`${steps}`));
        assert.deepEqual(await receiver.open(NONE, frame), utf8(`${steps}`));
        assert.equal(receiver.kid, sender.kid);
        sender.ratchet();
      }
    }
  }
});

Deno.test("half the circle may be skipped, and no more", async () => {
  for (const [skipped, isFollowed] of [[1, true], [7, true], [8, true], [9, false]] as const) {
    const [sender, receiver] = both();
    await receiver.open(NONE, await sender.seal(NONE, utf8("first")));
    for (let i = 0; i < skipped; i++) sender.ratchet();
    const opening = receiver.open(NONE, await sender.seal(NONE, utf8("later")));
    if (isFollowed) assert.deepEqual(await opening, utf8("later"));
    else await assert.rejects(opening, { code: "unknown_key" });
  }
});

Deno.test("a receiver comes in at any step, and needs no earlier key", async () => {
  const sender = new SenderRatchet(START);
  for (let i = 0; i < 21; i++) sender.ratchet();
  const baseKey = secondChain(21, 5);
  const receiver = new ReceiverRatchet({ ...START, baseKey, kid: sender.kid });
  for (let i = 0; i < 20; i++) {
    assert.deepEqual(await receiver.open(NONE, await sender.seal(NONE, utf8("on"))), utf8("on"));
    sender.ratchet();
  }
});

Deno.test("a forged KID moves nothing: the chain goes on from where a tag verified", async () => {
  const [sender, receiver] = both();
  await receiver.open(NONE, await sender.seal(NONE, utf8("one")));
  const genuine = await sender.seal(NONE, utf8("two"));
  const at = receiver.kid;
  for (let step = 0; step < 16; step++) {
    const forged = genuine.slice();
    // Two bytes of header: config, and the KID 0x30 to 0x3f.
    forged[1] = 3 << 4 | step;
    if (step === 0) forged[forged.length - 1]! ^= 1;
    const code = step <= 8 ? "bad_frame" : "unknown_key";
    await assert.rejects(receiver.open(NONE, forged), { code }, `step ${step}`);
    assert.equal(receiver.kid, at);
  }
  // A key that a forged frame left behind would be taken for it again.
  assert.deepEqual(await receiver.open(NONE, genuine), utf8("two"));
  sender.ratchet();
  assert.deepEqual(
    await receiver.open(NONE, await sender.seal(NONE, utf8("three"))),
    utf8("three"),
  );
});

Deno.test("frames of steps before, skipped ones too, open until they are forgotten", async () => {
  const [sender, receiver] = both();
  const frames: Bytes[] = [];
  for (let steps = 0; steps < 5; steps++) {
    frames.push(await sender.seal(NONE, utf8(`${steps}`)));
    sender.ratchet();
  }
  for (const steps of [4, 1, 0, 3, 2]) {
    assert.deepEqual(await receiver.open(NONE, frames[steps]!), utf8(`${steps}`));
  }
  assert.equal(receiver.kid, 3 << 4 | 4);
  receiver.forget();
  for (const steps of [0, 1, 2, 3]) {
    await assert.rejects(receiver.open(NONE, frames[steps]!), { code: "unknown_key" });
  }
  assert.deepEqual(await receiver.open(NONE, frames[4]!), utf8("4"));
});

Deno.test("half the circle on, an old KID means the step ahead", async () => {
  const [sender, receiver] = both();
  const old = await sender.seal(NONE, utf8("old"));
  await receiver.open(NONE, old);
  for (let steps = 1; steps <= 8; steps++) {
    sender.ratchet();
    await receiver.open(NONE, await sender.seal(NONE, utf8("new")));
    if (steps < 8) assert.deepEqual(await receiver.open(NONE, old), utf8("old"));
  }
  await assert.rejects(receiver.open(NONE, old), { code: "bad_frame" });
});

Deno.test("frames of several steps that are opened at once all open, and the furthest stays", async () => {
  const [sender, receiver] = both();
  const frames: Bytes[] = [];
  for (let steps = 0; steps < 9; steps++) {
    for (let i = 0; i < 3; i++) frames.push(await sender.seal(NONE, utf8(`${steps} ${i}`)));
    if (steps < 8) sender.ratchet();
  }
  frames.reverse();
  const opened = await Promise.all(frames.map((frame) => receiver.open(NONE, frame)));
  assert.equal(new Set(opened.map(toHex)).size, 27);
  assert.equal(receiver.kid, sender.kid);
  sender.ratchet();
  assert.deepEqual(await receiver.open(NONE, await sender.seal(NONE, utf8("on"))), utf8("on"));
});

Deno.test("frame and metadata may be overwritten as soon as a ratchet was given them", async () => {
  const [sender, receiver] = both();
  const [metadata, plaintext] = [utf8("meta"), utf8("frame")];
  const sealing = sender.seal(metadata, plaintext);
  metadata.fill(0);
  plaintext.fill(0);
  const frame = await sealing;
  // Derived first, then from the key that is held.
  for (let i = 0; i < 2; i++) {
    const [copy, ad] = [frame.slice(), utf8("meta")];
    const opening = receiver.open(ad, copy);
    copy.fill(0);
    ad.fill(0);
    assert.deepEqual(await opening, utf8("frame"));
  }
});

Deno.test("another generation is another chain, and a KID holds 1 to 8 bits of step", async () => {
  const [, receiver] = both();
  const kids: readonly Uint64[] = [2 << 4, 4 << 4, 2n ** 63n];
  for (const kid of kids) {
    const frame = await new SenderRatchet({ ...START, kid }).seal(NONE, utf8("frame"));
    await assert.rejects(receiver.open(NONE, frame), { code: "unknown_key" });
  }
  await assert.rejects(receiver.open(NONE, NONE), { code: "malformed" });
  for (const stepBits of [0, 9, 1.5, NaN]) {
    assert.throws(() => new SenderRatchet({ ...START, stepBits }), /bug/);
    assert.throws(() => new ReceiverRatchet({ ...START, stepBits }), /bug/);
  }
});

function both(): [SenderRatchet, ReceiverRatchet] {
  return [new SenderRatchet(START), new ReceiverRatchet(START)];
}
