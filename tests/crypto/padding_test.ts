import assert from "node:assert/strict";
import { pad, PADDED_BYTES, unpad } from "../../crypto/padding.ts";

const MALFORMED = { code: "malformed" };

Deno.test("a padded payload has one of four sizes, the smallest that holds it", () => {
  assert.deepEqual(PADDED_BYTES, [512, 2_048, 8_192, 16_384]);
  const sizes: [number, number][] = [
    [0, 512],
    [1, 512],
    [511, 512],
    [512, 2_048],
    [2_047, 2_048],
    [2_048, 8_192],
    [8_191, 8_192],
    [8_192, 16_384],
    [16_383, 16_384],
  ];
  for (const [length, size] of sizes) {
    const payload = new Uint8Array(length).fill(0x80);
    const padded = pad(payload);
    assert.equal(padded.length, size);
    assert.deepEqual(unpad(padded), payload);
  }
});

Deno.test("a payload of 16,384 bytes is refused", () => {
  assert.throws(() => pad(new Uint8Array(16_384)), MALFORMED);
});

Deno.test("payloads that end like padding survive it", () => {
  for (const tail of [[0x80], [0x80, 0], [0, 0, 0], [0x80, 0x80]]) {
    const payload = Uint8Array.from(tail);
    assert.deepEqual(unpad(pad(payload)), payload);
  }
});

Deno.test("another size, or no end of the payload, is refused", () => {
  const padded = pad(Uint8Array.of(1));
  assert.throws(() => unpad(new Uint8Array(0)), MALFORMED);
  assert.throws(() => unpad(new Uint8Array(512)), MALFORMED);
  assert.throws(() => unpad(new Uint8Array(512).fill(0x81)), MALFORMED);
  assert.throws(() => unpad(padded.slice(0, 511)), MALFORMED);
  assert.throws(() => unpad(Uint8Array.of(...padded, 0)), MALFORMED);
});
