import assert from "node:assert/strict";
import { type Bytes, toHex, utf8 } from "../../crypto/bytes.ts";
import { type Codec, type FrameType, unwrap } from "../../crypto/envelope.ts";
import { CryptoError } from "../../crypto/error.ts";
import { FrameCryptor, MAX_FRAMES_PER_KEY } from "../../crypto/frame_cryptor.ts";
import { hkdfExpand } from "../../crypto/primitives.ts";
import { CTX, type Ctx, type Exporter, frameKid } from "../../crypto/schedule.ts";
import { callKeys } from "../support/call_keys.ts";
import { deriveFrameKey, type FrameKey, readHeader, sealFrame } from "../../crypto/sframe.ts";
import { deriveSframeKey } from "../../crypto/sframe_suites.ts";

/** The first generation of a call. */
const FIRST = { epoch: 1, step: 0 };

const MIC = { index: 0, ctx: CTX.mic, codec: "opus", frameType: "delta" } as const;
const CAMERA = { index: 0, ctx: CTX.camera, codec: "vp8", frameType: "delta" } as const;

Deno.test("two sides of one session understand each other on every medium and codec", async () => {
  const [alice, bob] = await pair();
  const codecs: Codec[] = ["opus", "red", "vp8", "vp9", "av1", "h264"];
  const types: FrameType[] = ["key", "delta"];
  for (const [index, [from, to]] of [[alice, bob], [bob, alice]].entries()) {
    for (const ctx of Object.values(CTX)) {
      for (const codec of codecs) {
        for (const frameType of types) {
          const frame = utf8(`${ctx} ${codec} ${frameType}`);
          const wire = await from!.protect({ ctx, codec, frameType }, frame);
          assert.deepEqual(await to!.unprotect({ index, ctx, codec }, wire), frame);
        }
      }
    }
  }
  assert.deepEqual(bob.stats().refused, {});
  assert.equal(bob.stats().framesProtected, 72);
  assert.equal(bob.stats().framesOpened, 72);
  assert.equal(bob.stats().bytesOpened, alice.stats().bytesProtected);
});

Deno.test("a side of another session opens none of a hundred frames", async () => {
  const [alice] = await pair(1);
  const [, mallory] = await pair(2);
  for (let i = 0; i < 100; i++) {
    const wire = await alice.protect(MIC, utf8(`frame ${i}`));
    await assert.rejects(mallory.unprotect(MIC, wire), { code: "bad_frame" });
  }
  assert.equal(mallory.stats().framesOpened, 0);
  assert.deepEqual(mallory.stats().refused, { bad_frame: 100 });
});

Deno.test("a frame with any one bit flipped is refused, and the frame itself still opens", async () => {
  const [alice, bob] = await pair();
  for (const frameType of ["key", "delta"] as const) {
    const wire = await alice.protect({ ...CAMERA, frameType }, utf8("a frame"));
    for (let bit = 0; bit < wire.length * 8; bit++) {
      const bad = wire.slice();
      bad[bit >> 3]! ^= 1 << (bit & 7);
      await assert.rejects(bob.unprotect(CAMERA, bad), CryptoError, `${frameType}, bit ${bit}`);
    }
    assert.deepEqual(await bob.unprotect(CAMERA, wire), utf8("a frame"));
  }
});

Deno.test("no call takes a key whose suite truncates its tags", async () => {
  const cryptor = new FrameCryptor();
  const kid = frameKid(FIRST, 0, CTX.mic);
  const base = new Uint8Array(64).fill(1);
  for (const suite of [1, 2, 3, 6, 7, 8] as const) {
    const weak = await deriveSframeKey(base, kid, suite);
    // @ts-expect-error A key of any suite is none of a call's.
    const asCallKey: FrameKey = weak;
    // What a worker would be posted, where nobody checks types.
    const posted = { ...await deriveFrameKey(base, kid), ...asCallKey };
    assert.throws(() => cryptor.setSendKey(CTX.mic, posted), /bug: calls use full tags/);
    assert.throws(() => cryptor.addRecvKey(posted), /bug: calls use full tags/);
  }
  await assert.rejects(cryptor.protect(MIC, utf8("frame")), { code: "unknown_key" });
  for (const suite of [4, 5] as const) {
    const taker = new FrameCryptor();
    taker.setSendKey(CTX.mic, await deriveFrameKey(base, kid, suite));
    const sealed = await taker.protect(MIC, utf8("frame"));
    // A header of two bytes (KID 16, counter 0), and a tag of sixteen.
    assert.equal(sealed.length, 2 + 5 + 16);
  }
});

Deno.test("a frame that is cut anywhere is refused, whatever its codec", async () => {
  const [alice, bob] = await pair();
  for (const codec of ["opus", "red", "vp8", "vp9", "av1", "h264"] as const) {
    for (const frameType of ["key", "delta"] as const) {
      const wire = await alice.protect({ ...CAMERA, codec, frameType }, new Uint8Array(64));
      const from = { index: 0, ctx: CTX.camera, codec };
      for (let cut = 1; cut < wire.length; cut++) {
        const part = wire.slice(0, -cut);
        await assert.rejects(bob.unprotect(from, part), CryptoError, `${codec}, ${cut}`);
      }
      assert.deepEqual(await bob.unprotect(from, wire), new Uint8Array(64));
    }
  }
});

Deno.test("a replayed frame is refused, also when both copies are opened at once", async () => {
  const [alice, bob] = await pair();
  const wire = await alice.protect(MIC, utf8("one"));
  await bob.unprotect(MIC, wire);
  await assert.rejects(bob.unprotect(MIC, wire), { code: "duplicate_frame" });
  // Refused before any decryption: the tag is not even looked at.
  const broken = wire.slice();
  broken[broken.length - 1]! ^= 1;
  await assert.rejects(bob.unprotect(MIC, broken), { code: "duplicate_frame" });

  const twice = await alice.protect(MIC, utf8("two"));
  const copies = Array.from({ length: 8 }, () => bob.unprotect(MIC, twice));
  const settled = await Promise.allSettled(copies);
  assert.equal(settled.filter(({ status }) => status === "fulfilled").length, 1);
  assert.equal(bob.stats().framesOpened, 2);
  assert.equal(bob.stats().duplicates, 9);
  assert.deepEqual(bob.stats().refused, {});
});

Deno.test("frames open in any order within 1024, and are refused beyond", async () => {
  const [alice, bob] = await pair();
  const wires = await Promise.all(
    Array.from({ length: 1026 }, (_, i) => alice.protect(MIC, utf8(`${i}`))),
  );
  assert.deepEqual(await bob.unprotect(MIC, wires[1025]!), utf8("1025"));
  await assert.rejects(bob.unprotect(MIC, wires[0]!), { code: "replayed_frame" });
  await assert.rejects(bob.unprotect(MIC, wires[1]!), { code: "replayed_frame" });
  for (let i = 1024; i >= 2; i--) {
    assert.deepEqual(await bob.unprotect(MIC, wires[i]!), utf8(`${i}`));
  }
  assert.deepEqual(bob.stats().refused, { replayed_frame: 2 });
  assert.equal(bob.stats().duplicates, 0);
});

Deno.test("a forged counter does not push genuine frames out of the window", async () => {
  const [alice, bob] = await pair();
  const wire = await alice.protect(MIC, utf8("genuine"));
  const wrong = await deriveFrameKey(new Uint8Array(64), frameKid(FIRST, 0, CTX.mic));
  const forged = await sealFrame(wrong, 2 ** 40, new Uint8Array(0), utf8("forged"));
  await assert.rejects(bob.unprotect(MIC, forged), { code: "bad_frame" });
  assert.deepEqual(await bob.unprotect(MIC, wire), utf8("genuine"));
});

Deno.test("a frame on the track of another medium is refused and stays unspent", async () => {
  const [alice, bob] = await pair();
  const wire = await alice.protect(MIC, utf8("from the microphone"));
  const screen = { index: 0, ctx: CTX.screenAudio, codec: "opus" } as const;
  await assert.rejects(bob.unprotect(screen, wire), { code: "bad_frame" });
  assert.deepEqual(await bob.unprotect(MIC, wire), utf8("from the microphone"));
});

Deno.test("a frame of a key that is not held is refused, one's own reflected frames too", async () => {
  const [alice, bob] = await pair();
  const wire = await alice.protect(MIC, utf8("frame"));
  await assert.rejects(new FrameCryptor().unprotect(MIC, wire), { code: "unknown_key" });
  await assert.rejects(alice.unprotect(MIC, wire), { code: "unknown_key" });
  assert.deepEqual(await bob.unprotect(MIC, wire), utf8("frame"));
});

Deno.test("a frame of another participant than whose connection it came on is refused", async () => {
  const [alice, bob] = await pair();
  const wire = await alice.protect(MIC, utf8("alice's"));
  await assert.rejects(bob.unprotect({ ...MIC, index: 2 }, wire), { code: "bad_frame" });
  assert.equal(bob.missingKid({ ...MIC, index: 2 }, wire), null, "and asks for no key");
  assert.deepEqual(await bob.unprotect(MIC, wire), utf8("alice's"));
});

Deno.test("a dropped key opens nothing and never comes back, and its KID may have another one", async () => {
  const [alice, bob] = await pair();
  const before = await alice.protect(MIC, utf8("under the first key"));
  const kid = frameKid(FIRST, 0, CTX.mic);
  const dropped = await callKeys(exporterOf(1), 1).recvKey(kid);
  bob.dropRecvKeys((each) => each === kid);
  await assert.rejects(bob.unprotect(MIC, before), { code: "unknown_key" });
  assert.equal(bob.missingKid(MIC, before), kid);
  // Whoever was asked for it answers late: its window is gone, so it would open frames again.
  bob.addRecvKey(dropped!);
  await assert.rejects(bob.unprotect(MIC, before), { code: "unknown_key" });
  // Sixteen epochs later.
  const key = await deriveFrameKey(new Uint8Array(64).fill(9), kid);
  bob.addRecvKey(key);
  alice.setSendKey(CTX.mic, await deriveFrameKey(new Uint8Array(64), kid + 16));
  alice.dropSendKeys();
  alice.setSendKey(CTX.mic, key);
  assert.deepEqual(await bob.unprotect(MIC, await alice.protect(MIC, utf8("new"))), utf8("new"));
  alice.dropSendKeys();
  const own = await callKeys(exporterOf(1), 0).sendKey(CTX.mic);
  assert.throws(() => alice.setSendKey(CTX.mic, own), /bug: a send key comes back/);
});

Deno.test("on hold nothing is protected, until a key is set again", async () => {
  const [alice, bob] = await pair();
  const underWay = alice.protect(MIC, utf8("under way"));
  alice.hold();
  assert.ok(!alice.protects(CTX.mic));
  await assert.rejects(underWay, { code: "unknown_key" });
  await assert.rejects(alice.protect(MIC, utf8("frame")), { code: "unknown_key" });
  alice.setSendKey(CTX.mic, await callKeys(exporterOf(1), 0).sendKey(CTX.mic));
  assert.deepEqual(await bob.unprotect(MIC, await alice.protect(MIC, utf8("on"))), utf8("on"));
  await assert.rejects(alice.protect(CAMERA, utf8("frame")), { code: "unknown_key" });
});

Deno.test("what was under way when a hold came does not leave under the keys before, once there are others", async () => {
  const [alice] = await pair();
  const next = await deriveFrameKey(
    new Uint8Array(64),
    frameKid({ epoch: 2, step: 0 }, 0, CTX.mic),
  );
  const underWay = alice.protect(MIC, utf8("under way"));
  alice.hold();
  // The next keys may be there before the cryptography has ended.
  alice.setSendKey(CTX.mic, next);
  await assert.rejects(underWay, { code: "unknown_key" });
});

Deno.test("before a send key is set nothing is protected", async () => {
  const cryptor = new FrameCryptor();
  await assert.rejects(cryptor.protect(MIC, utf8("frame")), { code: "unknown_key" });
  assert.deepEqual(cryptor.stats().refused, { unknown_key: 1 });
  assert.equal(cryptor.stats().framesProtected, 0);
});

Deno.test("an unknown codec is refused both ways", async () => {
  const [alice, bob] = await pair();
  const codec = "h265" as unknown as Codec;
  await assert.rejects(alice.protect({ ...MIC, codec }, utf8("frame")), {
    code: "unsupported_codec",
  });
  const wire = await alice.protect(MIC, utf8("frame"));
  await assert.rejects(bob.unprotect({ ...MIC, codec }, wire), { code: "unsupported_codec" });
});

Deno.test("a clear frame is refused whatever its bytes", async () => {
  const [, bob] = await pair();
  const silence = Uint8Array.of(0xf8, 0xff, 0xfe);
  const vp8 = Uint8Array.of(0x30, 0x01, 0x00, 0x9d, 0x01, 0x2a, 0x80, 0x02, 0xe0, 0x01, 0, 0);
  await assert.rejects(bob.unprotect(MIC, silence), CryptoError);
  await assert.rejects(bob.unprotect(CAMERA, vp8), CryptoError);
  for (let first = 0; first < 256; first++) {
    const frame = new Uint8Array(60).fill(first);
    await assert.rejects(bob.unprotect(MIC, frame), CryptoError);
    await assert.rejects(bob.unprotect(CAMERA, frame), CryptoError);
  }
  assert.equal(bob.stats().framesOpened, 0);
});

Deno.test("counters of one key are never used twice, however calls overlap", async () => {
  const alice = new FrameCryptor();
  const keys = callKeys(exporterOf(1), 0);
  alice.setSendKey(CTX.mic, await keys.sendKey(CTX.mic));
  const first = await Promise.all(Array.from({ length: 300 }, () => alice.protect(MIC, utf8("f"))));
  alice.setSendKey(CTX.mic, await keys.sendKey(CTX.mic));
  alice.setSendKey(CTX.mic, structuredClone(await keys.sendKey(CTX.mic)));
  const later = await Promise.all(Array.from({ length: 300 }, () => alice.protect(MIC, utf8("f"))));
  const counters = [...first, ...later].map((wire) => readHeader(wire).ctr);
  assert.deepEqual(counters, Array.from({ length: 600 }, (_, i) => i));
});

Deno.test("a key set again after another goes on with its counter", async () => {
  const alice = new FrameCryptor();
  const one = await deriveFrameKey(new Uint8Array(64), frameKid(FIRST, 0, CTX.mic));
  const two = await deriveFrameKey(new Uint8Array(64), frameKid(FIRST, 0, CTX.mic) + 1);
  const counters: number[] = [];
  for (const key of [one, two, one, two]) {
    alice.setSendKey(CTX.mic, key);
    counters.push(readHeader(await alice.protect(MIC, utf8("frame"))).ctr);
  }
  assert.deepEqual(counters, [0, 0, 1, 1]);
});

Deno.test("a KID never has two keys, and a key never serves another medium", async () => {
  const kid = frameKid(FIRST, 0, CTX.mic);
  const one = await deriveFrameKey(new Uint8Array(64).fill(1), kid);
  const two = await deriveFrameKey(new Uint8Array(64).fill(2), kid);
  const cryptor = new FrameCryptor();
  cryptor.setSendKey(CTX.mic, one);
  assert.throws(() => cryptor.setSendKey(CTX.mic, two), /bug/);
  assert.throws(() => cryptor.setSendKey(CTX.camera, one), /bug/);
  cryptor.addRecvKey(one);
  assert.throws(() => cryptor.addRecvKey(two), /bug/);
});

Deno.test("adding a receive key again keeps its replay window", async () => {
  const [alice, bob] = await pair();
  const wire = await alice.protect(MIC, utf8("frame"));
  await bob.unprotect(MIC, wire);
  const key = await callKeys(exporterOf(1), 1).recvKey(frameKid(FIRST, 0, CTX.mic));
  bob.addRecvKey(key!);
  await assert.rejects(bob.unprotect(MIC, wire), { code: "duplicate_frame" });
});

Deno.test("a key whose counter ran out protects no more", async () => {
  const cryptor = new FrameCryptor(2);
  cryptor.setSendKey(CTX.mic, await callKeys(exporterOf(1), 0).sendKey(CTX.mic));
  await cryptor.protect(MIC, utf8("frame"));
  await cryptor.protect(MIC, utf8("frame"));
  await assert.rejects(cryptor.protect(MIC, utf8("frame")), { code: "spent" });
  assert.throws(() => new FrameCryptor(MAX_FRAMES_PER_KEY + 1), /bug/);
});

Deno.test("a zero-length frame is refused and leaves no count and no counter behind", async () => {
  const [alice, bob] = await pair();
  await assert.rejects(alice.protect(MIC, new Uint8Array(0)), { code: "malformed" });
  await assert.rejects(bob.unprotect(MIC, new Uint8Array(0)), { code: "malformed" });
  assert.deepEqual(alice.stats().refused, {});
  assert.deepEqual(bob.stats().refused, {});
  assert.equal(readHeader(await alice.protect(MIC, utf8("first"))).ctr, 0);
});

Deno.test("a frame grows by 18 to 23 bytes and keeps none of its own in the clear", async () => {
  const [alice, bob] = await pair();
  const frame = new Uint8Array(1200).fill(0xa5);
  for (const [from, ctx] of [[alice, CTX.mic], [bob, CTX.backup]] as const) {
    for (let i = 0; i < 300; i++) {
      const wire = await from.protect({ ctx, codec: "vp9", frameType: "key" }, frame);
      const added = wire.length - frame.length;
      assert.ok(added >= 18 && added <= 23, `${added}`);
      assert.ok(!toHex(unwrap("vp9", wire)).includes("a5a5a5a5"));
    }
  }
});

Deno.test("the frame may be overwritten as soon as protect was called", async () => {
  const [alice, bob] = await pair();
  const frame = utf8("original");
  const pending = alice.protect(MIC, frame);
  frame.fill(0);
  assert.deepEqual(await bob.unprotect(MIC, await pending), utf8("original"));
});

async function pair(session = 1): Promise<[FrameCryptor, FrameCryptor]> {
  return [await side(session, 0), await side(session, 1)];
}

async function side(session: number, self: 0 | 1): Promise<FrameCryptor> {
  const keys = callKeys(exporterOf(session), self);
  const cryptor = new FrameCryptor();
  for (const ctx of Object.values(CTX) as Ctx[]) {
    cryptor.setSendKey(ctx, await keys.sendKey(ctx));
    const receiving = await keys.recvKey(frameKid(FIRST, 1 - self, ctx));
    assert.ok(receiving !== null);
    cryptor.addRecvKey(receiving);
  }
  return cryptor;
}

function exporterOf(session: number): Exporter {
  const secret: Bytes = new Uint8Array(32).fill(session);
  return (label, _context, length) => hkdfExpand(secret, utf8(label), length);
}
