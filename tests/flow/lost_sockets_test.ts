/**
 * Sockets that are lost over and over: nothing that was said is lost, doubled or out of order, and no call
 * notices.
 *
 * @module
 */

import assert from "node:assert/strict";
import { type ClientError } from "../../client/error.ts";
import { ALLOWANCE } from "../../routes/allowance.ts";
import { refuses } from "../support/refuses.ts";
import { startService } from "../support/service.ts";
import { type Stage, stage } from "../support/stage.ts";
import { attend, type Witness } from "../support/room_talk.ts";
import { TestStack } from "../support/test_stack.ts";
import { eventually } from "../support/werift.ts";

const soon = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Clients that are cut off come back at once, so that a test need not wait for them. */
function hasty(): Disposable {
  const { random } = Math;
  Math.random = () => 0;
  return { [Symbol.dispose]: () => void (Math.random = random) };
}

/** Cuts sockets at random moments until so many were cut, or until it is stopped. */
async function cutting(play: Stage, most: number, isOver: () => boolean): Promise<number> {
  let cuts = 0;
  while (cuts < most && !isOver()) {
    cuts += play.liar.cutSome(0.6);
    await soon(crypto.getRandomValues(new Uint8Array(1))[0]! / 5);
  }
  return cuts;
}

function numbered(name: string, count: number): string[] {
  return Array.from({ length: count }, (_, i) => `${name} ${i}`);
}

Deno.test("of what members say while their sockets are cut 150 times nothing is lost, doubled or moved", async () => {
  await using play = await stage();
  using _ = hasty();
  const refusals: ClientError[] = [];
  for (const client of [play.alice, play.bob, play.carol]) {
    client.onRefused = (error) => error.retryable || refusals.push(error);
  }
  const host = attend(await play.alice.createRoom());
  const link = await host.meeting.invite({ uses: 2 });
  const bob = attend(await play.bob.joinRoom(link));
  const carol = attend(await play.carol.joinRoom(link));
  const people: readonly [string, Witness][] = [["alice", host], ["bob", bob], ["carol", carol]];
  const count = 120;
  let isOver = false;
  const cuts = cutting(play, 150, () => isOver);
  await Promise.all(people.map(async ([name, { say }]) => {
    const said: Promise<void>[] = [];
    for (const text of numbered(name, count)) {
      said.push(say(text));
      await soon(25);
    }
    await Promise.all(said);
  }));
  const cut = await cuts;
  isOver = true;
  for (const [name, witness] of people) {
    await witness.heard(2 * count, 10_000);
    for (const [other] of people.filter(([each]) => each !== name)) {
      const heard = witness.texts().filter((text) => text.startsWith(other));
      assert.deepEqual(heard, numbered(other, count), `${name} heard ${other}`);
    }
    assert.deepEqual(
      witness.kinds().filter((kind) => ["missing", "refused", "leave"].includes(kind)),
      [],
    );
  }
  assert.deepEqual(refusals, []);
  assert.ok(cut >= 150, `${cut} cuts`);
});

Deno.test("a client that is cut more often than its connection may be gone on with waits, and loses nothing", async () => {
  await using play = await stage({
    allowance: { ...ALLOWANCE, resumes: { burst: 2, refillMs: 1_500 } },
  });
  const host = attend(await play.alice.createRoom());
  const bob = attend(await play.bob.joinRoom(await host.meeting.invite()));
  await host.next("join");
  let refused = 0;
  play.liar.frameLie = (direction, frame) => {
    if (direction === "down" && frame.t === "error" && frame.code === "rate_limited") refused++;
    return [frame];
  };
  const said: Promise<void>[] = [];
  for (const text of numbered("alice", 12)) {
    said.push(host.say(text));
    play.liar.cut();
    await soon(300);
  }
  await Promise.all(said);
  await bob.heard(12, 10_000);
  assert.deepEqual(bob.texts(), numbered("alice", 12));
  assert.deepEqual(bob.kinds().filter((kind) => ["missing", "leave"].includes(kind)), []);
  assert.ok(refused > 0, `${refused} were refused`);
});

Deno.test("calls are set up, and go on, while sockets are cut", async () => {
  await using play = await stage();
  using _ = hasty();
  const refusals: ClientError[] = [];
  for (const client of [play.alice, play.bob]) {
    client.onRefused = (error) => error.retryable || refusals.push(error);
  }
  let cut = 0;
  for (let i = 0; i < 4; i++) {
    let isOver = false;
    const cuts = cutting(play, 15, () => isOver);
    const [alices, bobs] = [new TestStack(), new TestStack()];
    const call = await play.alice.call("bob", alices);
    const answered = await (await play.nextRing()).answer(bobs);
    await eventually(() => call.state === "connected" && answered.state === "connected", 10_000);
    cut += await cuts;
    isOver = true;
    const before = [alices.framesOpened, bobs.framesOpened];
    await eventually(() => alices.framesOpened > before[0]! && bobs.framesOpened > before[1]!);
    assert.deepEqual([call.state, answered.state], ["connected", "connected"]);
    await call.hangUp();
    assert.deepEqual(await answered.ended, { by: "peer", reason: "ended", error: null });
  }
  assert.equal(play.ringsOf("bob"), 4);
  assert.deepEqual(refusals, []);
  assert.ok(cut >= 50, `${cut} cuts`);
});

Deno.test("who says very much at once is slowed down, and not cut off", async () => {
  await using play = await stage();
  const lost: boolean[] = [];
  play.alice.onOnline = (online) => lost.push(online);
  const host = attend(await play.alice.createRoom());
  const bob = attend(await play.bob.joinRoom(await host.meeting.invite()));
  const count = 125;
  // More than waits at a time is refused, to be said later.
  const said = await Promise.allSettled(numbered("alice", 140).map((text) => host.say(text)));
  const refused = said.flatMap((each) => each.status === "rejected" ? [each.reason] : []);
  assert.ok(refused.length >= 1 && refused.every(({ retryable }) => retryable));
  await bob.heard(count);
  assert.deepEqual(bob.texts().slice(0, count), numbered("alice", count));
  assert.deepEqual(lost, []);
});

Deno.test("what is asked for while nobody can be reached waits, until it is given up", async () => {
  await using play = await stage();
  const host = attend(await play.alice.createRoom());
  const bob = attend(await play.bob.joinRoom(await host.meeting.invite()));
  play.liar.blocksSockets = true;
  play.liar.cut();
  await eventually(() => !play.alice.online);
  const given = new AbortController();
  const text = new TextEncoder().encode("given up");
  const first = host.meeting.send(text, undefined, given.signal);
  const second = host.say("in time");
  given.abort();
  await refuses(first, "cancelled");
  play.liar.blocksSockets = false;
  globalThis.dispatchEvent(new Event("online"));
  await second;
  await bob.heard(1);
  assert.deepEqual(bob.texts(), ["in time"]);
});

Deno.test("where requests get through and sockets do not, a client says so: socket_blocked", async () => {
  await using play = await stage();
  using _ = hasty();
  play.alice.goOffline();
  play.liar.blocksSockets = true;
  await refuses(play.alice.goOnline(), "socket_blocked");
  const told: (string | null)[] = [];
  play.bob.onOnline = (online, why) => told.push(online ? "online" : why?.code ?? "lost");
  play.liar.cut();
  await eventually(() => told.length === 2);
  play.liar.blocksSockets = false;
  globalThis.dispatchEvent(new Event("online"));
  await eventually(() => told.length === 3);
  assert.deepEqual(told, ["lost", "socket_blocked", "online"]);
});

Deno.test("a network that is back has the path checked at once, whatever timers a page has", async () => {
  await using play = await stage();
  const pings: string[] = [];
  play.liar.frameLie = (direction, frame) => {
    if (frame.t === "ping" || frame.t === "pong") pings.push(`${direction} ${frame.t}`);
    return [frame];
  };
  globalThis.dispatchEvent(new Event("online"));
  await eventually(() => pings.length === 6);
  assert.equal(pings.filter((each) => each === "up ping").length, 3);
  assert.equal(pings.filter((each) => each === "down pong").length, 3);
  assert.equal(play.alice.online, true);
});

Deno.test("a service that is started anew forgets who was where: nobody leaves, and calls and rooms go on", async () => {
  await using play = await stage();
  using _ = hasty();
  const { call, answered, alices } = await play.connect();
  const host = attend(await play.alice.createRoom());
  const bob = attend(await play.bob.joinRoom(await host.meeting.invite()));
  await host.next("join");
  await using again = await startService({
    kv: keptOpen(play.kv),
    publicOrigin: play.liar.url,
  });
  play.liar.target = again.url;
  play.liar.cut();
  await Promise.all([host.next("missing"), bob.next("missing")]);
  await eventually(() => host.meeting.members().length === 1 && bob.meeting.members().length === 1);
  await host.say("still here");
  await bob.heard(1);
  // Nobody was gone: who comes back under another id leaves the old place by that.
  const moves = bob.kinds().filter((kind) => kind === "join" || kind === "leave");
  assert.deepEqual(moves, ["join", "leave"]);
  const before = alices.framesOpened;
  await eventually(() => alices.framesOpened > before);
  assert.deepEqual([call.state, answered.state], ["connected", "connected"]);
  await soon(3_500);
  assert.deepEqual([call.state, answered.state], ["connected", "connected"]);
  // In the places that they have now, they hear each other.
  await call.hangUp();
  assert.deepEqual(await answered.ended, { by: "peer", reason: "ended", error: null });
});

Deno.test("a page that is closed says goodbye, and one that is put aside does not", async () => {
  await using play = await stage();
  const host = attend(await play.alice.createRoom());
  const bob = attend(await play.bob.joinRoom(await host.meeting.invite()));
  await host.next("join");
  globalThis.dispatchEvent(Object.assign(new Event("pagehide"), { persisted: true }));
  await host.say("still here");
  await bob.heard(1);
  const byes: unknown[] = [];
  play.liar.frameLie = (_direction, frame) => {
    if (frame.t === "bye") byes.push(frame);
    return [frame];
  };
  globalThis.dispatchEvent(Object.assign(new Event("pagehide"), { persisted: false }));
  await eventually(() => byes.length === 3);
});

/** A store that a second service uses, and does not close. */
function keptOpen(kv: Deno.Kv): Deno.Kv {
  return new Proxy(kv, {
    get(target, name) {
      if (name === "close") return () => {};
      const value: unknown = Reflect.get(target, name);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}
