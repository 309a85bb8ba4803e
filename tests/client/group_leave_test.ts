import assert from "node:assert/strict";
import { joinGroupCall } from "../../client/group_conductor.ts";
import { type Meeting } from "../../client/meeting.ts";
import { memoryStore } from "../../client/store.ts";
import { type World } from "../../client/world.ts";
import { toBase64Url } from "../../crypto/base64.ts";

Deno.test("who has left a group call has left its room: the service was told", async () => {
  const told = Promise.withResolvers<void>();
  let calls = 0;
  const meeting = {
    id: toBase64Url(new Uint8Array(16)),
    self: null,
    entered: Promise.resolve(),
    members: () => [],
    send: () => Promise.resolve(),
    setMeta: () => Promise.resolve(),
    // As a room: only the first time there is something to wait for.
    leave: () => calls++ === 0 ? told.promise : Promise.resolve(),
  } as unknown as Meeting;
  // Nothing happens in it, for as long as one is there.
  meeting.happenings = () => ({
    [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(() => {}) }),
  });
  const self = { entryHash: new Uint8Array(32) };
  const world = { account: { self }, store: memoryStore(), now: Date.now } as unknown as World;
  const call = await joinGroupCall(world, meeting, { adapter: () => assert.fail() });
  let hasLeft = false;
  const leaving = call.leave().then(() => hasLeft = true);
  await new Promise((resolve) => setTimeout(resolve, 10));
  assert.equal(hasLeft, false);
  told.resolve();
  await leaving;
});
