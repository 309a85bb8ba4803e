import assert from "node:assert/strict";
import { Channel } from "../../client/channel.ts";

Deno.test("what is pushed comes out in order, also what was pushed before anyone read", async () => {
  const channel = new Channel<number>();
  channel.push(1);
  setTimeout(() => {
    channel.push(2);
    channel.push(3);
    channel.end();
    channel.push(4);
  });
  assert.deepEqual(await Array.fromAsync(channel.read()), [1, 2, 3]);
});

Deno.test("a reader whose signal aborts stops at once, and leaves the rest to the next reader", async () => {
  const channel = new Channel<number>();
  const stop = new AbortController();
  const reading = Array.fromAsync(channel.read(stop.signal));
  stop.abort();
  assert.deepEqual(await reading, []);
  channel.push(1);
  channel.end();
  assert.deepEqual(await Array.fromAsync(channel.read()), [1]);
});
