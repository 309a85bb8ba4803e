/**
 * The ordinary ways in which a call begins and ends, over a real service and a real WebRTC stack.
 *
 * @module
 */

import assert from "node:assert/strict";
import { Client } from "../../client/client.ts";
import { type CallState } from "../../client/mod.ts";
import { memoryStore } from "../../client/store.ts";
import { refuses } from "../support/refuses.ts";
import { stage } from "../support/stage.ts";
import { TestStack } from "../support/test_stack.ts";
import { eventually } from "../support/werift.ts";

Deno.test("a call goes through its states in order, frames flow both ways, and hanging up ends both sides", async () => {
  await using play = await stage();
  const { call, answered, alices, bobs } = await play.connect();
  await eventually(() => alices.framesOpened > 10 && bobs.framesOpened > 10);
  const stats = await alices.stats();
  assert.deepEqual(stats.refused, {});
  await answered.hangUp();
  assert.deepEqual(await call.ended, { by: "peer", reason: "ended", error: null });
  const states: CallState[] = [];
  for await (const state of call.states()) states.push(state);
  assert.deepEqual(states, ["calling", "ringing", "connecting", "connected", "ended"]);
  assert.deepEqual(
    call.relayed.map(({ direction, kind }) => `${direction} ${kind}`),
    ["sent offer", "received answer", "sent confirm", "received message"],
  );
});

Deno.test("both sides know each other's proven name, and whether they met before", async () => {
  await using play = await stage();
  const first = await play.connect();
  assert.equal(first.call.peer.label, "bob");
  assert.equal(first.answered.peer.label, "alice");
  assert.equal(first.call.peer.isNew, true);
  await first.call.hangUp();
  await first.answered.ended;
  const second = await play.connect();
  assert.equal(second.call.peer.isNew, false);
  assert.equal(second.call.peer.firstSeenMs, first.call.peer.firstSeenMs);
});

Deno.test("a call that is declined ends for the caller as declined", async () => {
  await using play = await stage();
  const stack = new TestStack();
  const call = await play.alice.call("bob", stack);
  await (await play.nextRing()).decline();
  assert.deepEqual(await call.ended, { by: "peer", reason: "declined", error: null });
  assert.equal(stack.started, false);
});

Deno.test("who is busy says so, and is not taken for somebody who declines", async () => {
  await using play = await stage();
  const call = await play.alice.call("bob", new TestStack());
  await (await play.nextRing()).decline("busy");
  assert.deepEqual(await call.ended, { by: "peer", reason: "busy", error: null });
});

Deno.test("a caller who gives up stops the ringing, and the call can no longer be answered", async () => {
  await using play = await stage();
  const call = await play.alice.call("bob", new TestStack());
  const ring = await play.nextRing();
  await call.hangUp();
  await ring.cancelled;
  await refuses(ring.answer(new TestStack()), "cancelled");
});

Deno.test("a caller whose connection is lost stops the ringing as well", async () => {
  await using play = await stage();
  await play.alice.call("bob", new TestStack());
  const ring = await play.nextRing();
  play.alice.close();
  await ring.cancelled;
});

Deno.test("losing the signaling connection does not disturb the media, and the client comes back", async () => {
  await using play = await stage();
  const { call, alices, bobs } = await play.connect();
  const online: boolean[] = [];
  play.alice.onOnline = (is) => online.push(is);
  play.liar.cut();
  await eventually(() => online.length === 2, 5_000);
  assert.deepEqual(online, [false, true]);
  const before = [alices.framesOpened, bobs.framesOpened];
  await eventually(() =>
    alices.framesOpened > before[0]! + 5 && bobs.framesOpened > before[1]! + 5
  );
  assert.equal(call.state, "connected");
});

Deno.test("one-time prekeys are used while there are any, and calls go on when there are none", async () => {
  await using play = await stage();
  const used: (number | null)[] = [];
  play.liar.answerLie = (path, value) => {
    if (path.endsWith("/bob/bundle")) {
      used.push(
        (value as { bundles: { opk: { index: number } | null }[] }).bundles[0]!.opk?.index ?? null,
      );
    }
    return value;
  };
  // One account gets six at once; whether there are no more, or no more for her, she can't tell.
  for (let i = 0; i < 8; i++) {
    const call = await play.alice.call("bob", new TestStack());
    await (await play.nextRing()).decline();
    assert.equal((await call.ended).reason, "declined");
  }
  assert.equal(new Set(used.slice(0, 6)).size, 6, "each is used once");
  assert.deepEqual(used.slice(6), [null, null]);
});

Deno.test("an adapter that has a call is refused another one, and the call goes on", async () => {
  await using play = await stage();
  const stack = new TestStack();
  const call = await play.alice.call("bob", stack);
  await refuses(play.alice.call("bob", stack), "bad_option");
  const ring = await play.nextRing();
  await refuses(ring.answer(stack), "bad_option");
  const answered = await ring.answer(new TestStack());
  await eventually(() => call.state === "connected");
  await answered.hangUp();
  assert.equal((await call.ended).by, "peer");
});

Deno.test("what was not awaited, or left out, is named", async (t) => {
  await using play = await stage();
  const none = undefined as never;
  const { url } = play.liar;
  await t.step("a store", async () => {
    const store = Promise.resolve(memoryStore()) as never;
    await refuses(Client.open({ service: url, store }), "bad_option");
    await refuses(Client.open({ service: url, store: none }), "bad_option");
  });
  await t.step("an adapter", () => refuses(play.alice.call("bob", none), "bad_option"));
  await t.step("a name", () => refuses(play.alice.call(none, new TestStack()), "bad_label"));
  await t.step("a text", async () => {
    const { call, answered } = await play.connect();
    await refuses(call.say(3 as never), "bad_option");
    await call.say("hello");
    for await (const { text, missing } of answered.said()) {
      assert.deepEqual([text, missing], ["hello", 0]);
      break;
    }
    await call.hangUp();
  });
  await t.step("a room", async () => {
    const room = play.alice.createRoom();
    const adapter = () => new TestStack();
    await refuses(play.alice.joinCall(room as never, { adapter }), "bad_option");
    await refuses(play.alice.joinCall(await room, none), "bad_option");
    await refuses(play.alice.joinRoom(none), "invite_invalid");
  });
});

Deno.test("a page that has no WebCrypto is told why, and nobody is accused", async () => {
  Object.defineProperty(crypto, "subtle", { value: undefined, configurable: true });
  try {
    const options = { service: "http://127.0.0.1:1", store: memoryStore() };
    await refuses(Client.open(options), "insecure_context");
  } finally {
    delete (crypto as { subtle?: SubtleCrypto }).subtle;
  }
  assert.notEqual(crypto.subtle, undefined);
});

Deno.test("what cannot be called says why", async (t) => {
  await using play = await stage();
  await t.step("oneself", () => refuses(play.alice.call("alice", new TestStack()), "self_call"));
  await t.step("nobody", () => refuses(play.alice.call("nobody", new TestStack()), "unknown_name"));
  await t.step(
    "not a name",
    () => refuses(play.alice.call("Bob Smith", new TestStack()), "bad_label"),
  );
  await t.step("somebody without prekeys", async () => {
    await register(play.liar.url, "dora");
    await refuses(play.alice.call("dora", new TestStack()), "peer_offline");
  });
  await t.step("somebody who is not connected", async () => {
    play.carol.close();
    await refuses(play.alice.call("carol", new TestStack()), "peer_offline");
  });
});

Deno.test("a client says what it is not ready for", async (t) => {
  await using play = await stage();
  const empty = await Client.open({ service: play.liar.url, store: memoryStore() });
  await t.step(
    "calling without an account",
    () => refuses(empty.call("bob", new TestStack()), "not_registered"),
  );
  await t.step("a name that is taken", () => refuses(empty.register("bob"), "name_taken"));
  await t.step("a name that is not one", () => refuses(empty.register("no spaces"), "bad_label"));
  await empty.register("Erin");
  assert.equal(empty.label, "erin");
  await t.step(
    "calling before going online",
    () => refuses(empty.call("bob", new TestStack()), "not_online"),
  );
  await t.step("a second name on one device", () => refuses(empty.register("frank"), "refused"));
  empty.close();
  await t.step("anything after it was closed", () => refuses(empty.lookup("bob"), "closed"));
});

Deno.test("one tab at a time is online for an account: in_use", async () => {
  await using play = await stage();
  const second = await play.reopen("alice", {});
  await refuses(second.goOnline(), "in_use");
});

Deno.test("a registration whose answer was lost is the same registration when it is tried again", async () => {
  await using play = await stage();
  const store = memoryStore();
  const client = await Client.open({ service: play.liar.url, store });
  play.liar.answerLie = (path, value) => path === "/v1/directory/erin" ? {} : value;
  await refuses(client.register("erin"), "bad_answer");
  assert.equal(client.label, null);
  play.liar.answerLie = null;
  await client.register("erin");
  assert.equal(client.label, "erin");
});

Deno.test("keys of an attempt that never arrived are replaced when it is too old", async () => {
  await using play = await stage();
  const store = memoryStore();
  const longAgo = await Client.open({
    service: play.liar.url,
    store,
    now: () => Date.now() - 3_600_000,
  });
  await refuses(longAgo.register("erin"), "refused");
  const client = await Client.open({ service: play.liar.url, store });
  await client.register("erin");
  assert.equal(client.label, "erin");
});

async function register(service: string, name: string): Promise<void> {
  const client = await Client.open({ service, store: memoryStore() });
  await client.register(name);
  client.close();
}

Deno.test("a call rekeys while its frames flow, and its end still arrives", async () => {
  await using play = await stage();
  const { call, answered, alices, bobs } = await play.connect();
  const said = () => call.relayed.filter(({ kind }) => kind === "message").length;
  for (let round = 1; round <= 3; round++) {
    const [before, frames] = [said(), alices.framesOpened + bobs.framesOpened];
    globalThis.dispatchEvent(new Event("online"));
    // Both offer at once here: two offers, an answer, and each says once that it is done.
    await eventually(() => said() >= before + 5);
    await eventually(() => alices.framesOpened + bobs.framesOpened > frames + 10);
  }
  assert.deepEqual([call.state, answered.state], ["connected", "connected"]);
  await call.hangUp();
  const end = await answered.ended;
  assert.deepEqual([end.by, end.reason], ["peer", "ended"]);
});
