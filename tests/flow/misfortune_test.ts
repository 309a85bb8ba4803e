/**
 * What bad luck must not do to a client: lost answers, wrong clocks, full disks, impatient people.
 *
 * @module
 */

import assert from "node:assert/strict";
import { Client } from "../../client/client.ts";
import { memoryStore } from "../../client/store.ts";
import { read } from "../support/raw_store.ts";
import { stage } from "../support/stage.ts";
import { TestStack } from "../support/test_stack.ts";
import { eventually } from "../support/werift.ts";
import { refuses } from "../support/refuses.ts";

Deno.test("a handler of the application that throws does not disturb a call", async () => {
  await using play = await stage();
  const faults: unknown[] = [];
  using _ = catchingMicrotasks(faults);
  play.alice.onRefused = () => {
    throw new Error("a fault of the application");
  };
  play.liar.frameLie = (direction, frame) =>
    direction === "down" && frame.t === "signal"
      ? [{ ...frame, id: "forged", ct: "MA" }, frame]
      : [frame];
  const { call, answered } = await play.connect();
  await answered.hangUp();
  assert.equal((await call.ended).by, "peer");
  assert.ok(faults.length > 0);
});

Deno.test("prekeys that could not be published are published first of all later", async () => {
  await using play = await stage();
  let now = Date.now();
  const store = memoryStore();
  const client = await Client.open({ service: play.liar.url, store, now: () => now });
  await client.register("erin");
  play.liar.refusing = (path) => path.startsWith("/v1/keys/");
  await refuses(client.goOnline(), "unavailable");
  play.liar.refusing = null;
  now += 30 * 3_600_000;
  const later = await Client.open({ service: play.liar.url, store });
  await later.goOnline();
  later.goOffline();
  await later.goOnline();
  const call = await play.alice.call("erin", new TestStack());
  await call.hangUp();
  later.close();
});

Deno.test("prekeys made under a clock that was a year ahead are replaced", async () => {
  await using play = await stage();
  const store = memoryStore();
  const truth = await Client.open({ service: play.liar.url, store });
  await truth.register("erin");
  const ahead = () => Date.now() + 365 * 24 * 3_600_000;
  const wrong = await Client.open({ service: play.liar.url, store, now: ahead });
  await refuses(wrong.goOnline(), "refused");
  await truth.goOnline();
  const call = await play.alice.call("erin", new TestStack());
  await call.hangUp();
  truth.close();
});

Deno.test("a name whose registration may have arrived is never left without its keys", async () => {
  await using play = await stage();
  const store = memoryStore();
  const client = await Client.open({ service: play.liar.url, store });
  play.liar.answerLie = (path, value) => path === "/v1/directory/erin" ? {} : value;
  await refuses(client.register("erin"), "bad_answer");
  play.liar.answerLie = null;
  await refuses(client.register("frank"), "refused");
  assert.equal(client.label, "erin");
  await client.goOnline();
  client.close();
});

Deno.test("two tabs that register at once end up with one account", async () => {
  await using play = await stage();
  const store = memoryStore();
  const open = () => Client.open({ service: play.liar.url, store });
  const tabs = [await open(), await open()];
  const outcomes = await Promise.allSettled([
    tabs[0]!.register("erin"),
    tabs[1]!.register("frank"),
  ]);
  assert.equal(outcomes.filter(({ status }) => status === "fulfilled").length, 1);
  const after = await open();
  await after.goOnline();
  after.close();
});

Deno.test("a stack that can't make an offer fails the call with its code, and its room is left", async () => {
  await using play = await stage();
  for (let i = 0; i < 22; i++) {
    const stack = new TestStack();
    stack.createOffer = () => Promise.reject(new TypeError("no camera"));
    await refuses(play.alice.call("bob", stack), "media_failed");
  }
});

Deno.test("whoever is not online uses up nobody's prekeys", async () => {
  await using play = await stage();
  const asked: string[] = [];
  play.liar.answerLie = (path, value) => {
    asked.push(path);
    return value;
  };
  play.alice.goOffline();
  await refuses(play.alice.call("bob", new TestStack()), "not_online");
  assert.deepEqual(asked, []);
});

Deno.test("going online twice at once is going online once", async () => {
  await using play = await stage();
  play.alice.goOffline();
  let sockets = 0;
  play.alice.onOnline = (online) => sockets += online ? 1 : 0;
  await Promise.all([play.alice.goOnline(), play.alice.goOnline()]);
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(sockets, 1);
});

Deno.test("coming and going in any order ends where the last word said", async () => {
  await using play = await stage();
  const { alice } = play;
  const settle = (work: Promise<void>) => work.catch(() => {});
  alice.goOffline();
  const on = alice.goOnline();
  alice.goOffline();
  await settle(on);
  await new Promise((resolve) => setTimeout(resolve, 300));
  assert.equal(alice.online, false);
  const first = alice.goOnline();
  alice.goOffline();
  await Promise.all([settle(first), alice.goOnline()]);
  assert.equal(alice.online, true);
});

Deno.test("going online while the connection is being made again waits for that one", async () => {
  await using play = await stage();
  const told: boolean[] = [];
  play.alice.onOnline = (online) => told.push(online);
  play.liar.cut();
  await eventually(() => told.length === 1);
  await play.alice.goOnline();
  assert.equal(play.alice.online, true);
  await new Promise((resolve) => setTimeout(resolve, 700));
  assert.deepEqual(told, [false, true]);
  play.alice.goOffline();
  await eventually(() => told.length === 3);
  await refuses(play.bob.call("alice", new TestStack()), "peer_offline");
});

Deno.test("a token that the service no longer takes is replaced by itself", async () => {
  await using play = await stage();
  let refusals = 0;
  play.liar.answerLie = (path, value) => {
    if (!path.endsWith("/bundle") || refusals++ > 0) return value;
    play.liar.nextStatus = 401;
    return { type: "about:blank", status: 401, code: "invalid_token", title: "No such token" };
  };
  const call = await play.alice.call("bob", new TestStack());
  assert.equal(refusals, 2);
  await call.hangUp();
});

Deno.test("a second answer to one ring does not end the first", async () => {
  await using play = await stage();
  const [alices, bobs] = [new TestStack(), new TestStack()];
  const call = await play.alice.call("bob", alices);
  const ring = await play.nextRing();
  const answering = ring.answer(bobs);
  await refuses(ring.answer(bobs), "cancelled");
  await refuses(ring.answer(new TestStack()), "cancelled");
  const answered = await answering;
  await eventually(() => call.state === "connected" && answered.state === "connected");
  await call.hangUp();
});

Deno.test("an answer that the stack can't make ends the call on both sides, and keeps no secrets", async () => {
  await using play = await stage();
  const call = await play.alice.call("bob", new TestStack());
  const broken = new TestStack();
  broken.createAnswer = () => Promise.reject(new TypeError("no camera"));
  await refuses((await play.nextRing()).answer(broken), "media_failed");
  assert.deepEqual(await call.ended, { by: "peer", reason: "failed", error: null });
});

Deno.test("a callee who goes away while it rings ends the call", async () => {
  await using play = await stage();
  const call = await play.alice.call("bob", new TestStack());
  await play.nextRing();
  play.bob.close();
  assert.equal((await call.ended).error?.code, "peer_offline");
});

Deno.test("a caller who loses the service while it rings is told", async () => {
  await using play = await stage();
  const call = await play.alice.call("bob", new TestStack());
  await play.nextRing();
  play.alice.goOffline();
  assert.equal((await call.ended).error?.code, "network");
});

Deno.test("a store that fails is neither an attack nor the network: store_failed", async () => {
  await using play = await stage();
  const store = memoryStore();
  const client = await Client.open({ service: play.liar.url, store });
  await client.register("erin");
  await client.goOnline();
  store.update = () => Promise.reject(new DOMException("full", "QuotaExceededError"));
  await refuses(client.lookup("bob"), "store_failed");
  await refuses(client.call("bob", new TestStack()), "store_failed");
  client.close();
});

Deno.test("a replaced prekey set still opens offers for a day after it was replaced", async () => {
  await using play = await stage();
  let now = Date.now();
  const store = memoryStore();
  const options = { service: play.liar.url, store };
  const early = await Client.open(options);
  await early.register("erin");
  await early.goOnline();
  early.close();
  const held = async () => {
    const sets = await read(store, "prekeys") as { hash: string }[];
    return await Promise.all(
      sets.map(async ({ hash }) => await read(store, `prekeys/${hash}`) !== null),
    );
  };
  // Three days later the first set is replaced, and an offer sealed to it may be on its way.
  now += 3 * 24 * 3_600_000;
  const later = await Client.open({ ...options, now: () => now });
  await refuses(later.goOnline(), "refused");
  assert.deepEqual(await held(), [true, true]);
});

Deno.test("a service URL or log key that can't be one is refused: bad_option", async () => {
  for (const service of ["calls", "127.0.0.1:8787", "ftp://x.example", "https://x.example/calls"]) {
    await refuses(Client.open({ service, store: memoryStore() }), "bad_option");
  }
});

/** Collects what microtasks throw, which would end the test run. */
function catchingMicrotasks(faults: unknown[]): Disposable {
  const original = globalThis.queueMicrotask;
  globalThis.queueMicrotask = (task) =>
    original(() => {
      try {
        task();
      } catch (fault) {
        faults.push(fault);
      }
    });
  return { [Symbol.dispose]: () => void (globalThis.queueMicrotask = original) };
}

Deno.test("somebody who left the service stays in the call while frames come, and is missed when none do", async () => {
  await using play = await stage();
  const { call, bobs } = await play.connect();
  play.bob.goOffline();
  await new Promise((resolve) => setTimeout(resolve, 4_000));
  assert.equal(call.state, "connected");
  bobs.vanish();
  assert.equal((await call.ended).error?.code, "peer_offline");
});
