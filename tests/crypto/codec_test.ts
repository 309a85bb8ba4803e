import assert from "node:assert/strict";
import { Reader, Writer } from "../../crypto/codec.ts";

const MALFORMED = { code: "malformed" };

function encoding(): Uint8Array<ArrayBuffer> {
  return new Writer().u8(1).u16(0x0203).u32(0x04050607).u64(2 ** 53 - 1)
    .v8(Uint8Array.of(8)).v16(Uint8Array.of(9, 10)).v32(new Uint8Array(0)).raw(Uint8Array.of(11))
    .bytes();
}

function readAll(bytes: Uint8Array): unknown[] {
  const reader = new Reader(bytes, "a test");
  const fields = [reader.u8(), reader.u16(), reader.u32(), reader.u64()];
  const strings = [reader.v8(), reader.v16(), reader.v32(), reader.raw(1)].map((b) => [...b]);
  reader.end();
  return [...fields, ...strings];
}

Deno.test("fields are big-endian and come back as they were written", () => {
  // deno-fmt-ignore
  const bytes = [1, 2, 3, 4, 5, 6, 7, 0, 31, 255, 255, 255, 255, 255, 255, 1, 8, 0, 2, 9, 10, 0, 0, 0, 0, 11];
  assert.deepEqual([...encoding()], bytes);
  const fields = [1, 0x0203, 0x04050607, 2 ** 53 - 1, [8], [9, 10], [], [11]];
  assert.deepEqual(readAll(encoding()), fields);
});

Deno.test("every truncation is refused, and so is any byte too many", () => {
  const whole = encoding();
  for (let length = 0; length < whole.length; length++) {
    assert.throws(() => readAll(whole.slice(0, length)), MALFORMED, `${length} bytes`);
  }
  assert.throws(() => readAll(Uint8Array.of(...whole, 0)), MALFORMED);
});

Deno.test("a length that points beyond the end is refused before anything is made of it", () => {
  const reader = new Reader(Uint8Array.of(0xff, 0xff, 0xff, 0xff, 1), "a test");
  assert.throws(() => reader.v32(), MALFORMED);
});

Deno.test("integers of 2^53 and more are refused, since a number would round them", () => {
  for (const bytes of [[0, 32, 0, 0, 0, 0, 0, 0], [0, 32, 0, 0, 0, 0, 0, 1], Array(8).fill(255)]) {
    assert.throws(() => new Reader(Uint8Array.from(bytes), "a test").u64(), MALFORMED);
  }
});

Deno.test("a value that does not fit its field is our own bug, never a wrapped one", () => {
  const bad: ((writer: Writer) => unknown)[] = [
    (w) => w.u8(256),
    (w) => w.u16(65_536),
    (w) => w.u32(2 ** 32),
    (w) => w.u64(2 ** 53),
    (w) => w.u8(-1),
    (w) => w.u8(0.5),
    (w) => w.u64(NaN),
    (w) => w.v8(new Uint8Array(256)),
    (w) => w.v16(new Uint8Array(65_536)),
  ];
  for (const write of bad) assert.throws(() => write(new Writer()), /^Error: bug:/);
});

Deno.test("what a reader hands out is a copy", () => {
  const source = Uint8Array.of(1, 2, 3);
  const reader = new Reader(source, "a test");
  const first = reader.raw(1);
  assert.equal(reader.position(), 1);
  source.fill(0);
  assert.deepEqual([...first], [1]);
  assert.deepEqual([...reader.rest()], [0, 0]);
  reader.end();
});
