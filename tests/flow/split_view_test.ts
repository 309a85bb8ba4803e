/**
 * Two services with one key, which show Alice and Bob different histories of the log, and a call between
 * the two in which it comes out.
 *
 * @module
 */

import assert from "node:assert/strict";
import { type Client } from "../../client/client.ts";
import { judgeEvidence } from "../../crypto/evidence.ts";
import { parseEvidence } from "../../crypto/evidence_text.ts";
import { logOf } from "../support/believer.ts";
import { type Fork, forkService, growStore } from "../support/fork.ts";
import { type Stage, stage } from "../support/stage.ts";
import { TestStack } from "../support/test_stack.ts";

/**
 * From now on Bob is shown the other service's log; everything else is one service. Who asks for public
 * parts of the log, nobody can tell: the other one answers, whose log is never the shorter one.
 */
function showBob(play: Stage, fork: Fork): void {
  play.liar.routeFor = (path, account) => {
    const isDirectory = /^\/v1\/directory\/[^/]+\/(proof|bundle)$/.test(path);
    // His own record he hands in without signing in.
    const isBobs = isDirectory && account === "bob" || path === "/v1/directory/bob";
    return isBobs || /^\/(log|\.well-known)\//.test(path) ? fork.url : null;
  };
}

/** The sizes of the heads that a client's one piece of evidence holds, and what it comes to. */
async function judged(play: Stage, client: Client): Promise<[number[], string]> {
  const texts = await client.evidence();
  assert.equal(texts.length, 1, "one piece of evidence");
  const evidence = parseEvidence(texts[0]!);
  assert.ok(evidence.kind === "heads");
  const sizes = [evidence.first, evidence.second].map((note) => Number(note.split("\n")[1]));
  return [sizes.sort(), await judgeEvidence(await logOf({ url: play.liar.target }), evidence)];
}

/** Alice calls Bob under the split view: nothing rings, no key reaches a stack. */
async function callApart(play: Stage): Promise<void> {
  const refusal = play.nextRefusal("bob");
  const stack = new TestStack();
  const call = await play.alice.call("bob", stack);
  const { by, error } = await call.ended;
  assert.deepEqual([by, error?.code], ["failure", "log_forked"]);
  assert.equal((await refusal).code, "log_forked");
  assert.equal(play.ringsOf("bob"), 0);
  assert.equal(stack.started, false);
}

Deno.test("within one call both sides hold two heads of one size that no one history has", async () => {
  await using play = await stage();
  await using fork = await forkService(play.kv, play.liar.url);
  await growStore(play.kv, "dave");
  await fork.grow("erin");
  showBob(play, fork);
  await callApart(play);
  for (const client of [play.alice, play.bob]) {
    const [[one, other], judgement] = await judged(play, client);
    assert.equal(one, other);
    assert.equal(judgement, "forked");
  }
});

Deno.test("heads of two sizes convict too: the newer history shows the older head as none of its own", async () => {
  await using play = await stage();
  await using fork = await forkService(play.kv, play.liar.url);
  await growStore(play.kv, "dave");
  for (const name of ["erin", "frank"]) await fork.grow(name);
  showBob(play, fork);
  await callApart(play);
  for (const client of [play.alice, play.bob]) {
    const [[one, other], judgement] = await judged(play, client);
    assert.notEqual(one, other);
    assert.equal(judgement, "forked");
  }
});

Deno.test("a service that does not explain a head is asked again, and convicted after an hour", async () => {
  let aheadMs = 0;
  await using play = await stage();
  await using fork = await forkService(play.kv, play.liar.url);
  await growStore(play.kv, "dave");
  for (const name of ["erin", "frank"]) await fork.grow(name);
  showBob(play, fork);
  play.liar.refusing = (path) => path === "/log/consistency";
  const bob = await play.reopen("bob", { now: () => Date.now() + aheadMs });
  const call = await play.alice.call("bob", new TestStack());
  await (await play.nextRing()).decline();
  await call.ended;
  const codes = async () => (await bob.watchLog()).map(({ error }) => error.code);
  assert.deepEqual(await codes(), [], "what can't be asked is no fault yet");
  aheadMs = 3_600_001;
  assert.ok((await codes()).includes("log_forked"));
  aheadMs = 0;
  play.liar.refusing = null;
  assert.deepEqual(await codes(), ["log_forked"], "and at once when the lie is told");
  assert.equal((await judged(play, bob))[1], "forked");
});

Deno.test("one history explains heads of all sizes, and the call connects", async () => {
  await using play = await stage();
  await play.alice.watchLog();
  for (const name of ["dave", "erin", "frank"]) {
    await growStore(play.kv, name);
    await (name === "erin" ? play.alice : play.bob).lookup("carol");
  }
  const { call } = await play.connect();
  assert.equal(call.state, "connected");
  for (const client of [play.alice, play.bob]) assert.deepEqual(await client.evidence(), []);
  await call.hangUp();
});
