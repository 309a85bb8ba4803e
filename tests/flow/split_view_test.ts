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
import { formatTlogProof, parseTlogProof } from "../../crypto/proof.ts";
import { logOf } from "../support/believer.ts";
import { type Fork, forkService, growStore } from "../support/fork.ts";
import { refuses } from "../support/refuses.ts";
import { type Stage, stage } from "../support/stage.ts";
import { TestStack } from "../support/test_stack.ts";
import { eventually } from "../support/werift.ts";

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

/** What each piece of a client's evidence comes to. */
async function judgements(play: Stage, client: Client): Promise<string[]> {
  const log = await logOf({ url: play.liar.target });
  const pieces = (await client.evidence()).map(parseEvidence);
  return await Promise.all(pieces.map((piece) => judgeEvidence(log, piece)));
}

/** The note of a service's newest head. */
async function headOf({ url }: Fork): Promise<string> {
  const answer = await fetch(`${url}/.well-known/countersign`);
  return parseTlogProof((await answer.json()).config).checkpoint;
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
  const unexplained = await judgements(play, bob);
  assert.deepEqual(new Set(unexplained), new Set(["unexplained"]), "that is all there is to show");
  aheadMs = 0;
  play.liar.refusing = null;
  assert.deepEqual(await codes(), ["log_forked"], "and at once when the lie is told");
  assert.ok((await judgements(play, bob)).includes("forked"));
});

Deno.test("an outage of hours is no fault, whatever was heard just before", async () => {
  let aheadMs = 0;
  await using play = await stage();
  const bob = await play.reopen("bob", { now: () => Date.now() + aheadMs });
  await play.alice.watchLog();
  for (const name of ["dave", "erin"]) await growStore(play.kv, name);
  const codes = async () => (await bob.watchLog()).map(({ error }) => error.code);
  play.liar.refusing = (path) => path.startsWith("/log/");
  const call = await play.alice.call("bob", new TestStack());
  await (await play.nextRing()).decline();
  await call.ended;
  play.liar.refusing = () => true;
  for (let hours = 0; hours < 3; hours++) {
    assert.deepEqual(await codes(), []);
    aheadMs += 3_600_001;
    play.advance(3_600_001);
  }
  play.liar.refusing = null;
  assert.deepEqual(await codes(), []);
  assert.deepEqual(await bob.evidence(), []);
});

Deno.test("who is told of the other history late, while the call is on, ends it", async () => {
  await using play = await stage();
  await using fork = await forkService(play.kv, play.liar.url);
  await growStore(play.kv, "dave");
  for (const name of ["erin", "frank"]) await fork.grow(name);
  showBob(play, fork);
  play.liar.answerLie = async (path, value) => {
    if (path === "/log/consistency") await new Promise((resolve) => setTimeout(resolve, 4_000));
    return value;
  };
  const refusal = play.nextRefusal("bob");
  const call = await play.alice.call("bob", new TestStack());
  await eventually(() => play.ringsOf("bob") > 0, 10_000);
  const answered = await (await play.nextRing()).answer(new TestStack());
  assert.equal((await answered.ended).error?.code, "log_forked");
  assert.equal((await refusal).code, "log_forked");
  await call.ended;
  play.liar.answerLie = null;
  assert.deepEqual(await judgements(play, play.bob), ["forked"]);
});

Deno.test("a head that comes with a lie is not forgotten: it is to be explained like any other", async () => {
  await using play = await stage();
  await using fork = await forkService(play.kv, play.liar.url);
  for (const name of ["dave", "erin"]) await growStore(play.kv, name);
  await fork.grow("frank");
  await play.alice.watchLog();
  const checkpoint = await headOf(fork);
  play.liar.answerLie = (path, value) => {
    if (path !== "/v1/directory/bob/proof") return value;
    const { proof } = value as { proof: string };
    return { proof: formatTlogProof({ ...parseTlogProof(proof), checkpoint }), consistency: [] };
  };
  await refuses(play.alice.lookup("bob"), "head_rolled_back");
  assert.deepEqual(await judgements(play, play.alice), ["unexplained"]);
  play.liar.answerLie = null;
  assert.deepEqual((await play.alice.watchLog()).map(({ error }) => error.code), ["log_forked"]);
  assert.deepEqual(await judgements(play, play.alice), ["forked"]);
});

Deno.test("worthless pieces of evidence leave room for the one that convicts", async () => {
  await using play = await stage();
  await using fork = await forkService(play.kv, play.liar.url);
  const olds = [await headOf(fork)];
  for (let n = 0; n < 20; n++) {
    await growStore(play.kv, `grown${n}`);
    await fork.grow(`other${n}`);
    olds.push(await headOf(fork));
  }
  await play.alice.watchLog();
  play.liar.answerLie = (path, value) => {
    if (path !== "/v1/directory/carol/proof") return value;
    const { proof } = value as { proof: string };
    const checkpoint = olds.shift()!;
    return { proof: formatTlogProof({ ...parseTlogProof(proof), checkpoint }), consistency: [] };
  };
  while (olds.length > 1) await refuses(play.alice.lookup("carol"), "head_rolled_back");
  assert.deepEqual(new Set(await judgements(play, play.alice)), new Set(["unexplained"]));
  play.liar.answerLie = null;
  await fork.grow("last");
  play.liar.routeFor = () => fork.url;
  await refuses(play.alice.lookup("carol"), "log_forked");
  assert.ok((await judgements(play, play.alice)).includes("forked"));
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
