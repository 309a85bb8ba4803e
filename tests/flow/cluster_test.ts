/**
 * Two processes on a denokv server: what the protocol promises of several instances, with real deaths.
 */

import assert from "node:assert/strict";
import { type ChildService, startChild } from "../support/child_service.ts";
import { membersOf, pause, startTalk, storm, until, untilWhole } from "../support/crowd.ts";
import { type Wanderer } from "../support/wanderer.ts";
import { findDenoKv, startDenoKv } from "../support/denokv.ts";

const program = await findDenoKv();
if (program === null) console.log("tests/flow/cluster_test.ts: no denokv server here, skipped");

/** How many disconnects: a few everywhere, a thousand where somebody asks for them. */
const DISCONNECTS = Number(Deno.env.get("COUNTERSIGN_DISCONNECTS") ?? 120);
const SECRET = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc";

interface Pair extends AsyncDisposable {
  readonly services: readonly ChildService[];
  start(): Promise<ChildService>;
}

/** Two services on one server. */
async function startPair(): Promise<Pair> {
  const server = await startDenoKv(program!);
  const data = await Deno.makeTempDir();
  const env = {
    COUNTERSIGN_KV: server.url,
    DENO_KV_ACCESS_TOKEN: server.token,
    COUNTERSIGN_SECRET: SECRET,
  };
  const start = () => startChild(data, "test.invalid/kt/1", env);
  const services = [await start(), await start()];
  return {
    services,
    start,
    async [Symbol.asyncDispose]() {
      await Promise.all(services.map((one) => one.close()));
      await server.close();
      await Deno.remove(data, { recursive: true });
    },
  };
}

Deno.test({
  name: "two processes: forced disconnects lose nothing, double nothing, and keep the order",
  ignore: program === null,
  async fn() {
    await using pair = await startPair();
    const { services } = pair;
    const members = await membersOf(services, ["alice", "bob", "carol", "dave"]);
    const said = await storm(() => services, members, DISCONNECTS, 200);
    await untilWhole(members, said);
    const welcomes = members.flatMap((one) => one.welcomes);
    console.log(new Set(welcomes), welcomes.length, [...said.values()]);
    assert.deepEqual(new Set(welcomes), new Set(["fresh", "resumed"]));
    for (const member of members) member.end();
  },
});

Deno.test({
  name:
    "kill -9 of one of two: its members are away, then back on the other, and lose nothing acked",
  ignore: program === null,
  async fn() {
    await using pair = await startPair();
    const [one, two] = pair.services as [ChildService, ChildService];
    const members = await membersOf([one, two], ["alice", "bob", "carol", "dave"]);
    const [alice, bob, , dave] = members as [Wanderer, Wanderer, Wanderer, Wanderer];
    // Slowly enough that what is missed for half a minute is kept.
    const talk = startTalk(members, 400);
    await pause(2_000);
    const killedMs = performance.now();
    await two.kill();
    // One comes back at once, before anybody knows; the other one when it is known.
    await bob.goTo(one);
    const backMs = performance.now() - killedMs;
    const isAway = () =>
      alice.presence.some(([account, event]) => account === "dave" && event === "away");
    await until("dave is away", isAway, 30_000);
    const awayMs = performance.now() - killedMs;
    await dave.goTo(one);
    await pause(1_000);
    await untilWhole(members, talk.end());
    assert.deepEqual([bob.welcomes.at(-1), dave.welcomes.at(-1)], [
      "instance_lost",
      "instance_lost",
    ]);
    console.log(
      `back after ${Math.round(backMs)} ms, away after ${Math.round(awayMs)} ms, ` +
        `${bob.repeated + dave.repeated} repeated after the loss`,
    );
    for (const member of members) member.end();
  },
});

Deno.test({
  name: "an instance that was paused and given up speaks for nobody, and begins again",
  ignore: program === null,
  async fn() {
    await using pair = await startPair();
    const [one, two] = pair.services as [ChildService, ChildService];
    const members = await membersOf([one, two], ["alice", "bob", "carol", "dave"]);
    const [alice, bob, , dave] = members as [Wanderer, Wanderer, Wanderer, Wanderer];
    const talk = startTalk(members, 400);
    await pause(1_000);
    two.freeze(true);
    bob.drop(true);
    await bob.goTo(one);
    const isAway = () =>
      alice.presence.some(([account, event]) => account === "dave" && event === "away");
    await until("dave is away", isAway, 30_000);
    two.freeze(false);
    await until("dave's socket is closed", () => !dave.isOnline, 5_000);
    assert.deepEqual(dave.closes, [4000]);
    await dave.goTo(one);
    await bob.goTo(two);
    await pause(1_000);
    await untilWhole(members, talk.end());
    assert.deepEqual(dave.welcomes, ["fresh", "instance_lost"]);
    assert.equal(bob.welcomes.at(-1), "resumed", "the instance that began again hands over");
    for (const member of members) member.end();
  },
});

Deno.test({
  name:
    "an instance that stops under load leaves everything to the other: resumed, within 5 seconds",
  ignore: program === null,
  async fn() {
    await using pair = await startPair();
    const [one, two] = pair.services as [ChildService, ChildService];
    const members = await membersOf([one, two], ["alice", "bob", "carol", "dave"]);
    const [alice, bob, , dave] = members as [Wanderer, Wanderer, Wanderer, Wanderer];
    const talk = startTalk(members, 50);
    await pause(1_500);
    const startMs = performance.now();
    const stopped = two.close();
    await until("sockets are closed", () => !bob.isOnline && !dave.isOnline, 5_000);
    await bob.goTo(one);
    await dave.goTo(one);
    await stopped;
    const tookMs = performance.now() - startMs;
    await pause(1_000);
    await untilWhole(members, talk.end());
    assert.deepEqual([...bob.welcomes, ...dave.welcomes], ["fresh", "resumed", "fresh", "resumed"]);
    const told = alice.presence.map(([account, event]) => `${account} ${event}`);
    assert.ok(!told.includes("bob leave") && !told.includes("dave leave"), told.join());
    assert.ok(tookMs < 5_000, `${tookMs} ms`);
    for (const member of members) member.end();
  },
});
