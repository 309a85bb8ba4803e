import assert from "node:assert/strict";
import { type MediaAdapter } from "../../client/adapter.ts";
import { LiveCall } from "../../client/live_call.ts";
import { ClientError } from "../../client/error.ts";
import { Ongoing } from "../../client/ongoing.ts";
import { type Peer } from "../../client/peer.ts";
import { parseAccountLabel } from "../../crypto/account_label.ts";
import { type Bytes } from "../../crypto/bytes.ts";

const BOB = parseAccountLabel("bob");
const CAROL = parseAccountLabel("carol");
let nowMs = 1_790_000_000_000;
const PEER = { label: "bob" } as Peer;

/** A stack that does nothing: what is tested here never reaches one. */
function call(id: string): LiveCall {
  const adapter = { onFailure: null, close: () => {} } as unknown as MediaAdapter;
  const made = new LiveCall(PEER, adapter, "calling");
  made.id = id;
  return made;
}

function common(first: number): Bytes {
  return new Uint8Array(32).fill(first, 0, 1);
}

Deno.test("of two calls the one with the lower H(CallCommon) survives", () => {
  const ongoing = new Ongoing(() => nowMs);
  const ours = call("one");
  ongoing.place(ours, BOB);
  ongoing.offered(ours, common(0x7f));
  assert.deepEqual(ongoing.glare(BOB, common(0x80)), { survives: "ours" });
  assert.deepEqual(ongoing.glare(BOB, common(0x7e)), { survives: "theirs", ours, isOffered: true });
  assert.equal(ongoing.glare(CAROL, common(0x7e)), null);
});

Deno.test("a call that was not offered yet gives way, and one that was answered is no glare", () => {
  const ongoing = new Ongoing(() => nowMs);
  const ours = call("one");
  ongoing.place(ours, BOB);
  assert.deepEqual(ongoing.glare(BOB, common(0xff)), {
    survives: "theirs",
    ours,
    isOffered: false,
  });
  ongoing.offered(ours, common(0));
  ongoing.answered(ours);
  assert.equal(ongoing.glare(BOB, common(0xff)), null);
});

Deno.test("a call is found by its id with its person, until it ends; a lost one a minute longer", async () => {
  const ongoing = new Ongoing(() => nowMs);
  const [ended, lost] = [call("ended"), call("lost")];
  for (const each of [ended, lost]) ongoing.hold(each, BOB);
  assert.equal(ongoing.find("ended", BOB), ended);
  assert.equal(ongoing.find("ended", CAROL), null);
  assert.equal(ongoing.find("other", BOB), null);
  ended.endByPeer("ended");
  lost.fail(new ClientError("media_failed", "The media connection was lost"));
  await Promise.all([ended.ended, lost.ended]);
  assert.equal(ongoing.find("ended", BOB), null);
  assert.equal(ongoing.find("lost", BOB), lost);
  assert.equal(ongoing.find("", BOB), null);
  nowMs += 60_000;
  assert.equal(ongoing.find("lost", BOB), null);
});

Deno.test("a call that nobody answered is none that somebody comes back into", async () => {
  const ongoing = new Ongoing(() => nowMs);
  const ours = call("unanswered");
  ongoing.place(ours, BOB);
  ongoing.offered(ours, common(1));
  // Bob was called and did not answer: he has never been in this call.
  ours.fail(new ClientError("no_answer", "Nobody answered"));
  await ours.ended;
  assert.equal(ongoing.find("unanswered", BOB), null);
});
