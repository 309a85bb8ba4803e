/**
 * Sockets that are lost over and over: nothing that was said is lost, doubled or out of order, and no call
 * notices.
 *
 * @module
 */

import assert from "node:assert/strict";
import { type ClientError } from "../../client/error.ts";
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
