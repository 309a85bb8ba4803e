import assert from "node:assert/strict";
import { utf8 } from "../../crypto/bytes.ts";
import { labelled } from "../../crypto/labels.ts";
import { hkdfExpand } from "../../crypto/primitives.ts";
import { CTX, type Ctx, ctxOfKid, type Exporter, frameKid } from "../../crypto/schedule.ts";
import { callKeys } from "../support/call_keys.ts";
import { deriveFrameKey, openFrame, readHeader, sealFrame } from "../../crypto/sframe.ts";

/** The first generation of a call. */
const FIRST = { epoch: 1, step: 0 };

const ALL: readonly Ctx[] = Object.values(CTX);
const NONE = new Uint8Array(0);

Deno.test("a KID is index, medium, epoch 1 and step 0, and no two are alike", () => {
  assert.equal(frameKid(FIRST, 0, CTX.mic), 0x010);
  assert.equal(frameKid(FIRST, 0, CTX.camera), 0x110);
  assert.equal(frameKid(FIRST, 1, CTX.mic), 0x810);
  assert.equal(frameKid(FIRST, 1, CTX.backup), 0xd10);
  assert.equal(frameKid(FIRST, 0xffff, CTX.backup), 0x7fffd10);
  for (const ctx of ALL) assert.equal(ctxOfKid(frameKid(FIRST, 0xffff, ctx)), ctx);
  assert.equal(new Set([0, 1].flatMap((i) => ALL.map((ctx) => frameKid(FIRST, i, ctx)))).size, 12);
  assert.throws(() => frameKid(FIRST, 0x10000, CTX.mic), /bug/);
  assert.throws(() => frameKid(FIRST, -1, CTX.mic), /bug/);
});

Deno.test("both sides of a session hold the same key for each medium of each sender", async () => {
  const caller = callKeys(exporterOf(1), 0);
  const callee = callKeys(exporterOf(1), 1);
  for (const [from, to] of [[caller, callee], [callee, caller]] as const) {
    for (const ctx of ALL) {
      const sending = await from.sendKey(ctx);
      assert.equal(sending.kid, frameKid(FIRST, from.self, ctx));
      assert.equal(sending.suite, 5);
      const receiving = await to.recvKey(sending.kid);
      assert.ok(receiving !== null);
      const frame = await sealFrame(sending, 0, NONE, utf8("frame"));
      assert.deepEqual(await openFrame(receiving, readHeader(frame), NONE, frame), utf8("frame"));
    }
  }
});

Deno.test("the keys of a sender, of a medium and of a session are all different", async () => {
  const salts = new Set<string>();
  for (const session of [1, 2]) {
    for (const self of [0, 1] as const) {
      const keys = callKeys(exporterOf(session), self);
      for (const ctx of ALL) salts.add(`${(await keys.sendKey(ctx)).salt}`);
    }
  }
  assert.equal(salts.size, 2 * 2 * ALL.length);
});

Deno.test("the schedule follows its formula", async () => {
  const exported: [string, number, number][] = [];
  const inner = exporterOf(1);
  const keys = callKeys((label, context, length) => {
    exported.push([label, context.length, length]);
    return inner(label, context, length);
  }, 1);
  const info = labelled("sender", Uint8Array.of(0, 1, CTX.screenAudio));
  const base = hkdfExpand(inner("call", NONE, 32), info, 64);
  const expected = await deriveFrameKey(base, 0xb10, 5);
  const actual = await keys.sendKey(CTX.screenAudio);
  assert.equal(actual.kid, 0xb10);
  assert.deepEqual(actual.salt, expected.salt);
  const frame = await sealFrame(expected, 0, NONE, utf8("frame"));
  assert.deepEqual(await openFrame(actual, readHeader(frame), NONE, frame), utf8("frame"));
  assert.deepEqual(exported, [["call", 0, 32]]);
});

Deno.test("a KID of oneself, of nobody, or of another epoch or step has no receive key", async () => {
  const keys = callKeys(exporterOf(1), 0);
  const answered: number[] = [];
  for (let kid = 0; kid < 3 << 11; kid++) {
    if (await keys.recvKey(kid) !== null) answered.push(kid);
  }
  assert.deepEqual(answered, ALL.map((ctx) => frameKid(FIRST, 1, ctx)));
  for (const odd of [2 ** 32 + 0x810, -1, 0.5, NaN, Number.MAX_SAFE_INTEGER]) {
    assert.equal(await keys.recvKey(odd), null);
  }
});

Deno.test("a key is derived once", async () => {
  const keys = callKeys(exporterOf(1), 0);
  assert.equal(await keys.sendKey(CTX.mic), await keys.sendKey(CTX.mic));
  assert.equal(await keys.recvKey(0x810), await keys.recvKey(0x810));
});

function exporterOf(session: number): Exporter {
  const secret = new Uint8Array(32).fill(session);
  return (label, _context, length) => hkdfExpand(secret, utf8(label), length);
}
