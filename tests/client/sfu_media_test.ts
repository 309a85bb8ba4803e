/**
 * Media through an SFU, on the real worker and without a browser: what changes under way.
 *
 * @module
 */

import assert from "node:assert/strict";
import { livekitManager, type LivekitRoom } from "../../client/adapters/livekit.ts";
import { sfuMedia } from "../../client/adapters/sfu_media.ts";
import { type Bytes, utf8 } from "../../crypto/bytes.ts";
import { FrameCryptor } from "../../crypto/frame_cryptor.ts";
import { CTX } from "../../crypto/schedule.ts";
import { type RosterKeys, rosterKeys } from "../support/roster_keys.ts";
import { receiverHere, senderHere, soon, workerHere } from "../support/worker_here.ts";

const CAMERA = { ctx: CTX.camera, codec: "vp8", frameType: "delta" } as const;

/** A frame of whoever sits on a seat, as it is on the way. */
async function frameBy(keys: RosterKeys, text: string): Promise<Bytes> {
  const cryptor = new FrameCryptor();
  cryptor.setSendKey(CTX.camera, await keys.sendKey(CTX.camera));
  return await cryptor.protect(CAMERA, utf8(text));
}

Deno.test("who takes the seat of somebody that left is not shown on their track, whatever the server does with it", async () => {
  using worker = workerHere();
  const seats = new Map([["alice", 1]]);
  const manager = livekitManager({
    worker: worker.start,
    indexOf: (identity) => seats.get(identity) ?? null,
  });
  const room = roomHere();
  manager.setup(room);
  const [own, theirs] = [rosterKeys("call", 0), rosterKeys("call", 1)];
  await manager.start(own);
  const { receiver, arrive, shown } = receiverHere();
  room.subscribe(receiver, "alice");
  await soon();
  assert.deepEqual(await arrive(await frameBy(theirs, "alice")), [utf8("alice")]);
  // Alice leaves, and Bob comes; the server goes on with her track, and puts his frames on it.
  seats.clear();
  seats.set("bob", 1);
  await theirs.install();
  await theirs.use();
  const bobs = await frameBy(theirs, "bob");
  // One of them is there before its keys, and waits.
  assert.deepEqual(await arrive(bobs), []);
  await own.install();
  await own.use();
  await soon();
  assert.deepEqual(shown(), []);
  assert.deepEqual(await arrive(bobs), []);
  const other = receiverHere();
  room.subscribe(other.receiver, "bob");
  await soon();
  assert.deepEqual(await other.arrive(bobs), [utf8("bob")]);
  manager.close();
});

Deno.test("a sender that gets another transform while it is looked at ends nothing", async () => {
  using worker = workerHere();
  const failures: string[] = [];
  const media = sfuMedia({ worker: worker.start, onFailure: (failure) => failures.push(failure) });
  let isLookedAt = Promise.withResolvers<void>();
  const asked = Promise.withResolvers<void>();
  const { sender } = senderHere(async () => {
    asked.resolve();
    await isLookedAt.promise;
    return new Map();
  });
  media.send(sender, CTX.camera);
  await media.start(rosterKeys("call", 0));
  await asked.promise;
  media.send(sender, CTX.camera);
  await soon();
  using _ = quickly();
  isLookedAt.resolve();
  isLookedAt = Promise.withResolvers();
  await new Promise((resolve) => setTimeout(resolve, 500));
  assert.deepEqual(failures, []);
  media.close();
});

Deno.test("a page that takes a transform away finds everything ended, and the transform still there", async () => {
  for (const end of [senderHere().sender, receiverHere().receiver]) {
    using worker = workerHere();
    const failures: string[] = [];
    const media = sfuMedia({ worker: worker.start, onFailure: (why) => failures.push(why) });
    const attach = () => {
      if ("replaceTrack" in end) media.send(end, CTX.camera);
      else media.receive(end, { index: 1, ctx: CTX.camera });
    };
    attach();
    const first = end.transform;
    // Another one of the adapter's own is none of a page's.
    attach();
    assert.notEqual(end.transform, first);
    await media.start(rosterKeys("call", 0));
    await soon();
    assert.deepEqual(failures, []);
    const { transform } = end;
    end.transform = null;
    // A browser that sends in the clear without one would do so from this moment on.
    assert.equal(end.transform, transform);
    assert.deepEqual(failures, ["bypass_detected"]);
    media.close();
  }
});

Deno.test("frames under made-up keys are nobody's fault once the call's keys are erased", async () => {
  using worker = workerHere();
  const media = sfuMedia({ worker: worker.start });
  const keys = rosterKeys("call", 0);
  const { receiver, arrive } = receiverHere();
  media.receive(receiver, { index: 1, ctx: CTX.camera });
  await media.start(keys);
  const theirs = rosterKeys("call", 1);
  await theirs.install();
  await theirs.use();
  keys.recvKey = () => Promise.reject(new Error("This call's keys were already wiped"));
  const unhandled: unknown[] = [];
  const note = (event: PromiseRejectionEvent) => {
    event.preventDefault();
    unhandled.push(event.reason);
  };
  globalThis.addEventListener("unhandledrejection", note);
  for (let i = 0; i < 10; i++) await arrive(await frameBy(theirs, `${i}`));
  globalThis.removeEventListener("unhandledrejection", note);
  media.close();
  assert.deepEqual(unhandled, []);
});

/** A room of LiveKit, as far as its manager sees it. */
function roomHere(): LivekitRoom & { subscribe(receiver: RTCRtpReceiver, identity: string): void } {
  let tell: Parameters<LivekitRoom["on"]>[1] = () => {};
  return {
    localParticipant: { setE2EEEnabled: () => Promise.resolve(), on: () => {} },
    getParticipantByIdentity: () => undefined,
    on: (_event, listener) => void (tell = listener),
    subscribe: (receiver, identity) => tell({ receiver, source: "camera" }, {}, { identity }),
  };
}

/** Timers of more than a second go off at once. */
function quickly(): Disposable {
  const { setTimeout: set } = globalThis;
  globalThis.setTimeout =
    ((work: () => void, ms = 0) => set(work, ms > 1_000 ? 200 : ms)) as typeof setTimeout;
  return { [Symbol.dispose]: () => void (globalThis.setTimeout = set) };
}
