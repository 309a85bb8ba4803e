/**
 * What a hostile caller or a lying service must not do to a client.
 *
 * @module
 */

import assert from "node:assert/strict";
import { parseEvidence } from "../../crypto/evidence_text.ts";
import { Client } from "../../client/client.ts";
import { ClientError } from "../../client/error.ts";
import { memoryStore } from "../../client/store.ts";
import { toBase64Url } from "../../crypto/base64.ts";
import { randomBytes } from "../../crypto/primitives.ts";
import { newAccount, testSecret } from "../support/service_core.ts";
import { startService } from "../support/service.ts";
import { honest, rogue } from "../support/rogue.ts";
import { stage } from "../support/stage.ts";
import { TestStack } from "../support/test_stack.ts";
import { eventually } from "../support/werift.ts";
import { refuses } from "../support/refuses.ts";

Deno.test("hanging up ends the media at once, also when the service does not answer", async () => {
  await using play = await stage();
  const { call, alices } = await play.connect();
  play.liar.frameLie = (direction, frame) =>
    direction === "up" && frame.t === "signal" ? [] : [frame];
  void call.hangUp();
  assert.equal(call.state, "ended");
  // What was in the cryptor at that moment may come out of it.
  await new Promise((resolve) => setTimeout(resolve, 20));
  const moved = await alices.framesMoved();
  await new Promise((resolve) => setTimeout(resolve, 200));
  assert.equal(await alices.framesMoved(), moved);
});

Deno.test("hanging up while the media connects never starts it", async () => {
  await using play = await stage();
  const [alices, bobs] = [new TestStack(), new TestStack()];
  const call = await play.alice.call("bob", alices);
  const answered = await (await play.nextRing()).answer(bobs);
  await eventually(() => call.state === "connecting");
  await call.hangUp();
  await answered.ended;
  assert.deepEqual([alices.started, await alices.framesMoved()], [false, 0]);
});

Deno.test("rings that do not open use up none of the callee's one-time prekeys", async () => {
  await using play = await stage();
  await using mallory = await rogue(play);
  for (let i = 0; i < 4; i++) {
    const refusal = play.nextRefusal("bob");
    await mallory.ringNoise(i);
    assert.equal((await refusal).code, "handshake_refused");
  }
  for (let i = 0; i < 28; i++) {
    const call = await play.alice.call("bob", new TestStack());
    await (await play.nextRing()).decline();
    assert.equal((await call.ended).reason, "declined");
  }
});

Deno.test("a ring that does not open makes nobody a known person", async () => {
  await using play = await stage();
  const refusal = play.nextRefusal("bob");
  const junk = { common: toBase64Url(randomBytes(8)), offer: toBase64Url(randomBytes(8)) };
  play.liar.inject({ t: "ring", seq: 9, id: "x", from: "carol", device: 1, ...junk });
  await refusal;
  assert.equal((await play.bob.lookup("carol")).isNew, true);
});

Deno.test("a ring ends by itself when its offer has expired", async () => {
  await using play = await stage();
  await using mallory = await rogue(play);
  await mallory.ring({ payload: honest, ageMs: 89_000 });
  const ring = await play.nextRing();
  await ring.cancelled;
  await refuses(ring.answer(new TestStack()), "cancelled");
});

Deno.test("one caller rings twice at once at most, and whoever was refused may ring later", async () => {
  await using play = await stage();
  await using mallory = await rogue(play);
  await mallory.ring({ payload: honest });
  await mallory.ring({ payload: honest });
  const first = await play.nextRing();
  await play.nextRing();
  const refusal = play.nextRefusal("bob");
  await mallory.ring({ payload: honest });
  assert.equal((await refusal).code, "refused");
  const call = await play.alice.call("bob", new TestStack());
  await (await play.nextRing()).decline();
  await call.ended;
  await first.decline();
  await mallory.ring({ payload: honest });
  await play.nextRing();
});

Deno.test("a service that came back with another key is another log: log_changed", async () => {
  await using play = await stage();
  play.alice.goOffline();
  await using other = await startService({ publicOrigin: play.liar.url, secret: testSecret(8) });
  play.liar.target = other.url;
  await refuses(play.alice.goOnline(), "log_changed");
  // It does not know Alice's device, but that she was removed it can't show.
  await refuses(play.alice.lookup("bob"), "head_rolled_back");
});

Deno.test("a service that came back empty has gone back: head_rolled_back", async () => {
  await using play = await stage();
  const error = new Promise<ClientError>((resolve) => {
    play.alice.onOnline = (_online, gaveUp) => gaveUp !== null && resolve(gaveUp);
  });
  await using other = await startService({ publicOrigin: play.liar.url });
  play.liar.target = other.url;
  play.liar.cut();
  // An open client asks about itself before it connects again, and stops trying.
  assert.equal((await error).code, "head_rolled_back");
  await refuses(play.alice.goOnline(), "head_rolled_back");
  const evidence = parseEvidence((await play.alice.evidence())[0]!);
  assert.ok(evidence.kind === "heads");
  const { first, second } = evidence;
  assert.deepEqual(
    [first, second].map((note) => Number(note.split("\n")[1])),
    [await play.alice.headSize(), 1],
  );
});

Deno.test("a socket that the service ends for good is not made again", async () => {
  await using play = await stage();
  const told: [boolean, string | null][] = [];
  play.alice.onOnline = (online, gaveUp) => told.push([online, gaveUp?.code ?? null]);
  play.liar.cut(4502);
  await eventually(() => told.length === 1);
  await new Promise((resolve) => setTimeout(resolve, 700));
  assert.deepEqual(told, [[false, "refused"]]);
});

Deno.test("an answer without an end is read to its limit only: bad_answer", async () => {
  let sent = 0;
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, () => {
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        sent += 65_536;
        controller.enqueue(new Uint8Array(65_536).fill(0x20));
      },
    });
    return new Response(body);
  });
  const service = `http://127.0.0.1:${server.addr.port}`;
  await refuses(Client.open({ service, store: memoryStore() }), "bad_answer");
  assert.ok(sent < 8_000_000, `${sent} bytes were sent`);
  await server.shutdown();
});

Deno.test("a name that would vanish from a URL is none", async () => {
  await using play = await stage();
  for (const name of [".", "..", ".x", "-x", "@x"]) {
    await refuses(play.alice.lookup(name), "bad_label");
  }
  await assert.rejects(newAccount(".."), { code: "bad_label" });
});
