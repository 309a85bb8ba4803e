import assert from "node:assert/strict";
import { packetMedia } from "../../client/adapters/packet_media.ts";
import { utf8 } from "../../crypto/bytes.ts";
import { CallSchedule } from "../../crypto/call_schedule.ts";
import { FrameCryptor } from "../../crypto/frame_cryptor.ts";
import { hkdfExpand } from "../../crypto/primitives.ts";
import { CTX, type Exporter, frameKid, type KeyChange } from "../../crypto/schedule.ts";
import { type Session } from "../../crypto/session.ts";
import { connect, makePerson } from "../support/people.ts";

const CAMERA = { ctx: CTX.camera, codec: "vp8" } as const;
const KEY = { ...CAMERA, frameType: "key" } as const;
const SPENT = { code: "spent" };
const [alice, bob] = [await makePerson("alice"), await makePerson("bob")];

Deno.test("the media go along with a session's epochs, and nobody sends with what the other may not have", async () => {
  const { caller, callee } = await connect(alice, bob);
  const [heardByCaller, heardByCallee] = [listen(caller), listen(callee)];
  const offer = await caller.offerRekey();
  assert.deepEqual(heardByCaller.splice(0), []);
  const answer = (await callee.receive(offer!)).reply;
  // The callee has the epoch, and the caller may not yet.
  assert.deepEqual(heardByCallee.splice(0), ["install 2"]);
  assert.equal(await epochSentIn(callee), 1);
  const done = (await caller.receive(answer!)).reply;
  // Only who has the epoch can have made the answer.
  assert.deepEqual(heardByCaller.splice(0), ["install 2", "use"]);
  assert.equal(await epochSentIn(caller), 2);
  assert.equal(await epochSentIn(callee), 1);
  await assertHeard(caller, callee);
  await assertHeard(callee, caller);
  // The callee still sends in the old one, so that is not over for the caller.
  assert.deepEqual([caller.heardEpoch, callee.heardEpoch], [1, 1]);
  const last = (await callee.receive(done!)).reply;
  assert.deepEqual(heardByCallee.splice(0), ["use"]);
  await caller.receive(last!);
  assert.deepEqual([caller.heardEpoch, callee.heardEpoch], [2, 2]);
  for (const side of [caller, callee]) side.retireKeys(2);
  assert.deepEqual([...heardByCaller, ...heardByCallee], ["retire 1", "retire 1"]);
  await assertHeard(caller, callee);
  await assertHeard(callee, caller);
  assert.equal(await caller.keys.recvKey(frameKid({ epoch: 1, step: 0 }, 1, CTX.mic)), null);
  assert.throws(() => caller.keys.mediaExporter("srtp", utf8(""), 16, { epoch: 1, step: 0 }), {
    code: "unknown_key",
  });
});

Deno.test("two that would count apart are not both given the keys of one call", async () => {
  const { caller } = await connect(alice, bob);
  const onFrame = () => {};
  const one = packetMedia({ onFrame }, () => {});
  const other = packetMedia({ onFrame }, () => {});
  await one.start(caller.keys);
  await assert.rejects(other.start(caller.keys), /share one worker, or one cryptor/);
  assert.equal(await other.protect(CTX.mic, utf8("frame"), "key"), null);
  assert.notEqual(await one.protect(CTX.mic, utf8("frame"), "key"), null);
  // What counts for all may have more than one connection.
  const cryptor = new FrameCryptor();
  const { callee } = await connect(alice, bob);
  for (const media of [0, 1].map(() => packetMedia({ onFrame, cryptor }, () => {}))) {
    await media.start(callee.keys);
  }
});

Deno.test("each epoch has its own frame keys, exports and secret, for both sides alike", async () => {
  const { caller, callee } = await connect(alice, bob);
  const seen = new Set<string>();
  for (let i = 0; i < 5; i++) {
    seen.add(`${(await caller.keys.sendKey(CTX.mic)).salt}`);
    seen.add(`${caller.keys.mediaExporter("srtp", utf8(""), 16)}`);
    assert.deepEqual(
      caller.keys.mediaExporter("srtp", utf8(""), 16),
      callee.keys.mediaExporter("srtp", utf8(""), 16),
    );
    await rekey(caller, callee);
  }
  assert.equal(seen.size, 10);
});

Deno.test("forty epochs: KIDs come again with other keys, three epochs are held, and every frame opens once", async () => {
  const { caller, callee } = await connect(alice, bob);
  const sender = new FrameCryptor();
  const receiver = new FrameCryptor();
  const kids = new Map<number, string>();
  let kidsAgain = 0;
  callee.keys.onChange = (change) => {
    if (change.kind !== "retire") return;
    const low = frameKid(change, 0, 0);
    receiver.dropRecvKeys((kid) => (kid & 0xff) === low);
  };
  const frames: Uint8Array<ArrayBuffer>[] = [];
  for (let epoch = 1; epoch <= 40; epoch++) {
    const key = await caller.keys.sendKey(CTX.camera);
    const salt = `${key.salt}`;
    if (kids.has(key.kid)) kidsAgain++;
    assert.notEqual(kids.get(key.kid), salt);
    kids.set(key.kid, salt);
    sender.setSendKey(CTX.camera, key);
    sender.dropSendKeys();
    // What came before under this KID was dropped: or else the cryptor says that it has two.
    receiver.addRecvKey((await callee.keys.recvKey(key.kid))!);
    for (const text of ["one", "two"]) {
      const wire = await sender.protect(KEY, utf8(`${text} of ${epoch}`));
      frames.push(wire);
      const opened = await receiver.unprotect({ ...CAMERA, index: 0 }, wire);
      assert.deepEqual(opened, utf8(`${text} of ${epoch}`));
    }
    assert.ok(callee.keys.generations.length <= 3 && caller.keys.generations.length <= 3);
    await rekey(caller, callee);
  }
  assert.deepEqual([kids.size, kidsAgain], [16, 24]);
  for (const wire of frames) {
    await assert.rejects(receiver.unprotect({ ...CAMERA, index: 0 }, wire));
  }
});

Deno.test("an epoch is over before a later one brings its KIDs again", () => {
  const { schedule, heard } = scheduleOf();
  for (let epoch = 1; epoch <= 20; epoch++) {
    schedule.install(epoch, exporterOf(epoch));
    schedule.use(epoch);
  }
  for (let epoch = 17; epoch <= 20; epoch++) {
    assert.ok(heard.indexOf(`retire ${epoch - 16}`) < heard.indexOf(`install ${epoch}`));
  }
  assert.deepEqual(schedule.keys.generations.map(({ epoch }) => epoch), [18, 19, 20]);
});

Deno.test("the epoch in use is not retired, and one that is told twice changes nothing", async () => {
  const { schedule, heard } = scheduleOf();
  schedule.install(1, exporterOf(1));
  schedule.use(1);
  const before = await schedule.keys.sendKey(CTX.mic);
  schedule.install(1, exporterOf(9));
  schedule.retire(2);
  assert.deepEqual(heard, ["install 1", "use"]);
  assert.equal(await schedule.keys.sendKey(CTX.mic), before);
});

Deno.test("a key that is asked for is told of again where it is live, and else nothing is done", () => {
  const { schedule, heard } = scheduleOf();
  schedule.install(1, exporterOf(1));
  schedule.use(1);
  heard.length = 0;
  schedule.keys.requestKey(frameKid({ epoch: 1, step: 0 }, 1, CTX.mic));
  schedule.keys.requestKey(frameKid({ epoch: 2, step: 0 }, 1, CTX.mic));
  schedule.keys.requestKey(frameKid({ epoch: 1, step: 0 }, 0, CTX.mic));
  assert.deepEqual(heard, ["install 1"]);
});

Deno.test("whoever waits for the stack waits until it has done all that it was told", async () => {
  const { schedule } = scheduleOf();
  const slow = Promise.withResolvers<void>();
  schedule.keys.onChange = () => slow.promise;
  schedule.install(1, exporterOf(1));
  let stands = false;
  const standing = schedule.standing().then(() => stands = true);
  await new Promise((resolve) => setTimeout(resolve, 10));
  assert.equal(stands, false);
  // A stack that fails holds nobody up: it sends nothing by itself.
  slow.reject(new Error("no worker"));
  await standing;
});

Deno.test("a schedule that is wiped gives no key, also none that it derived", async () => {
  const { schedule } = scheduleOf();
  schedule.install(1, exporterOf(1));
  schedule.use(1);
  const { kid } = await schedule.keys.sendKey(CTX.mic);
  await schedule.keys.recvKey(kid | 1 << 11);
  schedule.wipe();
  await assert.rejects(schedule.keys.sendKey(CTX.mic), SPENT);
  await assert.rejects(schedule.keys.recvKey(kid | 1 << 11), SPENT);
  assert.throws(() => schedule.keys.mediaExporter("srtp", utf8(""), 16), SPENT);
  assert.deepEqual(schedule.keys.generations, []);
});

Deno.test("the secret of an epoch that is over is overwritten", () => {
  const { schedule } = scheduleOf();
  const secrets: Uint8Array[] = [];
  const kept = (epoch: number): Exporter => (...args) => {
    const bytes = exporterOf(epoch)(...args);
    secrets.push(bytes);
    return bytes;
  };
  for (const epoch of [1, 2, 3]) schedule.install(epoch, kept(epoch));
  schedule.use(3);
  const isZero = () => secrets.map((bytes) => bytes.every((byte) => byte === 0));
  assert.deepEqual(isZero(), [false, false, false]);
  schedule.retire(2);
  assert.deepEqual(isZero(), [true, false, false]);
  schedule.wipe();
  assert.deepEqual(isZero(), [true, true, true]);
});

function scheduleOf(): { schedule: CallSchedule; heard: string[] } {
  const schedule = new CallSchedule(0, exporterOf(0));
  const heard: string[] = [];
  schedule.keys.onChange = (change) => void heard.push(said(change));
  return { schedule, heard };
}

function exporterOf(epoch: number): Exporter {
  const secret = new Uint8Array(32).fill(epoch + 1);
  return (label, _context, length) => hkdfExpand(secret, utf8(label), length);
}

function listen(session: Session): string[] {
  const heard: string[] = [];
  session.keys.onChange = (change) => void heard.push(said(change));
  return heard;
}

function said(change: KeyChange): string {
  return "epoch" in change ? `${change.kind} ${change.epoch}` : change.kind;
}

/** The epoch in the KID that a side sends with. */
async function epochSentIn({ keys }: Session): Promise<number> {
  return (await keys.sendKey(CTX.mic)).kid >>> 4 & 15;
}

/** What one side sends with the other can open. */
async function assertHeard(from: Session, to: Session): Promise<void> {
  const sent = await from.keys.sendKey(CTX.mic);
  assert.deepEqual((await to.keys.recvKey(sent.kid))!.salt, sent.salt);
}

async function rekey(caller: Session, callee: Session): Promise<void> {
  const answer = (await callee.receive((await caller.offerRekey())!)).reply;
  const done = (await caller.receive(answer!)).reply;
  await caller.receive((await callee.receive(done!)).reply!);
}
