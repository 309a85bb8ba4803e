/**
 * What a hostile caller, a broken service or bad luck must not do to a client.
 *
 * @module
 */

import assert from "node:assert/strict";
import { Client } from "../../client/client.ts";
import { ClientError } from "../../client/error.ts";
import { memoryStore } from "../../client/store.ts";
import { toBase64Url } from "../../crypto/base64.ts";
import { randomBytes } from "../../crypto/primitives.ts";
import { newAccount, testSecret } from "../support/service_core.ts";
import { startService } from "../support/service.ts";
import { honest, rogue } from "../support/rogue.ts";
import { stage } from "../support/stage.ts";
import { TestStack } from "../support/test_stack.ts";
import { eventually } from "../support/werift.ts";

Deno.test("hanging up ends the media at once, also when the service does not answer", async () => {
  await using play = await stage();
  const { call, alices } = await play.connect();
  play.liar.frameLie = (direction, frame) =>
    direction === "up" && frame.t === "signal" ? [] : [frame];
  void call.hangUp();
  assert.equal(call.state, "ended");
  // What was in the cryptor at that moment may come out of it.
  await new Promise((resolve) => setTimeout(resolve, 20));
  const moved = await alices.framesMoved();
  await new Promise((resolve) => setTimeout(resolve, 200));
  assert.equal(await alices.framesMoved(), moved);
});

Deno.test("hanging up while the media connects never starts it", async () => {
  await using play = await stage();
  const [alices, bobs] = [new TestStack(), new TestStack()];
  const call = await play.alice.call("bob", alices);
  const answered = await (await play.nextRing()).answer(bobs);
  await eventually(() => call.state === "connecting");
  await call.hangUp();
  await answered.ended;
  assert.deepEqual([alices.started, await alices.framesMoved()], [false, 0]);
});

Deno.test("rings that do not open use up none of the callee's one-time prekeys", async () => {
  await using play = await stage();
  await using mallory = await rogue(play);
  for (let i = 0; i < 4; i++) {
    const refusal = play.nextRefusal("bob");
    await mallory.ringNoise(i);
    assert.equal((await refusal).code, "handshake_refused");
  }
  for (let i = 0; i < 28; i++) {
    const call = await play.alice.call("bob", new TestStack());
    await (await play.nextRing()).decline();
    assert.equal((await call.ended).reason, "declined");
  }
});

Deno.test("a ring that does not open makes nobody a known person", async () => {
  await using play = await stage();
  const refusal = play.nextRefusal("bob");
  const junk = { common: toBase64Url(randomBytes(8)), offer: toBase64Url(randomBytes(8)) };
  play.liar.inject({ t: "ring", seq: 9, id: "x", from: "carol", device: 1, ...junk });
  await refusal;
  assert.equal((await play.bob.lookup("carol")).isNew, true);
});

Deno.test("a ring ends by itself when its offer has expired", async () => {
  await using play = await stage();
  await using mallory = await rogue(play);
  await mallory.ring({ payload: honest, ageMs: 89_000 });
  const ring = await play.nextRing();
  await ring.cancelled;
  await refuses(ring.answer(new TestStack()), "cancelled");
});

Deno.test("one caller rings twice at once at most, and whoever was refused may ring later", async () => {
  await using play = await stage();
  await using mallory = await rogue(play);
  await mallory.ring({ payload: honest });
  await mallory.ring({ payload: honest });
  const first = await play.nextRing();
  await play.nextRing();
  const refusal = play.nextRefusal("bob");
  await mallory.ring({ payload: honest });
  assert.equal((await refusal).code, "refused");
  const call = await play.alice.call("bob", new TestStack());
  await (await play.nextRing()).decline();
  await call.ended;
  await first.decline();
  await mallory.ring({ payload: honest });
  await play.nextRing();
});

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

Deno.test("a service that came back with another key is another log: log_changed", async () => {
  await using play = await stage();
  play.alice.goOffline();
  await using other = await startService({ publicOrigin: play.liar.url, secret: testSecret(8) });
  play.liar.target = other.url;
  await refuses(play.alice.goOnline(), "log_changed");
  await refuses(play.alice.lookup("bob"), "refused");
});

Deno.test("a service that came back empty has gone back: head_rolled_back", async () => {
  await using play = await stage();
  const error = new Promise<ClientError>((resolve) => {
    play.alice.onOnline = (_online, gaveUp) => gaveUp !== null && resolve(gaveUp);
  });
  await using other = await startService({ publicOrigin: play.liar.url });
  play.liar.target = other.url;
  play.liar.cut();
  // An open client finds itself unknown there, says so, and stops trying.
  assert.equal((await error).problem, "unknown_device");
  await refuses(play.alice.goOnline(), "head_rolled_back");
  const evidence = await play.alice.evidence();
  assert.deepEqual(
    [evidence?.trusted, evidence?.shown].map((note) => Number(note?.split("\n")[1])),
    [await play.alice.headSize(), 1],
  );
});

Deno.test("a socket that the service ends for good is not made again", async () => {
  await using play = await stage();
  const told: [boolean, string | null][] = [];
  play.alice.onOnline = (online, gaveUp) => told.push([online, gaveUp?.code ?? null]);
  play.liar.cut(4502);
  await eventually(() => told.length === 1);
  await new Promise((resolve) => setTimeout(resolve, 700));
  assert.deepEqual(told, [[false, "refused"]]);
});

Deno.test("an answer without an end is read to its limit only: bad_answer", async () => {
  let sent = 0;
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, () => {
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        sent += 65_536;
        controller.enqueue(new Uint8Array(65_536).fill(0x20));
      },
    });
    return new Response(body);
  });
  const service = `http://127.0.0.1:${server.addr.port}`;
  await refuses(Client.open({ service, store: memoryStore() }), "bad_answer");
  assert.ok(sent < 8_000_000, `${sent} bytes were sent`);
  await server.shutdown();
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

Deno.test("a service URL or log key that can't be one is refused: bad_option", async () => {
  for (const service of ["calls", "127.0.0.1:8787", "ftp://x.example", "https://x.example/calls"]) {
    await refuses(Client.open({ service, store: memoryStore() }), "bad_option");
  }
});

Deno.test("a name that would vanish from a URL is none", async () => {
  await using play = await stage();
  for (const name of [".", "..", ".x", "-x", "@x"]) {
    await refuses(play.alice.lookup(name), "bad_label");
  }
  await assert.rejects(newAccount(".."), { code: "bad_label" });
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

async function refuses(work: Promise<unknown>, code: string): Promise<void> {
  const error = await work.then(() => null, (error: unknown) => error);
  assert.ok(error instanceof ClientError, `refused with a ClientError, not ${error}`);
  assert.equal(error.code, code, `${error.problem}: ${error.message}`);
}
