/**
 * Two people who compare a short code in their call, over the real service.
 *
 * @module
 */

import assert from "node:assert/strict";
import { type Call, type Comparison } from "../../client/mod.ts";
import { type Connected, type Stage, stage } from "../support/stage.ts";
import { TestStack } from "../support/test_stack.ts";
import { eventually } from "../support/werift.ts";
import { refuses } from "../support/refuses.ts";
import { linked } from "../support/second_device.ts";

/** Both persons' comparisons of a call. */
async function comparisonsOf({ call, answered }: Connected): Promise<[Comparison, Comparison]> {
  return await Promise.all([call.comparison(), answered.comparison()]);
}

/** One asks, the other agrees; both see a code. */
async function compare(first: Comparison, second: Comparison): Promise<void> {
  await first.begin();
  await eventually(() => second.state === "asked");
  await second.begin();
  await eventually(() => first.state === "shown" && second.state === "shown");
}

const standings = async (play: Stage): Promise<string[]> => [
  (await play.alice.lookup("bob")).standing,
  (await play.bob.lookup("alice")).standing,
];

for (const asks of ["caller", "callee"] as const) {
  Deno.test(`two people see the same code, and are verified once both said so: the ${asks} asks`, async () => {
    await using play = await stage();
    const held = await play.connect();
    const both = await comparisonsOf(held);
    const [a, b] = asks === "caller" ? both : [both[1], both[0]];
    assert.deepEqual(await standings(play), ["consistent", "consistent"]);
    assert.equal(a.code, null);
    await compare(a, b);
    assert.deepEqual(a.code, b.code);
    assert.equal(a.code!.emoji.length, 4);
    assert.equal(a.code!.names.length, 4);
    assert.match(a.code!.digits, /^\d{6}$/);
    // A code that is shown says nothing yet.
    assert.deepEqual(await standings(play), ["consistent", "consistent"]);
    await Promise.all([a.say("same"), b.say("same")]);
    assert.deepEqual([a.state, b.state], ["same", "same"]);
    assert.deepEqual(await standings(play), ["verified", "verified"]);
    await refuses(a.say("different"), "refused");
    await held.call.hangUp();
    // It stays with the person, in calls to come and after a restart.
    await held.answered.ended;
    const again = await play.connect();
    assert.deepEqual([again.call.peer.standing, again.answered.peer.standing], [
      "verified",
      "verified",
    ]);
    play.alice.close();
    const reopened = await play.reopen("alice", {});
    assert.equal((await reopened.lookup("bob")).standing, "verified");
    reopened.close();
  });
}

Deno.test("both may press the button at once: one comparison comes of it", async () => {
  await using play = await stage();
  const [a, b] = await comparisonsOf(await play.connect());
  await Promise.all([a.begin(), b.begin()]);
  await eventually(() => a.state === "shown" && b.state === "shown");
  assert.deepEqual(a.code, b.code);
});

Deno.test("nothing is answered before the other person agrees, and nobody is verified by asking", async () => {
  await using play = await stage();
  const [a, b] = await comparisonsOf(await play.connect());
  await a.begin();
  await eventually(() => b.state === "asked");
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.deepEqual([a.state, a.code, b.code], ["waiting", null, null]);
  await refuses(a.say("same"), "refused");
  await refuses(b.say("same"), "refused");
  // An epoch has one comparison.
  await refuses(a.begin(), "refused");
});

Deno.test("who sees another code ends the call, and both are told loudly: code_mismatch", async () => {
  await using play = await stage();
  const held = await play.connect();
  const [a, b] = await comparisonsOf(held);
  await compare(a, b);
  await b.say("same");
  await a.say("different");
  const [mine, theirs] = await Promise.all([held.call.ended, held.answered.ended]);
  assert.deepEqual([mine.by, mine.error?.code], ["failure", "code_mismatch"]);
  assert.deepEqual([theirs.by, theirs.reason, theirs.error?.code], [
    "peer",
    "mismatch",
    "code_mismatch",
  ]);
  let marks: string[] = [];
  for (let look = 0; look < 50 && marks.join() !== "mismatch,mismatch"; look++) {
    marks = await standings(play);
  }
  assert.deepEqual(marks, ["mismatch", "mismatch"]);
  await refuses(a.begin(), "closed");
});

Deno.test("who changed their devices during the call is compared again: record_conflict", async () => {
  await using play = await stage();
  const [a, b] = await comparisonsOf(await play.connect());
  await compare(a, b);
  using _phone = await linked(play.bob, play.liar.url, "phone");
  await play.alice.lookup("bob");
  await refuses(a.say("same"), "record_conflict");
  assert.deepEqual([a.state, await standings(play)], ["shown", ["consistent", "consistent"]]);
});

Deno.test("a call that is not connected has nobody to compare with", async () => {
  await using play = await stage();
  const call: Call = await play.alice.call("bob", new TestStack());
  await refuses(call.comparison(), "refused");
  await call.hangUp();
});

Deno.test("the service sees of a comparison three sealed boxes of one size", async () => {
  await using play = await stage();
  const held = await play.connect();
  const [a, b] = await comparisonsOf(held);
  const before = held.call.relayed.length;
  await compare(a, b);
  const boxes = held.call.relayed.slice(before);
  assert.deepEqual(boxes.map(({ kind, direction }) => [kind, direction]), [
    ["message", "sent"],
    ["message", "received"],
    ["message", "sent"],
  ]);
  assert.equal(new Set(boxes.map(({ bytes }) => bytes)).size, 1);
});

Deno.test("a middle that rewrites signaling and DTLS is refused before media: no frame, no comparison", async () => {
  await using play = await stage();
  const { call, answered, alices, bobs } = await play.connectThroughMallory();
  const ends = await Promise.all([call.ended, answered.ended]);
  const codes = ends.map(({ error }) => error?.code);
  assert.ok(codes.includes("fingerprint_mismatch"), String(codes));
  assert.deepEqual([alices.started, bobs.started], [false, false]);
  assert.deepEqual([await alices.framesMoved(), await bobs.framesMoved()], [0, 0]);
  await refuses(call.comparison(), "refused");
  await refuses(answered.comparison(), "refused");
});
