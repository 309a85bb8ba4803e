import assert from "node:assert/strict";
import { concat, utf8 } from "../../crypto/bytes.ts";
import { type Commit } from "../../crypto/commit.ts";
import { Generation } from "../../crypto/generation.ts";
import { labelled } from "../../crypto/labels.ts";
import { hkdfExpand, hkdfExtract } from "../../crypto/primitives.ts";
import { CTX, frameKid } from "../../crypto/schedule.ts";
import { Secret } from "../../crypto/secret.ts";
import { deriveFrameKey } from "../../crypto/sframe.ts";

const RANDOM = new Uint8Array(32).fill(1);

Deno.test("the keys of a group call follow their formulas", async () => {
  const first = Generation.first(commitOf(300, 0, 2), new Secret(RANDOM.slice()));
  const es = hkdfExtract(concat(bytes(32, 2), bytes(32, 9)), RANDOM);
  assert.deepEqual(first.secret().expose(), es);
  assert.deepEqual(first.auth().expose(), hkdfExpand(es, labelled("auth"), 32));

  const next = first.next(commitOf(300, 1, 3));
  const info = labelled("step", bytes(16, 8), Uint8Array.of(0, 0, 1, 44, 1));
  const stepped = hkdfExpand(hkdfExtract(bytes(32, 3), es), info, 32);
  assert.deepEqual(next.secret().expose(), stepped);

  const kid = 260 << 11 | 3 << 8 | (300 & 15) << 4 | 1;
  const base = hkdfExpand(stepped, labelled("sender", Uint8Array.of(1, 4, 3)), 64);
  const key = await next.frameKey(260, CTX.screenAudio);
  assert.equal(key.kid, kid);
  assert.deepEqual(key.salt, (await deriveFrameKey(base, kid)).salt);

  const bound = concat(Uint8Array.of(0, 1), utf8("x"), Uint8Array.of(0, 1, 7));
  assert.deepEqual(
    next.exporter("x", Uint8Array.of(7), 40),
    hkdfExpand(stepped, labelled("media-export", bound), 40),
  );
});

Deno.test("a step erases what it came from, and an epoch its R", () => {
  const random = new Secret(RANDOM.slice());
  const held = random.expose();
  const first = Generation.first(commitOf(1, 0, 2), random);
  assert.deepEqual(held, new Uint8Array(32));
  assert.throws(() => random.expose(), { code: "spent" });
  const copy = first.copy();
  first.next(commitOf(1, 1, 2));
  for (
    const use of [() => first.secret(), () => first.auth(), () => first.exporter("x", RANDOM, 32)]
  ) {
    assert.throws(use, { code: "spent" });
  }
  copy.wipe();
  assert.throws(() => copy.secret(), { code: "spent" });
});

Deno.test("a KID has the index, the medium, and four bits each of epoch and step", () => {
  assert.equal(frameKid({ epoch: 1, step: 0 }, 0, CTX.mic), 0x010);
  assert.equal(frameKid({ epoch: 18, step: 15 }, 1, CTX.backup), 0xd2f);
  assert.equal(frameKid({ epoch: 16, step: 0 }, 0xffff, CTX.camera), 0x7fff900);
  assert.throws(() => frameKid({ epoch: 1, step: 0 }, 0x10000, CTX.mic), /bug/);
});

function commitOf(epoch: number, step: number, roster: number): Commit {
  return {
    callId: bytes(16, 8),
    epoch,
    step,
    type: "timer",
    rosterHash: bytes(32, roster),
    prevHash: bytes(32, 9),
    timeMs: 0,
    signer: bytes(32, 4),
    change: { removed: [], added: [] },
  };
}

function bytes(length: number, value: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(length).fill(value);
}
