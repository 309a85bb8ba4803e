/**
 * A call's use of its session, on a stack that does nothing and in a room that a test holds.
 *
 * @module
 */

import assert from "node:assert/strict";
import { type MediaAdapter } from "../../client/adapter.ts";
import { LiveCall } from "../../client/live_call.ts";
import { ClientError } from "../../client/error.ts";
import { type Peer } from "../../client/peer.ts";
import { type Room } from "../../client/room.ts";
import { type Bytes } from "../../crypto/bytes.ts";
import { type Session } from "../../crypto/session.ts";
import { type Description, payloadFromBytes } from "../../wire/payload.ts";
import { connect, makePerson } from "../support/people.ts";

const [alice, bob] = [await makePerson("alice"), await makePerson("bob")];
const NOTHING: Description = { sdp: "", fingerprints: [] };

/** A call in a room of one's own, whose media never connect. */
function live(send: (box: Bytes) => Promise<void>): LiveCall {
  const over = Promise.withResolvers<never>();
  over.promise.catch(() => {});
  const adapter = {
    onFailure: null,
    close: () => over.reject(new Error("The media was closed")),
    connected: () => over.promise,
  } as unknown as MediaAdapter;
  const call = new LiveCall({ label: "bob" } as Peer, adapter, "connecting");
  call.attach({ send, leave: () => Promise.resolve() } as unknown as Room);
  return call;
}

const soon = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 20));

/** What is started while a call is under way, and not ended. */
function countTimers(): { readonly running: Set<unknown>; [Symbol.dispose](): void } {
  const { setTimeout: set, clearTimeout: clear } = globalThis;
  const running = new Set<unknown>();
  globalThis.setTimeout = ((work: () => void, ms: number) => {
    const timer = set(() => (running.delete(timer), work()), ms);
    running.add(timer);
    return timer;
  }) as typeof setTimeout;
  globalThis.clearTimeout = ((timer: number) => {
    running.delete(timer);
    clear(timer);
  }) as typeof clearTimeout;
  return {
    running,
    [Symbol.dispose]() {
      Object.assign(globalThis, { setTimeout: set, clearTimeout: clear });
      for (const timer of running) clear(timer as number);
    },
  };
}

Deno.test({
  name: "hanging up in the moment in which the session begins leaves nothing running",
}, async () => {
  using timers = countTimers();
  const { caller } = await connect(alice, bob);
  const call = live(() => Promise.resolve());
  void call.secure(caller, NOTHING);
  // The hangup of this epoch is still being sealed.
  await call.hangUp();
  await call.ended;
  for (let i = 0; i < 20; i++) await Promise.resolve();
  await new Promise((resolve) => queueMicrotask(() => resolve(undefined)));
  const { promise, resolve } = Promise.withResolvers<void>();
  setTimeout(resolve, 20);
  await promise;
  // The stack's own bound is given up with the call's media, and rekeys with the call.
  const tick = [...timers.running].length;
  assert.equal(tick, 0, `${tick} timers of a call that has ended`);
});

Deno.test("a service that never says that a hangup arrived keeps no secret of the call alive", async () => {
  for (const reason of ["ended", "failed"] as const) {
    const { caller } = await connect(alice, bob);
    let isOver = false;
    const sent: Bytes[] = [];
    const call = live((box) => {
      if (isOver) sent.push(box);
      return isOver ? new Promise(() => {}) : Promise.resolve();
    });
    void call.secure(caller, NOTHING);
    await soon();
    isOver = true;
    if (reason === "ended") void call.hangUp();
    else call.fail(new ClientError("media_failed", "The media connection was lost"));
    assert.equal(call.state, "ended");
    await soon();
    assert.equal(sent.length, 1);
    assert.throws(() => caller.exporter("test", new Uint8Array(0), 32), { code: "spent" });
    await assert.rejects(caller.keys.sendKey(0), { code: "spent" });
  }
});

/** Both sides, as far as the offerer has entered the next epoch and its word was lost. */
async function halfRekeyed(): Promise<{ offerer: Session; answerer: Session; done: Bytes }> {
  const { caller, callee } = await connect(alice, bob);
  const answer = (await callee.receive((await caller.offerRekey())!)).reply!;
  const done = (await caller.receive(answer)).reply!;
  return { offerer: caller, answerer: callee, done };
}

Deno.test({
  name:
    "a hangup that is the first word in a new epoch ends the call, whoever is there to reply to",
}, async () => {
  const { offerer, answerer } = await halfRekeyed();
  // Whoever hung up has left the room: nothing can be sent to them.
  const call = live(() => Promise.reject(new ClientError("refused", "No such member")));
  void call.secure(answerer, NOTHING);
  await soon();
  const other = live((box) => call.receive(box));
  void other.secure(offerer, NOTHING);
  await soon();
  await other.hangUp();
  await soon();
  assert.equal(call.state, "ended");
  const end = await call.ended;
  assert.deepEqual([end.by, end.reason], ["peer", "ended"]);
});

Deno.test({
  name: "hanging up is understood although the network was away when the epoch changed",
}, async () => {
  const { caller, callee } = await connect(alice, bob);
  const sent: Bytes[] = [];
  let isAway = false;
  const call = live((box) => {
    if (isAway) return Promise.reject(new ClientError("unavailable", "No answer"));
    sent.push(box);
    return Promise.resolve();
  });
  void call.secure(callee, NOTHING);
  await soon();
  // The other side offers; this one answers, and hears that it is done.
  await call.receive((await caller.offerRekey())!);
  const done = (await caller.receive(sent.pop()!)).reply!;
  isAway = true;
  await call.receive(done).catch(() => {});
  isAway = false;
  assert.deepEqual([caller.epoch, callee.epoch], [2, 2]);
  // Both speak in the new epoch, and a while later the old one is forgotten.
  await call.receive((await caller.offerRekey())!);
  await caller.receive(sent.pop()!);
  caller.forgetPrevious();
  await call.hangUp();
  const { payload } = await caller.receive(sent.at(-1)!);
  assert.deepEqual(payloadFromBytes(payload!).kind, "hangup");
});

/** A call whose frames are counted as the test says, under clocks that run a hundred times as fast. */
function watched(): { call: LiveCall; media: { framesOpened: number }; [Symbol.dispose](): void } {
  const { setTimeout: set } = globalThis;
  globalThis.setTimeout = ((work: () => void, ms = 0) => set(work, ms / 100)) as typeof setTimeout;
  const now = performance.now.bind(performance);
  performance.now = () => 100 * now();
  const media = { framesOpened: 7 };
  const adapter = {
    onFailure: null,
    close: () => {},
    stats: () => Promise.resolve({ ...media, framesProtected: 0 }),
  } as unknown as MediaAdapter;
  const call = new LiveCall({ label: "bob" } as Peer, adapter, "connecting");
  const restore = (): void => {
    globalThis.setTimeout = set;
    performance.now = now;
  };
  return { call, media, [Symbol.dispose]: restore };
}

Deno.test("somebody who left is missed when no frame comes, and not once they are back", async () => {
  using one = watched();
  one.call.left();
  assert.equal((await one.call.ended).error?.code, "peer_offline");
  using other = watched();
  other.call.left();
  other.call.watch("back");
  await new Promise((resolve) => setTimeout(resolve, 10_000));
  assert.equal(other.call.hasEnded, false);
});

Deno.test("somebody whose signaling is lost is in the call while their frames come", async () => {
  using one = watched();
  one.call.watch("away");
  const frames = setInterval(() => one.media.framesOpened++, 20);
  await new Promise((resolve) => setTimeout(resolve, 90_000));
  assert.equal(one.call.hasEnded, false);
  clearInterval(frames);
  assert.equal((await one.call.ended).error?.code, "peer_offline");
});
