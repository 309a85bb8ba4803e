import assert from "node:assert/strict";
import {
  fromBase64,
  fromBase64Url,
  isBase64Url,
  toBase64,
  toBase64Url,
} from "../../crypto/base64.ts";
import { type Bytes } from "../../crypto/bytes.ts";
import { randomBytes } from "../../crypto/primitives.ts";

Deno.test("all lengths survive both alphabets, also those beyond one call's arguments", () => {
  for (const length of [0, 1, 2, 3, 4, 255, 0x8000, 0x8001]) {
    const bytes = randomBytes(length);
    assert.deepEqual(fromBase64(toBase64(bytes)), bytes);
    assert.deepEqual(fromBase64Url(toBase64Url(bytes)), bytes);
    assert.doesNotMatch(toBase64Url(bytes), /[^A-Za-z0-9_-]/);
  }
  const long: Bytes = new Uint8Array(300_000).fill(251);
  assert.deepEqual(fromBase64(toBase64(long)), long);
});

Deno.test("standard base64 has one spelling: the one of RFC 4648, section 4", () => {
  assert.deepEqual([...fromBase64("+/8=")!], [251, 255]);
  const others = [
    "+/8",
    "+/9=",
    "+/+=",
    "-_8=",
    " +/8=",
    "+/8=\n",
    "+/\t8=",
    "+/8==",
    "+/8=+/8=",
    "=",
  ];
  for (const text of others) assert.equal(fromBase64(text), null, JSON.stringify(text));
});

Deno.test("base64url has one spelling: unpadded, its own alphabet, no spare bits", () => {
  assert.deepEqual([...fromBase64Url("-_8")!], [251, 255]);
  assert.deepEqual([...fromBase64Url("")!], []);
  const others = ["-_8=", "+/8", "-_9", "-_-", "-_8\n", " -_8", "A", "AAAAA", "-_8é", "AB"];
  for (const text of others) assert.equal(fromBase64Url(text), null, JSON.stringify(text));
});

Deno.test("whether a text is base64url is told without decoding, with the same answer for all", () => {
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=+/ \né";
  for (const one of alphabet) {
    for (const other of alphabet) {
      for (const start of ["", "A", "AB", "ABC", "ABCD"]) {
        for (const text of [start, start + one, start + one + other]) {
          assert.equal(isBase64Url(text), fromBase64Url(text) !== null, JSON.stringify(text));
        }
      }
    }
  }
});

Deno.test("a runtime without the newer functions gives the same bytes and texts", async () => {
  const portable = await withoutNative(() => import("../../crypto/base64.ts?portable"));
  for (const length of [0, 1, 2, 3, 4, 255, 0x8001]) {
    const bytes = randomBytes(length);
    assert.equal(portable.toBase64(bytes), toBase64(bytes));
    assert.equal(portable.toBase64Url(bytes), toBase64Url(bytes));
    assert.deepEqual(portable.fromBase64(toBase64(bytes)), bytes);
    assert.deepEqual(portable.fromBase64Url(toBase64Url(bytes)), bytes);
  }
});

/** What a module is that is loaded where `Uint8Array` can't do base64 itself. */
async function withoutNative<T>(load: () => Promise<T>): Promise<T> {
  const places: readonly (readonly [object, string])[] = [
    [Uint8Array, "fromBase64"],
    [Uint8Array.prototype, "toBase64"],
  ];
  const kept = places.map(([owner, name]) => Object.getOwnPropertyDescriptor(owner, name));
  assert.ok(kept.every((one) => one !== undefined), "this runtime has them");
  for (const [owner, name] of places) Reflect.deleteProperty(owner, name);
  try {
    return await load();
  } finally {
    places.forEach(([owner, name], i) => Object.defineProperty(owner, name, kept[i]!));
  }
}
