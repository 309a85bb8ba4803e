import assert from "node:assert/strict";
import { compare, concat, equal, fromUtf8, toHex, utf8 } from "../../crypto/bytes.ts";

Deno.test("joining copies, so a later change of a part does not reach the whole", () => {
  const part = Uint8Array.of(1, 2);
  const whole = concat(part, new Uint8Array(0), Uint8Array.of(3));
  part.fill(9);
  assert.deepEqual([...whole], [1, 2, 3]);
  assert.equal(concat().length, 0);
});

Deno.test("order is lexicographic and unsigned, and a prefix comes first", () => {
  const sorted = [[], [0], [0, 0], [0, 255], [1], [127], [128], [255], [255, 0]];
  const shuffled = sorted.map((bytes) => Uint8Array.from(bytes)).reverse();
  assert.deepEqual(shuffled.sort(compare).map((bytes) => [...bytes]), sorted);
  assert.equal(equal(Uint8Array.of(1, 2), Uint8Array.of(1, 2)), true);
  assert.equal(equal(Uint8Array.of(1, 2), Uint8Array.of(1, 2, 0)), false);
});

Deno.test("bytes that are not UTF-8 have no text, and those that are keep every byte", () => {
  const bad = [[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xe2, 0x82], [0xf4, 0x90, 0x80, 0x80]];
  for (const bytes of bad) assert.equal(fromUtf8(Uint8Array.from(bytes)), null, String(bytes));
  for (const text of ["", "é", "\ufeffbehind a byte order mark", "\0", "🜁"]) {
    assert.equal(fromUtf8(utf8(text)), text);
  }
  assert.equal(utf8("\ufeffx").length, 4);
});

Deno.test("hexadecimal is lower-case with two digits a byte", () => {
  assert.equal(toHex(Uint8Array.of(0, 10, 255)), "000aff");
});
