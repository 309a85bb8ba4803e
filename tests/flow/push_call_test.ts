/**
 * Calls to somebody who is not there: they are woken and take the call, or find that they missed it.
 *
 * @module
 */

import assert from "node:assert/strict";
import { Client } from "../../client/client.ts";
import { type MissedCall } from "../../client/mod.ts";
import { parseAccountLabel } from "../../crypto/account_label.ts";
import { RING_TTL_MS } from "../../wire/limits.ts";
import { newSubscriber, type PushService, startPushService } from "../support/push_service.ts";
import { refuses } from "../support/refuses.ts";
import { linked } from "../support/second_device.ts";
import { openCore } from "../support/service_core.ts";
import { type Stage, stage } from "../support/stage.ts";
import { TestStack } from "../support/test_stack.ts";
import { eventually } from "../support/werift.ts";

const PUSH = { contact: "mailto:ops@calls.example", hosts: [], isLoopbackAllowed: true };
/** How long a call rings. */
const CALL_MS = 60_000;

/** A stage on which Bob can be woken, and has gone. */
async function asleep(pushes: PushService): Promise<Stage> {
  const play = await stage({ push: PUSH });
  await play.bob.enablePush(pushes.subscription(newSubscriber()));
  play.bob.goOffline();
  return play;
}

/** The missed calls that a client tells, as they come. */
function missedBy(client: Client): MissedCall[] {
  const missed: MissedCall[] = [];
  void (async () => {
    for await (const call of client.missedCalls()) missed.push(call);
  })();
  return missed;
}

/** A clock of everybody, which can be turned forward; made before whoever looks at it. */
function sharedClock(): Disposable & { advance(ms: number): void } {
  const { now } = Date;
  let aheadMs = 0;
  Date.now = () => now() + aheadMs;
  return {
    advance: (ms) => void (aheadMs += ms),
    [Symbol.dispose]: () => void (Date.now = now),
  };
}

/** Goes online, and waits until whatever waited must have come. */
async function look(client: Client): Promise<void> {
  await client.goOnline();
  await client.lookup("carol");
  await soon(300);
}

/** Has calls ring for a moment only, so that a test need not wait for them. */
function brief(): Disposable {
  const { setTimeout } = globalThis;
  globalThis.setTimeout = ((run: () => void, ms?: number) => {
    return setTimeout(run, ms === CALL_MS ? 400 : ms);
  }) as typeof setTimeout;
  return { [Symbol.dispose]: () => void (globalThis.setTimeout = setTimeout) };
}

const soon = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

Deno.test("who is woken by a push hears the ring, answers, and has missed nothing", async () => {
  using clock = sharedClock();
  await using pushes = startPushService();
  await using play = await asleep(pushes);
  const refusals = refusalsOf(play);
  const missed = missedBy(play.bob);
  const [alices, bobs] = [new TestStack(), new TestStack()];
  const call = await play.alice.call("bob", alices);
  await pushes.sent(1);
  assert.equal(call.state, "ringing");
  await play.bob.goOnline();
  const answered = await (await play.nextRing()).answer(bobs);
  await eventually(() => alices.framesOpened > 5 && bobs.framesOpened > 5);
  assert.deepEqual([call.state, answered.state], ["connected", "connected"]);
  await call.hangUp();
  await answered.ended;
  play.bob.goOffline();
  clock.advance(RING_TTL_MS);
  await look(play.bob);
  assert.deepEqual([missed, refusals, play.ringsOf("bob")], [[], [], 1]);
});

Deno.test("where nobody wakes the caller hears it in time, and each device misses the call once", async () => {
  using clock = sharedClock();
  await using pushes = startPushService();
  await using play = await stage({ push: PUSH });
  await play.bob.enablePush(pushes.subscription(newSubscriber()));
  using phone = await linked(play.bob, play.liar.url, "phone");
  for (const client of [play.bob, phone.client]) client.goOffline();
  const [laptops, phones] = [missedBy(play.bob), missedBy(phone.client)];
  {
    using _ = brief();
    const call = await play.alice.call("bob", new TestStack());
    assert.equal((await call.ended).error?.code, "no_answer");
  }
  assert.equal(pushes.messages.length, 1);
  const calledMs = Date.now();
  clock.advance(RING_TTL_MS);
  for (let times = 0; times < 2; times++) {
    await look(play.bob);
    play.bob.goOffline();
  }
  await look(phone.client);
  for (const missed of [laptops, phones]) {
    const [only, ...more] = missed;
    assert.deepEqual([only?.label, only?.isWaiting, more], ["alice", false, []]);
    assert.ok(Math.abs(only!.at - calledMs) < 30_000);
  }
  assert.deepEqual([play.ringsOf("bob"), phone.rings], [0, 0]);
  // Also for a client that remembers nothing.
  const again = await play.reopen("bob", {});
  const told = missedBy(again);
  await look(again);
  assert.deepEqual(told, []);
  again.close();
});

Deno.test("somebody who can't be woken is not there, and has missed the call", async () => {
  await using play = await stage();
  play.bob.goOffline();
  const missed = missedBy(play.bob);
  await refuses(play.alice.call("bob", new TestStack()), "peer_offline");
  await look(play.bob);
  assert.deepEqual(missed.map(({ label }) => label), ["alice"]);
});

Deno.test("a call whose caller has gone when somebody wakes rings no more, and nobody is blamed", async () => {
  await using pushes = startPushService();
  await using play = await asleep(pushes);
  const refusals = refusalsOf(play);
  const call = await play.alice.call("bob", new TestStack());
  await pushes.sent(1);
  await call.hangUp();
  await play.bob.goOnline();
  const ring = await play.nextRing();
  assert.equal(await ring.cancelled, "gone");
  await refuses(ring.answer(new TestStack()), "cancelled");
  assert.deepEqual(refusals, []);
});

Deno.test("a ring that is brought again since its ack was lost rings once, and is no attack", async () => {
  await using pushes = startPushService();
  await using play = await asleep(pushes);
  const refusals = refusalsOf(play);
  let brought = 0;
  play.liar.frameLie = (direction, frame) => {
    if (direction === "down" && frame.t === "ring") brought++;
    return direction === "up" && frame.t === "ack" ? [] : [frame];
  };
  const call = await play.alice.call("bob", new TestStack());
  await play.bob.goOnline();
  await play.nextRing();
  play.bob.goOffline();
  await look(play.bob);
  assert.deepEqual([brought, play.ringsOf("bob"), refusals], [2, 1, []]);
  await call.hangUp();
});

Deno.test("where no socket can be opened calls are told by requests, and ring once there is one", async () => {
  await using pushes = startPushService();
  await using play = await asleep(pushes);
  const missed = missedBy(play.bob);
  play.liar.blocksSockets = true;
  await refuses(play.bob.goOnline(), "socket_blocked");
  const polling = play.bob.pollMail();
  const call = await play.alice.call("bob", new TestStack());
  await eventually(() => missed.length === 1);
  assert.deepEqual([missed[0]!.label, missed[0]!.isWaiting], ["alice", true]);
  play.liar.blocksSockets = false;
  globalThis.dispatchEvent(new Event("online"));
  await polling;
  assert.equal(play.bob.online, true);
  const answered = await (await play.nextRing()).answer(new TestStack());
  await eventually(() => call.state === "connected");
  await answered.hangUp();
  assert.equal(missed.length, 1);
});

Deno.test("who was online and is blocked reads its mail by requests, each entry once, until it is stopped", async () => {
  using clock = sharedClock();
  await using play = await stage();
  const missed = missedBy(play.bob);
  const told: string[] = [];
  play.bob.onOnline = (_online, why) => why !== null && told.push(why.code);
  const { random } = Math;
  Math.random = () => 0;
  try {
    play.liar.blocksSockets = true;
    play.liar.cut();
    await eventually(() => told.length === 1);
  } finally {
    Math.random = random;
  }
  const [from, to] = [parseAccountLabel("alice"), parseAccountLabel("bob")];
  await using core = await openCore(play.kv);
  const offers = [{ device: 1, offer: "AAAA" }];
  const ring = { from, device: 1, id: "r", common: "AAAA", offers, isNoted: true };
  await core.mailboxes.putRing(to, { ...ring, isWaiting: true });
  await eventually(() => missed.length === 1, 10_000);
  await soon(200);
  // What was told as waiting is not told again as missed, and is removed then.
  clock.advance(RING_TTL_MS);
  globalThis.dispatchEvent(new Event("online"));
  await eventually(() => play.liar.urls.some((url) => /mailbox\/./.test(url)), 10_000);
  await soon(300);
  assert.deepEqual(await core.mailboxes.waiting(to, 1), []);
  assert.deepEqual(missed.map(({ label, isWaiting }) => [label, isWaiting]), [["alice", true]]);
  const stop = new AbortController();
  const polling = play.bob.pollMail(stop.signal);
  stop.abort();
  await polling;
  play.bob.goOffline();
  assert.deepEqual(told, ["socket_blocked"]);
});

/** What Alice's and Bob's clients refuse, beside what may pass. */
function refusalsOf({ alice, bob }: Stage): string[] {
  const refusals: string[] = [];
  for (const client of [alice, bob]) client.onRefused = ({ code }) => refusals.push(code);
  return refusals;
}
