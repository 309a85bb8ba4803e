import assert from "node:assert/strict";
import { Channel } from "../../client/channel.ts";
import { type RoomChange } from "../../client/room.ts";
import { type FeedParts, RoomFeed } from "../../client/room_feed.ts";

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

Deno.test("what is said is dropped where too much waits, and who left is told of all the same", async () => {
  const none = () => Promise.resolve();
  const feed = new RoomFeed({
    metas: { of: () => null, open: none },
    voices: { came: () => {} },
    refused: () => {},
  } as unknown as FeedParts);
  const happenings = feed.happenings();
  const member = { mid: "1", account: "bob", device: 1, guest: null, role: "member", away: false };
  const change = (event: "meta" | "leave", order: number) =>
    feed.onChange({ event, order, member, before: member } as unknown as RoomChange);
  for (let i = 1; i <= 1_100; i++) change("meta", i);
  change("leave", 1_101);
  await feed.settled;
  feed.end();
  const told = await Array.fromAsync(happenings);
  assert.equal(told.length, 1_101);
  const last = told.at(-1)!;
  assert.ok(last.kind === "event" && last.event.kind === "leave");
  const channel = new Channel<number>();
  for (let i = 0; i < 1_024; i++) assert.ok(channel.push(i));
  assert.equal(channel.push(0), false);
  assert.equal(channel.push(1, true), true);
});
