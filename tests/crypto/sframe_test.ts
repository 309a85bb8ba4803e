import assert from "node:assert/strict";
import { concat, toHex, utf8 } from "../../crypto/bytes.ts";
import {
  deriveFrameKey,
  encodeHeader,
  openFrame,
  readHeader,
  sealFrame,
} from "../../crypto/sframe.ts";
import { encodeWideHeader, readWideHeader, uint64 } from "../../crypto/sframe_header.ts";
import { run } from "../runtime/checks/sframe.ts";
import { fromHex } from "../support/hex.ts";
import { sframeVectors } from "../support/sframe_vectors.ts";

const NONE = new Uint8Array(0);

Deno.test("all 289 headers of RFC 9605, and the frames of suites 4 and 5, are those of its vectors", async () => {
  const all = await sframeVectors();
  if (all === null) return;
  const frames = all.frames.filter(({ cipher_suite: suite }) => suite === 4 || suite === 5);
  assert.deepEqual([all.header.length, frames.length], [289, 2]);
  for (const { equal, refused, differences } of await run({ ...all, aead: [], frames })) {
    assert.deepEqual(differences, []);
    // 17 boundary values in each field, of which 14 are below 2^53: calls take no others.
    assert.equal(equal, 3 * 289 + 2 * 14 * 14 + 5 * 2);
    assert.equal(refused, 17 * 17 - 14 * 14);
  }
});

Deno.test("a header that is cut, or longer than its values need, is malformed", () => {
  const cut = ["", "80", "8f", "08", "99ffff", "98ffff", "8fffffffffffffff", "ff80000000000000ff"];
  // 7 fits the config byte, 255 fits one byte, 256 fits two, 2^53 fits seven.
  const long = ["0807", "8007", "0900ff", "9000ff", "0a000100", "0f0000000000000100"];
  for (const bad of [...cut, ...long, "0f0020000000000000", "f00020000000000000"]) {
    assert.throws(() => readHeader(fromHex(bad)), { code: "malformed" }, bad);
    assert.throws(() => readWideHeader(fromHex(bad)), { code: "malformed" }, bad);
  }
  assert.deepEqual(readHeader(fromHex("0808")), { kid: 0, ctr: 8, length: 2 });
});

Deno.test("calls take KIDs and counters up to 2^53 - 1, and 2^53 is malformed", async () => {
  const largest = Number.MAX_SAFE_INTEGER;
  const header = encodeHeader(largest, largest);
  assert.equal(toHex(header), "ee1fffffffffffff1fffffffffffff");
  assert.deepEqual(readHeader(header), { kid: largest, ctr: largest, length: 15 });
  for (const wide of ["0e20000000000000", "e020000000000000", `f0${"ff".repeat(8)}`]) {
    assert.throws(() => readHeader(fromHex(wide)), { code: "malformed" });
    assert.equal(readWideHeader(fromHex(wide)).length, wide.length / 2);
  }
  assert.throws(() => encodeHeader(largest + 1, 0), /bug/);
  assert.throws(() => encodeHeader(0, -1), /bug/);
  assert.throws(() => encodeWideHeader(0, -1), /bug/);
  await assert.rejects(deriveFrameKey(new Uint8Array(64), largest + 1), /bug/);
});

Deno.test("an integer of 64 bits has one form", () => {
  assert.equal(uint64(5n), 5);
  assert.equal(uint64(2n ** 53n - 1n), Number.MAX_SAFE_INTEGER);
  assert.equal(uint64(2n ** 53n), 2n ** 53n);
  assert.equal(uint64(2n ** 64n - 1n), 2n ** 64n - 1n);
  for (const wrong of [-1, -1n, 0.5, NaN, 2 ** 53, 2n ** 64n]) {
    assert.throws(() => uint64(wrong), /bug/, String(wrong));
  }
  assert.deepEqual(encodeWideHeader(5n, 300n), encodeHeader(5, 300));
});

Deno.test("a frame opens only with its key, its KID and its metadata", async () => {
  const key = await deriveFrameKey(new Uint8Array(64).fill(1), 16);
  const other = await deriveFrameKey(new Uint8Array(64).fill(2), 16);
  const frame = await sealFrame(key, 9, utf8("meta"), utf8("frame"));
  const header = readHeader(frame);
  assert.deepEqual(await openFrame(key, header, utf8("meta"), frame), utf8("frame"));
  await assert.rejects(openFrame(other, header, utf8("meta"), frame), { code: "bad_frame" });
  await assert.rejects(openFrame(key, header, utf8("mete"), frame), { code: "bad_frame" });
  await assert.rejects(openFrame(key, header, NONE, frame), { code: "bad_frame" });
  const another = await deriveFrameKey(new Uint8Array(64).fill(1), 17);
  await assert.rejects(openFrame(another, header, utf8("meta"), frame), /bug/);
  assert.notDeepEqual(another.salt, key.salt);
});

Deno.test("a frame without its whole tag is refused", async () => {
  const key = await deriveFrameKey(new Uint8Array(64), 16);
  const frame = await sealFrame(key, 0, NONE, utf8("a frame of some length"));
  for (let length = 2; length < frame.length; length++) {
    const cut = frame.slice(0, length);
    await assert.rejects(openFrame(key, readHeader(cut), NONE, cut), { code: "bad_frame" });
  }
  const longer = concat(frame, Uint8Array.of(0));
  await assert.rejects(openFrame(key, readHeader(longer), NONE, longer), { code: "bad_frame" });
});

Deno.test("a frame key survives a structured clone and cannot be exported", async () => {
  const key = await deriveFrameKey(new Uint8Array(64), 16);
  const clone = structuredClone(key);
  const frame = await sealFrame(key, 3, NONE, utf8("frame"));
  assert.deepEqual(await openFrame(clone, readHeader(frame), NONE, frame), utf8("frame"));
  await assert.rejects(crypto.subtle.exportKey("raw", clone.key));
});
