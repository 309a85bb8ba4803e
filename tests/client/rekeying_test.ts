import assert from "node:assert/strict";
import { Rekeying, type RekeyPace } from "../../client/rekeying.ts";
import { type Bytes, toHex, utf8 } from "../../crypto/bytes.ts";
import { type Session } from "../../crypto/session.ts";
import { connect, makePerson } from "../support/people.ts";

const [alice, bob] = [await makePerson("alice"), await makePerson("bob")];
const FAST: RekeyPace = { everyMs: 60, jitterMs: 10, tickMs: 5, keptMs: 10, graceMs: 20 };
const NEVER: RekeyPace = { ...FAST, everyMs: 3_600_000, tickMs: 200 };

/** A call's two sessions, and a line between them that can be cut. */
async function line(pace: RekeyPace) {
  const { caller, callee } = await connect(alice, bob);
  const state = { isCut: false, sent: 0 };
  const sender = (to: Session, back: () => (box: Bytes) => Promise<void>) => async (box: Bytes) => {
    state.sent++;
    if (state.isCut) throw new Error("The line is cut");
    const { reply } = await to.receive(box);
    const rekeying = rekeyings[to === caller ? 0 : 1]!;
    rekeying.received();
    if (reply === null) return;
    await rekeying.keysStand();
    await back()(reply);
  };
  const toCallee: (box: Bytes) => Promise<void> = sender(callee, () => toCaller);
  const toCaller: (box: Bytes) => Promise<void> = sender(caller, () => toCallee);
  const rekeyings: readonly Rekeying[] = [
    new Rekeying(caller, toCallee, pace),
    new Rekeying(callee, toCaller, pace),
  ];
  for (const each of rekeyings) each.start();
  return { caller, callee, state, rekeyings, stop: () => rekeyings.forEach((each) => each.stop()) };
}

async function until(isDone: () => boolean): Promise<void> {
  for (let i = 0; !isDone(); i++) {
    assert.ok(i < 2_000, "waited too long");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

Deno.test("a session rekeys on time, again and again, and both sides stay together", async () => {
  const { caller, callee, stop } = await line(FAST);
  await until(() => caller.epoch > 4 && callee.epoch === caller.epoch);
  stop();
  assert.equal(exported(caller), exported(callee));
});

Deno.test("a line that is cut stops rekeys and nothing else, and they go on after it", async () => {
  const { caller, callee, state, stop } = await line(FAST);
  await until(() => caller.epoch > 1);
  state.isCut = true;
  const { sent } = state;
  // Whoever offered says it again and again.
  await until(() => state.sent > sent + 3);
  const { epoch } = callee;
  state.isCut = false;
  await until(() => callee.epoch > epoch && caller.epoch === callee.epoch);
  stop();
  assert.equal(exported(caller), exported(callee));
});

Deno.test("a network that comes back is a reason to rekey, whatever the time", async () => {
  const { caller, callee, stop } = await line(NEVER);
  globalThis.dispatchEvent(new Event("online"));
  await until(() => caller.epoch === 2 && callee.epoch === 2);
  stop();
  globalThis.dispatchEvent(new Event("online"));
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.deepEqual([caller.epoch, callee.epoch], [2, 2]);
});

Deno.test("waking up is a reason to rekey, whatever the time", async () => {
  const { caller, callee, stop } = await line({ ...NEVER, tickMs: 20 });
  // A machine that sleeps: nothing runs, and the clock goes on.
  for (const wakeMs = Date.now() + 100; Date.now() < wakeMs;);
  await until(() => caller.epoch > 1 && callee.epoch === caller.epoch);
  stop();
});

Deno.test("an epoch that has sealed very much is due at once", async () => {
  const { caller, callee } = await connect(alice, bob);
  assert.equal(caller.isDue, false);
  Object.defineProperty(caller, "isDue", { get: () => caller.epoch === 1 });
  const rekeying = new Rekeying(caller, async (box) => {
    const { reply } = await callee.receive(box);
    const done = reply && (await caller.receive(reply)).reply;
    if (done) await callee.receive(done);
  }, { ...NEVER, tickMs: 5 });
  rekeying.start();
  await until(() => caller.epoch === 2 && callee.epoch === 2);
  rekeying.stop();
});

Deno.test("the epoch before is forgotten a while after the change", async () => {
  const { caller, callee, stop } = await line({ ...NEVER, tickMs: 5, keptMs: 30 });
  const late = await caller.seal(utf8("late"));
  const later = await caller.seal(utf8("later"));
  globalThis.dispatchEvent(new Event("online"));
  await until(() => caller.epoch === 2 && callee.epoch === 2);
  assert.deepEqual((await callee.receive(late)).payload, utf8("late"));
  await new Promise((resolve) => setTimeout(resolve, 100));
  stop();
  await assert.rejects(callee.receive(later), { code: "bad_message" });
});

Deno.test("frame keys of the epoch before are erased a while after the other side has left it", async () => {
  const { caller, callee, stop } = await line({ ...NEVER, graceMs: 500 });
  const epochs = () => [caller, callee].map(({ keys }) => keys.generations.map((g) => g.epoch));
  globalThis.dispatchEvent(new Event("online"));
  await until(() => caller.heardEpoch === 2 && callee.heardEpoch === 2);
  assert.deepEqual(epochs(), [[1, 2], [1, 2]]);
  await until(() => `${epochs()}` === "2,2");
  stop();
});

Deno.test("nobody is told of an epoch before the stack has its keys, for a second at most", async () => {
  const { caller, callee, rekeyings, stop } = await line(NEVER);
  const stands = Promise.withResolvers<void>();
  callee.keys.onChange = () => stands.promise;
  const told: string[] = [];
  await callee.receive((await caller.offerRekey())!);
  const waiting = rekeyings[1]!.keysStand().then(() => told.push("answer"));
  await new Promise((resolve) => setTimeout(resolve, 20));
  told.push("keys");
  stands.resolve();
  await waiting;
  assert.deepEqual(told, ["keys", "answer"]);
  callee.keys.onChange = () => new Promise(() => {});
  callee.keys.requestKey(0x010);
  await rekeyings[1]!.keysStand();
  stop();
});

Deno.test("stopped while a message is on its way, it looks no more", async () => {
  const { caller } = await connect(alice, bob);
  let looked = 0;
  const retry = caller.retry.bind(caller);
  caller.retry = () => (looked++, retry());
  const sending = Promise.withResolvers<void>();
  const acked = Promise.withResolvers<void>();
  const rekeying = new Rekeying(caller, () => (sending.resolve(), acked.promise), {
    ...FAST,
    everyMs: 1,
    jitterMs: 0,
  });
  rekeying.start();
  await sending.promise;
  // The call ends, and the service takes its time to acknowledge the offer, or never does.
  rekeying.stop();
  caller.wipe();
  acked.resolve();
  const before = looked;
  await new Promise((resolve) => setTimeout(resolve, 100));
  const after = looked;
  // So that this process can end.
  rekeying.stop();
  assert.equal(after, before);
});

function exported(session: Session): string {
  return toHex(session.exporter("room-auth", utf8(""), 32));
}
