/**
 * A lying service, and what becomes of a call: every lie is refused with its own code, and no frame
 * of media moves in any of them.
 *
 * @module
 */

import assert from "node:assert/strict";
import { fromBase64Url, toBase64Url } from "../../crypto/base64.ts";
import { type Bytes } from "../../crypto/bytes.ts";
import { encodeCheckpoint } from "../../crypto/checkpoint.ts";
import { decodeLookupProof, encodeLookupProof } from "../../crypto/lookup_proof.ts";
import { judgeEvidence } from "../../crypto/evidence.ts";
import { parseEvidence } from "../../crypto/evidence_text.ts";
import { signNote } from "../../crypto/note.ts";
import { formatTlogProof, parseTlogProof, type TlogProof } from "../../crypto/proof.ts";
import { ClientError } from "../../client/error.ts";
import { logOf } from "../support/believer.ts";
import { type Frame } from "../support/liar.ts";
import { newAccount } from "../support/service_core.ts";
import { type Stage, stage } from "../support/stage.ts";
import { TestStack } from "../support/test_stack.ts";
import { eventually } from "../support/werift.ts";

Deno.test("a truthful service connects Alice and Bob, and both see one safety number", async () => {
  await using play = await stage();
  const { call, answered } = await play.connect();
  assert.equal(call.state, "connected");
  assert.equal(answered.state, "connected");
  assert.equal(call.peer.safetyNumber(), answered.peer.safetyNumber());
  await call.hangUp();
  assert.deepEqual(await answered.ended, { by: "peer", reason: "ended", error: null });
});

Deno.test("a swapped identity key is refused: proof_invalid", async () => {
  await using play = await stage();
  play.liar.answerLie = aboutBob(async (answer) => {
    const record = await recordOfMallory();
    return rewriteProof(answer, (outer) => {
      const inner = decodeLookupProof(outer.extra!);
      const records = inner.records.map(({ opening }) => ({ opening, record }));
      return { ...outer, extra: encodeLookupProof({ ...inner, records }) };
    });
  });
  await refusedCall(play, "proof_invalid");
});

Deno.test("a swapped prekey set is refused: prekeys_invalid", async () => {
  await using play = await stage();
  // Carol's set is genuine, but it is not Bob's.
  const carols = await play.bundleOf("carol");
  play.liar.answerLie = aboutBob((answer) => ({ ...answer, bundles: carols }));
  await refusedCall(play, "prekeys_invalid");
});

Deno.test("a swapped one-time prekey is refused: prekeys_invalid", async () => {
  await using play = await stage();
  const [carols] = await play.bundleOf("carol") as { opk: { key: string } }[];
  play.liar.answerLie = aboutBob((answer) => {
    const [bundle] = answer.bundles as { opk: object }[];
    return { ...answer, bundles: [{ ...bundle, opk: { ...bundle!.opk, key: carols!.opk.key } }] };
  });
  await refusedCall(play, "prekeys_invalid");
});

Deno.test("two heads of one size are refused, and both are kept as evidence: log_forked", async () => {
  await using play = await stage();
  await play.alice.lookup("bob");
  play.liar.answerLie = aboutBob((answer) =>
    withHead(play, answer, (head) => ({ ...head, root: flipped(head.root) }))
  );
  await refusedCall(play, "log_forked");
  const evidence = parseEvidence((await play.alice.evidence())[0]!);
  assert.ok(evidence.kind === "heads");
  assert.equal(evidence.first.split("\n")[1], evidence.second.split("\n")[1], "one size");
  assert.equal(await judgeEvidence(await logOf({ url: play.liar.target }), evidence), "forked");
});

Deno.test("a head that goes back is refused: head_rolled_back", async () => {
  await using play = await stage();
  await play.alice.lookup("bob");
  play.liar.answerLie = aboutBob((answer) =>
    withHead(play, answer, (head) => ({ ...head, size: head.size - 2 }))
  );
  await refusedCall(play, "head_rolled_back");
});

Deno.test("a head that another key signed is refused: proof_invalid", async () => {
  await using play = await stage();
  play.liar.answerLie = aboutBob((answer) =>
    rewriteProof(answer, (outer) => ({
      ...outer,
      checkpoint: outer.checkpoint.replace(
        /(— \S+ .{12})(.)/,
        (_, before, one) => before + (one === "A" ? "B" : "A"),
      ),
    }))
  );
  await refusedCall(play, "proof_invalid");
});

Deno.test("a service that comes back as another log is refused: log_changed", async () => {
  await using play = await stage();
  const error = await failure(play.reopen("alice", { logKey: await play.otherLogKey() }));
  assert.equal(error.code, "log_changed");
});

Deno.test("a replayed offer is refused by the callee: offer_replayed", async () => {
  await using play = await stage();
  const rings: Frame[] = [];
  play.liar.frameLie = (direction, frame) => {
    if (direction === "down" && frame.t === "ring") rings.push(frame);
    return [frame];
  };
  const { call } = await play.connect();
  await call.hangUp();
  const refusal = play.nextRefusal("bob");
  // Under another id: the same frame again would not even be looked at.
  play.liar.inject({ ...rings[0]!, seq: 99, id: "again" });
  assert.equal((await refusal).code, "offer_replayed");
  assert.equal(play.ringsOf("bob"), 1, "nothing rang a second time");
});

Deno.test("an offer under another caller's name is refused by the callee: handshake_refused", async () => {
  await using play = await stage();
  play.liar.frameLie = (direction, frame) =>
    direction === "down" && frame.t === "ring" ? [{ ...frame, from: "carol" }] : [frame];
  const refusal = play.nextRefusal("bob");
  const stack = new TestStack();
  const call = await play.alice.call("bob", stack);
  assert.equal((await refusal).code, "handshake_refused");
  await call.hangUp();
  await assertNoMedia(stack);
});

Deno.test("a forged answer changes nothing: the true one still connects", async () => {
  await using play = await stage();
  play.liar.frameLie = (direction, frame) => {
    if (direction !== "down" || frame.t !== "signal") return [frame];
    const bytes = fromBase64Url(String(frame.ct))!;
    bytes[bytes.length - 1]! ^= 1;
    return [{ ...frame, id: "forged", ct: toBase64Url(bytes) }, frame];
  };
  const refusals = [play.nextRefusal("alice"), play.nextRefusal("bob")];
  const { call, answered } = await play.connect();
  assert.equal(call.state, "connected");
  assert.deepEqual((await Promise.all(refusals)).map(({ code }) => code), [
    "handshake_refused",
    "handshake_refused",
  ]);
  await call.hangUp();
  await answered.ended;
});

Deno.test("an ack that is held back until after the answer does not take a call back", async () => {
  await using play = await stage();
  const held: Frame[] = [];
  play.liar.frameLie = (direction, frame) => {
    if (direction === "up" || frame.t !== "ack" || held.length > 0) return [frame];
    held.push(frame);
    return [];
  };
  const stack = new TestStack();
  const calling = play.alice.call("bob", stack);
  const answered = await (await play.nextRing()).answer(new TestStack());
  await eventually(() => stack.framesOpened > 0 && answered.state === "connected");
  play.liar.inject(held[0]!);
  const call = await calling;
  assert.equal(call.state, "connected");
  await call.hangUp();
  const states = await Array.fromAsync(call.states());
  assert.deepEqual(states, ["calling", "connecting", "connected", "ended"]);
});

Deno.test("a swapped DTLS certificate is refused after connecting, before any key: fingerprint_mismatch", async () => {
  await using play = await stage();
  const { alices, bobs, call, answered } = await play.connectThroughMallory();
  const ends = await Promise.all([call.ended, answered.ended]);
  const codes = ends.map(({ error }) => error?.code ?? null);
  assert.ok(codes.includes("fingerprint_mismatch"), String(codes));
  await assertNoMedia(alices);
  await assertNoMedia(bobs);
});

Deno.test("an SDP that names a second certificate is refused before connecting: fingerprint_mismatch", async () => {
  await using play = await stage();
  const stack = new TestStack().naming("00".repeat(32));
  const refusal = play.nextRefusal("bob");
  const call = await play.alice.call("bob", stack);
  assert.equal((await refusal).code, "fingerprint_mismatch");
  assert.equal(play.ringsOf("bob"), 0);
  await call.hangUp();
  await assertNoMedia(stack);
});

/** Calls Bob under a lie: refused with this code, with nothing started. */
async function refusedCall(play: Stage, code: string): Promise<void> {
  const stack = new TestStack();
  const error = await failure(play.alice.call("bob", stack));
  assert.equal(error.code, code, error.message);
  assert.equal(play.ringsOf("bob"), 0);
  await assertNoMedia(stack);
}

async function assertNoMedia(stack: TestStack): Promise<void> {
  assert.equal(stack.started, false, "no key reached the stack");
  assert.equal(await stack.framesMoved(), 0, "no frame moved");
}

async function failure(work: Promise<unknown>): Promise<ClientError> {
  try {
    await work;
  } catch (error) {
    if (error instanceof ClientError) return error;
    throw error;
  }
  throw new Error("nothing was refused");
}

type Json = Readonly<Record<string, unknown>>;

/** Lies only to those who want to call Bob. */
function aboutBob(
  lie: (answer: Json) => Json | Promise<Json>,
): (path: string, value: unknown) => unknown {
  return (path, value) => path === "/v1/directory/bob/bundle" ? lie(value as Json) : value;
}

function rewriteProof(answer: Json, rewrite: (outer: TlogProof) => TlogProof): Json {
  return { ...answer, proof: formatTlogProof(rewrite(parseTlogProof(String(answer.proof)))) };
}

/** An answer under another head, signed with the log's own key: the lie that only the log can tell. */
async function withHead(
  play: Stage,
  answer: Json,
  change: (head: { size: number; root: Bytes }) => { size: number; root: Bytes },
): Promise<Json> {
  const outer = parseTlogProof(String(answer.proof));
  const head = change(play.headOf(outer.checkpoint));
  const body = encodeCheckpoint({ origin: play.origin, ...head });
  const checkpoint = await signNote(body, [await play.logSigner()]);
  return { ...answer, proof: formatTlogProof({ ...outer, checkpoint }), consistency: [] };
}

function flipped(bytes: Bytes): Bytes {
  const copy = bytes.slice();
  copy[0]! ^= 1;
  return copy;
}

/** A first record for Bob's name with keys that are not Bob's. */
async function recordOfMallory(): Promise<Bytes> {
  return (await newAccount("bob")).record;
}
