import assert from "node:assert/strict";
import { inspect } from "node:util";
import { Secret } from "../../crypto/secret.ts";

const SPENT = { code: "spent" };

function secret(): Secret {
  return new Secret(Uint8Array.from({ length: 32 }, (_, i) => 0xa0 + i));
}

Deno.test("no way of printing a secret shows its bytes", () => {
  const held = secret();
  const printed = [
    JSON.stringify({ held }),
    `${held}`,
    String(held),
    held + "",
    Deno.inspect(held, { depth: 9, showHidden: true }),
    inspect(held, { depth: 9, showHidden: true, getters: true }),
    JSON.stringify(Object.entries(held)),
    JSON.stringify(structuredClone({ ...held })),
  ];
  for (const text of printed) {
    assert.doesNotMatch(text, /160|161|a0|Uint8Array|oKGi/i, text);
  }
  assert.equal(held.expose()[0], 0xa0);
});

Deno.test("a wiped secret leaves zeros behind and throws on any later use", () => {
  const held = secret();
  const bytes = held.expose();
  held.wipe();
  assert.deepEqual(bytes, new Uint8Array(32));
  assert.throws(() => held.expose(), SPENT);
  held.wipe();
});

Deno.test("a secret ends with its block", () => {
  let bytes: Uint8Array;
  {
    using held = secret();
    bytes = held.expose();
    assert.notDeepEqual(bytes, new Uint8Array(32));
  }
  assert.deepEqual(bytes, new Uint8Array(32));
});
