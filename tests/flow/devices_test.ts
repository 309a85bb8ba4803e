/**
 * Several devices of one person: all ring, one answers, the others stop; one is lost and removed.
 *
 * @module
 */

import assert from "node:assert/strict";
import { type ClientError } from "../../client/error.ts";
import { read } from "../support/raw_store.ts";
import { refuses } from "../support/refuses.ts";
import { linked, type SecondDevice } from "../support/second_device.ts";
import { type Stage, stage } from "../support/stage.ts";
import { TestStack } from "../support/test_stack.ts";
import { eventually } from "../support/werift.ts";

/** A stage on which Bob has a phone beside his laptop. */
async function withPhone(): Promise<Stage & { phone: SecondDevice }> {
  const play = await stage();
  const phone = await linked(play.bob, play.liar.url, "phone");
  return {
    ...play,
    phone,
    async [Symbol.asyncDispose]() {
      phone[Symbol.dispose]();
      await play[Symbol.asyncDispose]();
    },
  };
}

for (const winner of ["laptop", "phone"] as const) {
  Deno.test(`both devices ring, the ${winner} answers, and the other one learns so with proof`, async () => {
    await using play = await withPhone();
    const [alices, bobs] = [new TestStack(), new TestStack()];
    const call = await play.alice.call("bob", alices);
    const rings = [await play.nextRing(), await play.phone.nextRing()];
    if (winner === "phone") rings.reverse();
    const answered = await rings[0]!.answer(bobs);
    assert.equal(await rings[1]!.cancelled, "elsewhere");
    await eventually(() => alices.framesOpened > 5 && bobs.framesOpened > 5);
    assert.deepEqual([call.state, answered.state], ["connected", "connected"]);
    await refuses(rings[1]!.answer(new TestStack()), "cancelled");
    // The other device has left; that is not the end of the call.
    await new Promise((resolve) => setTimeout(resolve, 3_500));
    assert.equal(call.state, "connected");
    await answered.hangUp();
    assert.deepEqual(await call.ended, { by: "peer", reason: "ended", error: null });
  });
}

Deno.test("of two devices that answer at once one is in the call, and the other one is told", async () => {
  await using play = await withPhone();
  const call = await play.alice.call("bob", new TestStack());
  const rings = [await play.nextRing(), await play.phone.nextRing()];
  const refused: ClientError[] = [];
  play.alice.onRefused = (error) => refused.push(error);
  const answers = await Promise.allSettled(rings.map((ring) => ring.answer(new TestStack())));
  await eventually(() => call.state === "connected");
  const ends = await Promise.all(answers.map(async (answer) => {
    if (answer.status === "rejected") return answer.reason.code;
    const { value } = answer;
    if (value.state === "connected") return "connected";
    return await Promise.race([
      value.ended.then(({ reason }) => reason),
      eventually(() => value.state === "connected").then(() => "connected"),
    ]);
  }));
  assert.ok(ends.includes("connected"), ends.join());
  assert.ok(ends.includes("elsewhere") || ends.includes("cancelled"), ends.join());
  assert.deepEqual(refused, []);
  await call.hangUp();
});

Deno.test("a person who declines on one device has declined, and the other device stops ringing", async () => {
  await using play = await withPhone();
  const call = await play.alice.call("bob", new TestStack());
  const [laptop, phone] = [await play.nextRing(), await play.phone.nextRing()];
  await phone.decline();
  assert.deepEqual(await call.ended, { by: "peer", reason: "declined", error: null });
  assert.equal(await laptop.cancelled, "elsewhere");
  assert.equal(await phone.cancelled, "declined");
});

Deno.test("a device that is busy leaves the call to the other one", async () => {
  await using play = await withPhone();
  const call = await play.alice.call("bob", new TestStack());
  const [laptop, phone] = [await play.nextRing(), await play.phone.nextRing()];
  await laptop.decline("busy");
  const answered = await phone.answer(new TestStack());
  await eventually(() => call.state === "connected");
  await answered.hangUp();
  assert.deepEqual(await call.ended, { by: "peer", reason: "ended", error: null });
});

Deno.test("a caller who gives up says so to every device, with proof", async () => {
  await using play = await withPhone();
  const call = await play.alice.call("bob", new TestStack());
  const rings = [await play.nextRing(), await play.phone.nextRing()];
  await call.hangUp();
  assert.deepEqual(await Promise.all(rings.map(({ cancelled }) => cancelled)), ["ended", "ended"]);
});

Deno.test("a device that fails fails alone, and when all have failed the call has", async () => {
  await using play = await withPhone();
  const broken = () => {
    const stack = new TestStack();
    stack.createAnswer = () => Promise.reject(new TypeError("no camera"));
    return stack;
  };
  const first = await play.alice.call("bob", new TestStack());
  await refuses((await play.nextRing()).answer(broken()), "media_failed");
  assert.equal(first.state, "ringing");
  const answered = await (await play.phone.nextRing()).answer(new TestStack());
  await eventually(() => first.state === "connected" && answered.state === "connected");
  await first.hangUp();
  const second = await play.alice.call("bob", new TestStack());
  await refuses((await play.nextRing()).answer(broken()), "media_failed");
  await refuses((await play.phone.nextRing()).answer(broken()), "media_failed");
  assert.deepEqual(await second.ended, { by: "peer", reason: "failed", error: null });
});

Deno.test("a call rings on while one device is there, and ends when the last is gone", async () => {
  await using play = await withPhone();
  const call = await play.alice.call("bob", new TestStack());
  await play.nextRing();
  await play.phone.nextRing();
  play.bob.goOffline();
  await new Promise((resolve) => setTimeout(resolve, 3_500));
  assert.equal(call.state, "ringing");
  play.phone.client.goOffline();
  assert.equal((await call.ended).error?.code, "peer_offline");
});

Deno.test("a device that is offline does not keep the other one from ringing", async () => {
  await using play = await withPhone();
  play.bob.goOffline();
  const call = await play.alice.call("bob", new TestStack());
  const answered = await (await play.phone.nextRing()).answer(new TestStack());
  await eventually(() => call.state === "connected");
  await answered.hangUp();
  play.phone.client.goOffline();
  await refuses(play.alice.call("bob", new TestStack()), "peer_offline");
});

Deno.test("the service can't end the ringing of a device in the caller's name", async () => {
  await using play = await withPhone();
  // It drops what is true, and tells what is not: the answer's box, a box of noise, an old withdrawal.
  const seen: string[] = [];
  let isLying = false;
  play.liar.frameLie = (direction, frame) => {
    if (direction !== "down" || frame.t !== "signal") return [frame];
    seen.push(String(frame.ct));
    return isLying ? [] : [frame];
  };
  const earlier = await play.alice.call("bob", new TestStack());
  // Both ring before one declines: a device that comes too late hears only that nobody is there.
  const [declining, ringing] = [await play.nextRing(), await play.phone.nextRing()];
  await declining.decline();
  assert.equal(await ringing.cancelled, "elsewhere");
  await earlier.ended;
  const old = seen.splice(0);
  isLying = true;
  await play.alice.call("bob", new TestStack());
  const [laptop, phone] = [await play.nextRing(), await play.phone.nextRing()];
  let isQuiet = false;
  void phone.cancelled.then(() => isQuiet = true);
  const refusals: string[] = [];
  play.phone.client.onRefused = ({ code }) => refusals.push(code);
  let room = "";
  play.liar.frameLie = (direction, frame) => {
    if (frame.t !== "signal") return [frame];
    if (direction === "up") room = String(frame.room);
    return direction === "up" ? [frame] : [];
  };
  void laptop.answer(new TestStack()).catch(() => {});
  await eventually(() => room !== "");
  for (const [i, ct] of [...old, "MAAAAAAAAAABAAAA"].entries()) {
    play.liar.inject({ t: "signal", seq: 99, room, from: "forged", id: `forged${i}`, ct });
  }
  await eventually(() => refusals.length >= old.length);
  assert.deepEqual(new Set(refusals), new Set(["handshake_refused"]));
  assert.equal(isQuiet, false);
});

Deno.test("a device that missed that the call is taken is told when it answers", async () => {
  await using play = await withPhone();
  const call = await play.alice.call("bob", new TestStack());
  const [laptop, phone] = [await play.nextRing(), await play.phone.nextRing()];
  // Of what goes down to somebody in the room, everything is lost that is not for the winner.
  let lost = 0;
  play.liar.frameLie = (direction, frame) => {
    const isBox = direction === "down" && frame.t === "signal" &&
      String(frame.ct).startsWith("MAAAAAA");
    if (!isBox || lost > 0) return [frame];
    lost++;
    return [];
  };
  const answered = await laptop.answer(new TestStack());
  await eventually(() => call.state === "connected" && lost === 1);
  const late = await phone.answer(new TestStack());
  assert.deepEqual(await late.ended, { by: "peer", reason: "elsewhere", error: null });
  assert.deepEqual([call.state, answered.state], ["connected", "connected"]);
  await call.hangUp();
});

Deno.test("a lost device that was removed opens no session, and no call is for it any more", async (t) => {
  await using play = await withPhone();
  const { phone, bob, alice, carol } = play;
  await alice.lookup("bob");
  assert.deepEqual(bob.devices().map(({ name, isThis }) => [name, isThis]), [
    ["", true],
    ["phone", false],
  ]);
  const offered: number[] = [];
  const rung: unknown[] = [];
  await bob.removeDevice(phone.client.devices().find(({ isThis }) => isThis)!.id);
  play.liar.frameLie = (direction, frame) => {
    if (direction === "up" && frame.t === "ring") {
      offered.push(...(frame.offers as { device: number }[]).map(({ device }) => device));
    }
    if (direction === "down" && frame.t === "ring") rung.push(frame);
    return [frame];
  };

  await t.step(
    "its live socket gets nothing, and offers are made for the others only",
    async () => {
      const call = await alice.call("bob", new TestStack());
      await (await play.nextRing()).decline();
      assert.equal((await call.ended).reason, "declined");
      assert.deepEqual(offered, [1]);
      assert.equal(rung.length, 1);
      assert.equal(phone.rings, 0);
    },
  );
  await t.step("it gets no bundle, and so makes no offer", async () => {
    await refuses(phone.client.call("carol", new TestStack()), "device_removed");
    await refuses(phone.client.lookup("carol"), "device_removed");
    assert.deepEqual(offered, [1]);
  });
  await t.step("it can't come back", async () => {
    phone.client.goOffline();
    await refuses(phone.client.goOnline(), "device_removed");
    assert.equal(phone.client.online, false);
  });
  await t.step(
    "it is gone for good: the account's devices are those that the log proves",
    async () => {
      assert.deepEqual(bob.devices().map(({ id }) => id), [1]);
      const call = await carol.call("bob", new TestStack());
      await (await play.nextRing()).decline();
      await call.ended;
      assert.deepEqual(offered, [1, 1]);
      await refuses(bob.removeDevice(2), "refused");
      await refuses(bob.removeDevice(1), "refused");
    },
  );
});

Deno.test("a device that was removed while it was connected goes offline for good, and says so", async () => {
  await using play = await withPhone();
  const gaveUp = new Promise<ClientError>((resolve) => {
    play.phone.client.onOnline = (_online, why) => why !== null && resolve(why);
  });
  await play.bob.removeDevice(2);
  play.liar.cut();
  assert.equal((await gaveUp).code, "device_removed");
});

Deno.test("a number is never given twice, however devices come and go", async () => {
  await using play = await withPhone();
  await play.bob.removeDevice(2);
  using tablet = await linked(play.bob, play.liar.url, "tablet");
  const ids = play.bob.devices().map(({ id }) => id);
  assert.equal(ids.length, 2);
  assert.ok(ids[1]! > 2, `${ids}`);
  assert.deepEqual(tablet.client.devices().map(({ id }) => id), ids);
});

Deno.test("a device follows what another one changed, when it is called and when it calls", async () => {
  await using play = await withPhone();
  // The phone does not hear of the tablet.
  using tablet = await linked(play.bob, play.liar.url, "tablet");
  assert.equal(play.phone.client.devices().length, 2);
  const call = await play.alice.call("bob", new TestStack());
  const answered = await (await play.phone.nextRing()).answer(new TestStack());
  await eventually(() => call.state === "connected");
  await answered.hangUp();
  assert.equal(play.phone.client.devices().length, 3);
  await play.bob.removeDevice(play.bob.devices().at(-1)!.id);
  const back = await play.phone.client.call("alice", new TestStack());
  await back.hangUp();
  assert.equal(play.phone.client.devices().length, 2);
  assert.equal(tablet.rings, 1);
});

Deno.test("two devices that change the account at once both get what they wanted", async () => {
  await using play = await withPhone();
  using tablet = await linked(play.bob, play.liar.url, "tablet");
  const [, phoneId, tabletId] = play.bob.devices().map(({ id }) => id);
  assert.ok(tabletId! > phoneId!);
  const watch = await linked(play.phone.client, play.liar.url, "watch");
  await Promise.all([
    play.phone.client.removeDevice(tabletId!),
    play.bob.removeDevice(watch.client.devices().at(-1)!.id),
  ]);
  await play.bob.goOnline();
  play.bob.goOffline();
  await play.bob.goOnline();
  assert.deepEqual(play.bob.devices().map(({ id }) => id), [1, phoneId]);
  watch[Symbol.dispose]();
  assert.equal(tablet.client.devices().length >= 2, true);
});

Deno.test("a device with new keys is another one: calls go on, and the old keys open nothing", async () => {
  await using play = await withPhone();
  const { phone, alice } = play;
  const before = phone.client.devices().find(({ isThis }) => isThis)!;
  await alice.lookup("bob");
  await phone.client.rotateKeys();
  const after = phone.client.devices().find(({ isThis }) => isThis)!;
  assert.deepEqual([after.name, after.id > before.id], [before.name, true]);
  assert.equal(phone.client.devices().length, 2);
  const call = await alice.call("bob", new TestStack());
  const answered = await (await phone.nextRing()).answer(new TestStack());
  await eventually(() => call.state === "connected");
  await answered.hangUp();
  const back = await phone.client.call("alice", new TestStack());
  await back.hangUp();
});

Deno.test("new keys whose record may have arrived are never lost", async () => {
  await using play = await withPhone();
  const { phone } = play;
  // From when the new keys are kept on, nobody hears what became of them.
  play.liar.answerLie = async (path, value) => {
    const isAbout = path === "/v1/directory/bob";
    return isAbout && await read(phone.store, "account/next") !== null ? {} : value;
  };
  await refuses(phone.client.rotateKeys(), "bad_answer");
  play.liar.answerLie = null;
  phone.client.goOffline();
  await phone.client.goOnline();
  const ids = phone.client.devices().map(({ id }) => id);
  assert.deepEqual([ids.length, ids.includes(2)], [2, false]);
  const call = await play.alice.call("bob", new TestStack());
  const answered = await (await phone.nextRing()).answer(new TestStack());
  await eventually(() => call.state === "connected");
  await answered.hangUp();
});
