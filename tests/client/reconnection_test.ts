/**
 * What a call does whose media are interrupted, on a stack that does nothing. How browsers find another
 * way is in `tests/browser/lines_test.ts`.
 *
 * @module
 */

import assert from "node:assert/strict";
import { type MediaAdapter } from "../../client/adapter.ts";
import { LiveCall } from "../../client/live_call.ts";
import { type Peer } from "../../client/peer.ts";
import { Reconnection } from "../../client/reconnection.ts";
import { type Room } from "../../client/room.ts";
import { fromHex } from "../support/hex.ts";
import { connect, makePerson } from "../support/people.ts";
import { payloadToBytes, type RestartPayload } from "../../wire/payload.ts";

const [OWN, OTHER] = ["ab".repeat(32), "cd".repeat(32)];
const sdp = (fingerprint: string): string =>
  `a=fingerprint:sha-256 ${fingerprint.match(/../g)!.join(":")}\r\n`;
const described = (fingerprint: string) => ({ sdp: sdp(fingerprint), fingerprints: [fingerprint] });
const soon = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

function stack() {
  const taken: string[] = [];
  const adapter = {
    onFailure: null,
    onInterruption: null as MediaAdapter["onInterruption"],
    connected: () => Promise.resolve([fromHex(OWN)]),
    start: () => Promise.resolve(),
    restart: () => Promise.resolve(sdp(OTHER)),
    createAnswer: (offer: string) => Promise.resolve((taken.push(offer), sdp(OTHER))),
    acceptAnswer: (answer: string) => Promise.resolve(void taken.push(answer)),
    close: () => {},
  };
  return { taken, adapter, media: adapter as unknown as MediaAdapter };
}

Deno.test("a call takes new ways from its session, and ends where they lead to another certificate", async () => {
  const { caller, callee } = await connect(await makePerson("alice"), await makePerson("bob"));
  const { media, taken } = stack();
  const call = new LiveCall({ label: "alice" } as Peer, media, "connecting");
  const room = { send: () => Promise.resolve(), leave: () => Promise.resolve() };
  call.attach(room as unknown as Room);
  await call.secure(callee, described(OWN));
  assert.equal(call.state, "connected");
  const say = async (round: number, fingerprint: string) => {
    const payload = { kind: "restart", step: "offer", round, ...described(fingerprint) } as const;
    await call.receive(await caller.seal(payloadToBytes(payload)));
    await soon(20);
  };
  await say(1, OWN);
  assert.deepEqual(taken, [sdp(OWN)]);
  // It comes again, too late.
  await say(1, OWN);
  assert.equal(taken.length, 1);
  await say(2, OTHER);
  assert.equal((await call.ended).error?.code, "fingerprint_mismatch");
  assert.equal(taken.length, 1, "the stack was given the description");
});

Deno.test("the caller offers new ways again and again, and the call is given up in the end", async () => {
  const { adapter, media } = stack();
  const [sent, failed, heard]: [RestartPayload[], string[], boolean[]] = [[], [], []];
  const watch = new Reconnection({
    adapter: media,
    isCaller: true,
    theirs: described(OWN),
    send: (payload) => Promise.resolve(void sent.push(payload)),
    fail: ({ code }) => failed.push(code),
    onChange: (isInterrupted) => heard.push(isInterrupted),
  }, { patienceMs: 10, everyMs: 30, giveUpMs: 200 });
  adapter.onInterruption!(true);
  adapter.onInterruption!(false);
  await soon(60);
  assert.deepEqual([sent.length, heard], [0, [true, false]]);
  adapter.onInterruption!(true);
  await soon(400);
  watch.stop();
  assert.deepEqual(failed, ["media_failed"]);
  assert.ok(sent.length >= 2);
  assert.deepEqual(sent.map(({ round }) => round), sent.map((_, i) => i + 1));
  assert.throws(
    () => watch.take({ kind: "restart", step: "offer", round: 9, ...described(OWN) }),
    /Only the caller/,
  );
});
