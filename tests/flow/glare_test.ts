import assert from "node:assert/strict";
import { type Call, type CallEnd } from "../../client/mod.ts";
import { type Client } from "../../client/client.ts";
import { ClientError } from "../../client/error.ts";
import { type IncomingCall } from "../../client/ringing.ts";
import { stage } from "../support/stage.ts";
import { TestStack } from "../support/test_stack.ts";
import { eventually } from "../support/werift.ts";

/** Takes what continues a call of one's own at once, as an application should; other calls ring on. */
function answering(client: Client): { taken: Call[]; rung: IncomingCall[]; done: AbortController } {
  const [taken, rung, done]: [Call[], IncomingCall[], AbortController] = [
    [],
    [],
    new AbortController(),
  ];
  void (async () => {
    for await (const incoming of client.incoming(done.signal)) {
      if (incoming.continues === null) rung.push(incoming);
      else taken.push(await incoming.answer(new TestStack()));
    }
  })();
  return { taken, rung, done };
}

async function outcome(placing: Promise<Call>): Promise<Call | string> {
  try {
    return await placing;
  } catch (error) {
    return error instanceof ClientError ? error.code : String(error);
  }
}

Deno.test("two who call each other at once are in one call, whoever's it is", async () => {
  await using play = await stage();
  const { alice, carol } = play;
  const [a, c] = [answering(alice), answering(carol)];
  for (let round = 0; round < 6; round++) {
    a.taken.length = c.taken.length = 0;
    const placed = await Promise.all([
      outcome(alice.call("carol", new TestStack())),
      outcome(carol.call("alice", new TestStack())),
    ]);
    await eventually(() => a.taken.length + c.taken.length === 1, 15_000);
    const [winner, loser] = a.taken.length === 1 ? [placed[1], placed[0]] : [placed[0], placed[1]];
    assert.ok(typeof winner === "object", `${winner}`);
    const answered = [...a.taken, ...c.taken][0]!;
    await eventually(() => winner.state === "connected" && answered.state === "connected", 15_000);
    // The other one has ended as replaced, or never began.
    if (typeof loser === "object") {
      const end: CallEnd = await loser.ended;
      assert.deepEqual([end.by, end.reason], ["peer", "replaced"]);
    } else {
      assert.equal(loser, "cancelled");
    }
    assert.deepEqual([a.rung.length, c.rung.length], [0, 0]);
    assert.equal(winner.id, answered.id);
    await winner.hangUp();
    await answered.ended;
  }
  for (const each of [a, c]) each.done.abort();
});

Deno.test("somebody who lost their page comes back into the call, without a ring", async () => {
  await using play = await stage();
  const first = await play.connect();
  assert.equal(first.call.id, first.answered.id);
  assert.match(first.call.id, /^[\w-]{22}$/);
  // Alice's page is gone, without a word; another one has her id of the call.
  const again = play.alice.call("bob", new TestStack(), { replaces: first.call.id });
  const incoming = await play.nextRing();
  assert.equal(incoming.continues, first.answered);
  const stack = new TestStack();
  const answered = await incoming.answer(stack);
  const call = await again;
  await eventually(() => call.state === "connected" && answered.state === "connected");
  const end = await first.answered.ended;
  assert.deepEqual([end.by, end.reason, end.error], ["peer", "replaced", null]);
  assert.notEqual(call.id, first.call.id);
  await eventually(() => stack.framesOpened > 0);
  await call.hangUp();
});

Deno.test("a call that continues one that is not here does not ring", async () => {
  await using play = await stage();
  const unknown = "AAAAAAAAAAAAAAAAAAAAAA";
  const call = await play.alice.call("bob", new TestStack(), { replaces: unknown });
  const end = await call.ended;
  assert.deepEqual([end.by, end.reason], ["peer", "ended"]);
  assert.equal(play.ringsOf("bob"), 0);
});

Deno.test("nobody continues somebody else's call, though they know its id", async () => {
  await using play = await stage();
  const { call, answered } = await play.connect();
  const intruding = await play.carol.call("bob", new TestStack(), { replaces: call.id });
  const end = await intruding.ended;
  assert.deepEqual([end.by, end.reason], ["peer", "ended"]);
  assert.equal(play.ringsOf("bob"), 1);
  assert.deepEqual([call.state, answered.state], ["connected", "connected"]);
  await call.hangUp();
});

Deno.test("a call that the same client takes the place of itself ends as replaced on both sides", async () => {
  await using play = await stage();
  const first = await play.connect();
  const again = play.alice.call("bob", new TestStack(), { replaces: first.call.id });
  const answered = await (await play.nextRing()).answer(new TestStack());
  const call = await again;
  await eventually(() => call.state === "connected" && answered.state === "connected");
  const ends = await Promise.all([first.call.ended, first.answered.ended]);
  assert.deepEqual(ends.map(({ by, reason }) => [by, reason]), [
    ["peer", "replaced"],
    ["peer", "replaced"],
  ]);
  await call.hangUp();
});

Deno.test("what is no id of a call is refused: bad_option", async () => {
  await using play = await stage();
  for (const replaces of ["x", "AAAA", "%", "A".repeat(23)]) {
    await assert.rejects(play.alice.call("bob", new TestStack(), { replaces }), {
      code: "bad_option",
    });
  }
});

Deno.test("a call that was hung up is not continued", async () => {
  await using play = await stage();
  const { call, answered } = await play.connect();
  await answered.hangUp();
  await call.ended;
  const again = await play.alice.call("bob", new TestStack(), { replaces: call.id });
  assert.equal((await again.ended).reason, "ended");
  assert.equal(play.ringsOf("bob"), 1);
});
