import assert from "node:assert/strict";
import { concat, toHex, utf8 } from "../../crypto/bytes.ts";
import {
  deriveFrameKey,
  encodeHeader,
  type FrameSuite,
  openFrame,
  readHeader,
  sealFrame,
} from "../../crypto/sframe.ts";
import { fromHex } from "../support/hex.ts";
import { vectors } from "../support/vectors.ts";

interface SframeVectors {
  readonly header: readonly {
    readonly kid: number | bigint;
    readonly ctr: number | bigint;
    readonly encoded: string;
  }[];
  readonly sframe: readonly {
    readonly cipher_suite: number;
    readonly kid: number;
    readonly ctr: number;
    readonly base_key: string;
    readonly sframe_salt: string;
    readonly metadata: string;
    readonly pt: string;
    readonly ct: string;
  }[];
}

const NONE = new Uint8Array(0);

Deno.test("every header of RFC 9605 below 2^53 encodes and decodes, larger ones are refused", async () => {
  const all = await vectors("sframe/rfc9605.json") as SframeVectors | null;
  if (all === null) return;
  let exact = 0;
  let refused = 0;
  for (const { kid, ctr, encoded } of all.header) {
    const bytes = fromHex(encoded);
    if (typeof kid === "bigint" || typeof ctr === "bigint") {
      assert.throws(() => readHeader(bytes), { code: "malformed" }, encoded);
      refused++;
    } else {
      assert.equal(toHex(encodeHeader(kid, ctr)), encoded);
      assert.deepEqual(readHeader(bytes), { kid, ctr, length: bytes.length });
      exact++;
    }
  }
  // 17 boundary values in each field, of which 14 are below 2^53.
  assert.deepEqual({ exact, refused }, { exact: 14 * 14, refused: 17 * 17 - 14 * 14 });
});

Deno.test("suites 4 and 5 of RFC 9605 seal to the vectors' frames and open them", async () => {
  const all = await vectors("sframe/rfc9605.json") as SframeVectors | null;
  if (all === null) return;
  const ours = all.sframe.filter(({ cipher_suite }) => cipher_suite === 4 || cipher_suite === 5);
  assert.equal(ours.length, 2);
  for (const vector of ours) {
    const suite = vector.cipher_suite as FrameSuite;
    const key = await deriveFrameKey(fromHex(vector.base_key), vector.kid, suite);
    assert.equal(toHex(key.salt), vector.sframe_salt);
    const metadata = fromHex(vector.metadata);
    const frame = await sealFrame(key, vector.ctr, metadata, fromHex(vector.pt));
    assert.equal(toHex(frame), vector.ct);
    const opened = await openFrame(key, readHeader(frame), metadata, frame);
    assert.equal(toHex(opened), vector.pt);
  }
});

Deno.test("a header that is cut, or longer than its values need, is malformed", () => {
  for (const bad of ["", "80", "8f", "08", "99ffff", "98ffff"]) {
    assert.throws(() => readHeader(fromHex(bad)), { code: "malformed" }, bad);
  }
  // 7 fits the config byte, 255 fits one byte, 256 fits two.
  for (const long of ["0807", "8007", "0900ff", "9000ff", "0a000100", "0f0000000000000100"]) {
    assert.throws(() => readHeader(fromHex(long)), { code: "malformed" }, long);
  }
  assert.deepEqual(readHeader(fromHex("0808")), { kid: 0, ctr: 8, length: 2 });
});

Deno.test("2^53 - 1 is the largest KID and counter, and 2^53 is malformed", () => {
  const largest = Number.MAX_SAFE_INTEGER;
  const header = encodeHeader(largest, largest);
  assert.equal(toHex(header), "ee1fffffffffffff1fffffffffffff");
  assert.deepEqual(readHeader(header), { kid: largest, ctr: largest, length: 15 });
  assert.throws(() => readHeader(fromHex("0e20000000000000")), { code: "malformed" });
  assert.throws(() => readHeader(fromHex("e020000000000000")), { code: "malformed" });
  assert.throws(() => encodeHeader(largest + 1, 0), /bug/);
  assert.throws(() => encodeHeader(0, -1), /bug/);
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
