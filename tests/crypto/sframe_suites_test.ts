import assert from "node:assert/strict";
import { ctrOpen, ctrSeal, importCtrKey } from "../../crypto/aes_ctr.ts";
import { type Bytes, concat, toHex, utf8 } from "../../crypto/bytes.ts";
import { encodeWideHeader, readWideHeader, type Uint64 } from "../../crypto/sframe_header.ts";
import {
  deriveSframeKey,
  openSframe,
  sealSframe,
  type SframeKey,
  type SframeSuite,
} from "../../crypto/sframe_suites.ts";
import { run } from "../runtime/checks/sframe.ts";
import { sframeVectors } from "../support/sframe_vectors.ts";

/** Every suite with the length of its tag. */
const TAG_BYTES: Readonly<Record<SframeSuite, number>> = {
  1: 10,
  2: 8,
  3: 4,
  4: 16,
  5: 16,
  6: 10,
  7: 8,
  8: 4,
};
const SUITES = Object.keys(TAG_BYTES).map(Number) as SframeSuite[];
const BASE = Uint8Array.from({ length: 16 }, (_, i) => i);
const NONE = new Uint8Array(0);

Deno.test("every suite seals to the frames of its vectors, and opens them", async () => {
  const all = await sframeVectors();
  if (all === null) return;
  assert.deepEqual(all.frames.map(({ cipher_suite: suite }) => suite), SUITES);
  assert.deepEqual(all.aead.map(({ cipher_suite: suite }) => suite), [1, 2, 3, 6, 7, 8]);
  for (const { equal, differences } of await run({ ...all, header: [] })) {
    assert.deepEqual(differences, []);
    assert.equal(equal, 2 * 6 + 3 * 8 + 2 * 2);
  }
});

Deno.test("a frame of any suite opens with every bit as it was sealed, and with none changed", async () => {
  for (const suite of SUITES) {
    const key = await deriveSframeKey(BASE, 300, suite);
    const frame = await sealSframe(key, 7, utf8("meta"), utf8("frame"));
    assert.equal(frame.length, 3 + 5 + TAG_BYTES[suite]);
    assert.deepEqual(await opened(key, utf8("meta"), frame), utf8("frame"));
    for (let bit = 3 * 8; bit < frame.length * 8; bit++) {
      const changed = frame.slice();
      changed[bit >> 3]! ^= 1 << (bit & 7);
      await refuses(key, utf8("meta"), changed, `suite ${suite}, bit ${bit}`);
    }
    // The counter, which is authenticated with the header as well as by the nonce.
    const other = concat(encodeWideHeader(300, 6), frame.subarray(3));
    await refuses(key, utf8("meta"), other, `suite ${suite}, another counter`);
    await refuses(key, utf8("mete"), frame, `suite ${suite}, other metadata`);
    await refuses(key, NONE, frame, `suite ${suite}, no metadata`);
    await refuses(key, utf8("meta"), concat(frame, Uint8Array.of(0)), `suite ${suite}, longer`);
    for (let length = 3; length < frame.length; length++) {
      await refuses(key, utf8("meta"), frame.slice(0, length), `suite ${suite}, ${length} bytes`);
    }
  }
});

Deno.test("suites of one base key share no key, and KIDs of one suite share none", async () => {
  const seen = new Set<string>();
  for (const suite of SUITES) {
    for (const kid of [0, 1, 2n ** 53n, 2n ** 64n - 1n]) {
      const key = await deriveSframeKey(BASE, kid, suite);
      seen.add(toHex(key.salt));
      await assert.rejects(openSframe(key, { kid: 7, ctr: 0, length: 1 }, NONE, NONE), /bug/);
    }
  }
  assert.equal(seen.size, SUITES.length * 4);
});

Deno.test("integers of 64 bits go through every suite, and each counter has its own nonce", async () => {
  const integers: readonly Uint64[] = [
    0,
    7,
    8,
    2 ** 32,
    Number.MAX_SAFE_INTEGER,
    2n ** 53n,
    2n ** 53n + 1n,
    2n ** 56n - 1n,
    2n ** 56n,
    2n ** 64n - 1n,
  ];
  for (const suite of SUITES) {
    for (const kid of integers) {
      const key = await deriveSframeKey(BASE, kid, suite);
      const ciphertexts = new Set<string>();
      for (const ctr of integers) {
        const frame = await sealSframe(key, ctr, NONE, new Uint8Array(32));
        const header = readWideHeader(frame);
        assert.deepEqual([header.kid, header.ctr], [kid, ctr]);
        assert.deepEqual(await opened(key, NONE, frame), new Uint8Array(32));
        ciphertexts.add(toHex(frame.slice(header.length, header.length + 32)));
      }
      assert.equal(ciphertexts.size, integers.length);
    }
  }
});

Deno.test("an empty frame and a long one, under every suite", async () => {
  const long = Uint8Array.from({ length: 100_003 }, (_, i) => i * 7);
  for (const suite of SUITES) {
    const key = await deriveSframeKey(BASE, 1, suite);
    for (const plaintext of [NONE, long]) {
      const frame = await sealSframe(key, 2, NONE, plaintext);
      assert.equal(frame.length, 1 + plaintext.length + TAG_BYTES[suite]);
      assert.deepEqual(await opened(key, NONE, frame), plaintext);
    }
  }
});

Deno.test("what is decrypted is what was verified, when the frame is overwritten meanwhile", async () => {
  for (const suite of SUITES) {
    const key = await deriveSframeKey(BASE, 1, suite);
    const plaintext = utf8("a frame of some length");
    const sealing = sealSframe(key, 2, NONE, plaintext);
    plaintext.fill(0);
    const frame = await sealing;
    const opening = opened(key, NONE, frame);
    frame.fill(0);
    assert.deepEqual(await opening, utf8("a frame of some length"), `suite ${suite}`);
  }
});

Deno.test("a key of another length is none of AES-CTR with HMAC, and no part of one is extractable", async () => {
  for (const length of [0, 16, 32, 47, 49, 64, 95, 97]) {
    await assert.rejects(importCtrKey(new Uint8Array(length), 10), /bug/, `${length}`);
  }
  const key = await importCtrKey(new Uint8Array(48), 10);
  await assert.rejects(crypto.subtle.exportKey("raw", key.cipher));
  await assert.rejects(crypto.subtle.exportKey("raw", key.mac));
  await assert.rejects(ctrSeal(key, new Uint8Array(16), NONE, NONE), /bug/);
  assert.equal(await ctrOpen(key, new Uint8Array(12), NONE, new Uint8Array(9)), null);
});

function opened(key: SframeKey, metadata: Bytes, frame: Bytes): Promise<Bytes> {
  return openSframe(key, readWideHeader(frame), metadata, frame);
}

async function refuses(
  key: SframeKey,
  metadata: Bytes,
  frame: Bytes,
  what: string,
): Promise<void> {
  await assert.rejects(opened(key, metadata, frame), { code: "bad_frame" }, what);
}
