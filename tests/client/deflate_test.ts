import assert from "node:assert/strict";
import { deflate, inflate } from "../../client/deflate.ts";
import { utf8 } from "../../crypto/bytes.ts";

Deno.test("a text becomes short and comes back", async () => {
  const text = utf8("a=rtcp-fb:96 nack\r\n".repeat(500));
  const short = await deflate(text);
  assert.ok(short.length < text.length / 20);
  assert.deepEqual(await inflate(short), text);
  assert.deepEqual(await inflate(await deflate(new Uint8Array(0))), new Uint8Array(0));
});

Deno.test("what is no such thing, or would become very long, is refused", async () => {
  const bomb = await deflate(new Uint8Array(10_000_000));
  assert.ok(bomb.length < 16_000);
  for (const bad of [new Uint8Array(40).fill(0xff), bomb]) {
    await assert.rejects(inflate(bad), { code: "bad_answer" });
  }
});
