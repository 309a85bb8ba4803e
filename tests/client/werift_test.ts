import assert from "node:assert/strict";
import * as werift from "werift";
import { type MediaAdapter, type MediaFailure } from "../../client/adapter.ts";
import { MAX_AUDIO_BYTES, MAX_VIDEO_BYTES } from "../../client/adapters/werift.ts";
import { ClientError } from "../../client/error.ts";
import { checkCertificates, checkDescription, describe } from "../../client/fingerprint.ts";
import { type Bytes, toHex, utf8 } from "../../crypto/bytes.ts";
import { CTX } from "../../crypto/schedule.ts";
import { keepsContract } from "../support/adapter_contract.ts";
import { keysOf } from "../support/call_keys.ts";
import { packetStage } from "../support/packet_stage.ts";
import {
  eventually,
  join,
  type Mallory,
  mallory,
  type Meddling,
  type Peer,
  tamperedAdapter,
  weriftPeer,
} from "../support/werift.ts";

/** A frame of many packets. */
const LARGE = 5_000;
const MARKER = "nobody but the two of us reads this";

/** A call between two ends, with both gates still closed. */
async function between(
  story: (alice: Peer, bob: Peer) => Promise<void>,
): Promise<void> {
  const [alice, bob] = [weriftPeer(), weriftPeer()];
  try {
    await story(alice, bob);
  } finally {
    alice.adapter.close();
    bob.adapter.close();
  }
}

/** The same with Mallory between them, and both sides naive: they start without a check. */
async function through(
  her: Mallory,
  story: (alice: Peer, bob: Peer) => Promise<void>,
): Promise<void> {
  try {
    await between(async (alice, bob) => {
      await join(tamperedAdapter(alice.adapter, her), tamperedAdapter(bob.adapter, her));
      await her.connected();
      await alice.adapter.start(keysOf("session", 0));
      await bob.adapter.start(keysOf("session", 1));
      await story(alice, bob);
    });
  } finally {
    her.close();
  }
}

function frame(n: number, length = 80): Bytes {
  const bytes = new Uint8Array(length).fill(n);
  bytes.set(utf8(MARKER).subarray(0, length));
  return bytes;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** The code with which a check refuses, or null where it passes. */
function refusal(check: () => void): string | null {
  try {
    check();
    return null;
  } catch (error) {
    assert.ok(error instanceof ClientError);
    return error.code;
  }
}

Deno.test("frames of both media go both ways over werift and come out as they went in", async () => {
  await between(async (alice, bob) => {
    await join(alice.adapter, bob.adapter);
    await alice.adapter.start(keysOf("session", 0));
    await bob.adapter.start(keysOf("session", 1));
    for (let i = 0; i < 20; i++) {
      await alice.adapter.send(CTX.mic, frame(i));
      await alice.adapter.send(CTX.camera, frame(i, LARGE), i === 0 ? "key" : "delta");
      await bob.adapter.send(CTX.mic, frame(100 + i));
      await bob.adapter.send(CTX.camera, frame(100 + i, LARGE), "delta");
      // As a camera does: a burst of them would not fit the buffers of sockets.
      await pause(5);
    }
    await eventually(() => alice.frames.length === 40 && bob.frames.length === 40);
    const seen = (peer: Peer, ctx: number) =>
      peer.frames.filter((each) => each.ctx === ctx).map((each) => each.frame.at(-1)!)
        .sort((a, b) => a - b);
    const expected = Array.from({ length: 20 }, (_, i) => i);
    assert.deepEqual(seen(bob, CTX.mic), expected);
    assert.deepEqual(seen(bob, CTX.camera), expected);
    assert.deepEqual(seen(alice, CTX.mic), expected.map((i) => 100 + i));
    assert.deepEqual(seen(alice, CTX.camera), expected.map((i) => 100 + i));
    const { framesProtected, framesOpened, bytesOpened, refused } = await bob.adapter.stats();
    assert.deepEqual([framesProtected, framesOpened, refused], [40, 40, {}]);
    assert.equal(bytesOpened, (await alice.adapter.stats()).bytesProtected);
  });
});

Deno.test("nothing leaves before start", async () => {
  const her = await mallory();
  try {
    await between(async (alice, bob) => {
      await join(tamperedAdapter(alice.adapter, her), tamperedAdapter(bob.adapter, her));
      await her.connected();
      for (let i = 0; i < 10; i++) await alice.adapter.send(CTX.mic, frame(i));
      await pause(100);
      assert.equal(her.payloads.length, 0);
      await alice.adapter.start(keysOf("session", 0));
      await alice.adapter.send(CTX.mic, frame(0));
      await eventually(() => her.payloads.length === 1);
    });
  } finally {
    her.close();
  }
});

Deno.test("frames that come before start are dropped for good", async () => {
  await between(async (alice, bob) => {
    await join(alice.adapter, bob.adapter);
    await alice.adapter.start(keysOf("session", 0));
    for (let i = 0; i < 10; i++) await alice.adapter.send(CTX.mic, frame(i));
    await pause(100);
    const { framesOpened, refused } = await bob.adapter.stats();
    assert.deepEqual([framesOpened, refused], [0, {}]);
    await bob.adapter.start(keysOf("session", 1));
    await alice.adapter.send(CTX.mic, frame(10));
    await eventually(() => bob.frames.length > 0);
    assert.deepEqual(bob.frames.map((each) => each.frame.at(-1)), [10]);
  });
});

Deno.test("frames of another session's keys open none", async () => {
  await between(async (alice, bob) => {
    await join(alice.adapter, bob.adapter);
    await alice.adapter.start(keysOf("one session", 0));
    await bob.adapter.start(keysOf("another session", 1));
    for (let i = 0; i < 10; i++) {
      await alice.adapter.send(CTX.mic, frame(i));
      await alice.adapter.send(CTX.camera, frame(i));
    }
    await pause(200);
    assert.equal(bob.frames.length, 0);
    const { framesOpened, refused } = await bob.adapter.stats();
    assert.deepEqual([framesOpened, refused], [0, { bad_frame: 20 }]);
  });
});

Deno.test("each side reports the certificate that the other's own SDP names", async () => {
  await between(async (alice, bob) => {
    const { offer, answer, seenByCaller, seenByCallee } = await join(alice.adapter, bob.adapter);
    assert.deepEqual(seenByCaller.map(toHex), describe(answer).fingerprints);
    assert.deepEqual(seenByCallee.map(toHex), describe(offer).fingerprints);
    assert.notDeepEqual(seenByCaller, seenByCallee, "two ends of one process share a certificate");
    for (const sdp of [offer, answer]) {
      checkDescription(describe(sdp));
      assert.match(sdp, /a=candidate:.* typ host/);
      assert.match(sdp, /m=audio[^]*opus\/48000\/2[^]*m=video[^]*VP8\/90000/i);
    }
  });
});

Deno.test("with Mallory in the middle the certificate check refuses on both sides", async () => {
  const her = await mallory();
  try {
    await between(async (alice, bob) => {
      const victims = [alice, bob].map(({ adapter }) => tamperedAdapter(adapter, her));
      const [caller, callee] = victims as [MediaAdapter, MediaAdapter];
      const { offer, answer, seenByCaller, seenByCallee } = await join(caller, callee);
      // The SDPs that the clients see are the true ones: only what DTLS saw gives her away.
      assert.equal(refusal(() => checkDescription(describe(answer))), null);
      const checks = [
        () => checkCertificates(describe(answer), seenByCaller),
        () => checkCertificates(describe(offer), seenByCallee),
      ];
      assert.deepEqual(checks.map(refusal), ["fingerprint_mismatch", "fingerprint_mismatch"]);
    });
  } finally {
    her.close();
  }
});

Deno.test("peers that skip the check talk through Mallory, who still reads no frame", async () => {
  const her = await mallory();
  await through(her, async (alice, bob) => {
    for (let i = 0; i < 10; i++) {
      await alice.adapter.send(CTX.mic, frame(i));
      await bob.adapter.send(CTX.camera, frame(i));
    }
    await eventually(() => alice.frames.length === 10 && bob.frames.length === 10);
    assert.equal(her.payloads.length, 20);
    const isClear = (bytes: Uint8Array) =>
      new TextDecoder("latin1").decode(bytes).includes(MARKER.slice(0, 8));
    assert.ok(bob.frames.every((each) => isClear(each.frame)), "the marker is not in the frames");
    assert.ok(!her.payloads.some(isClear), "Mallory read a frame");
  });
});

Deno.test("a frame with one bit flipped on the way is refused", async () => {
  const flipped: Meddling = (packet) => {
    const payload = packet.payload;
    payload[payload.length - 20]! ^= 1;
    return [packet];
  };
  await through(await mallory(flipped), async (alice, bob) => {
    for (let i = 0; i < 10; i++) await alice.adapter.send(CTX.mic, frame(i));
    await pause(200);
    assert.equal(bob.frames.length, 0);
    assert.deepEqual((await bob.adapter.stats()).refused, { bad_frame: 10 });
  });
});

Deno.test("a frame that is sent again opens once", async () => {
  await through(await mallory((packet) => [packet, packet.clone()]), async (alice, bob) => {
    for (let i = 0; i < 10; i++) await alice.adapter.send(CTX.camera, frame(i));
    await pause(200);
    assert.equal(bob.frames.length, 10);
    const { refused, duplicates } = await bob.adapter.stats();
    assert.deepEqual([refused, duplicates], [{}, 10]);
  });
});

Deno.test("a frame that arrives on the line of the other medium is refused", async () => {
  const her = await mallory(undefined, "crossed");
  await through(her, async (alice, bob) => {
    await alice.adapter.send(CTX.mic, frame(1));
    await alice.adapter.send(CTX.camera, frame(2));
    await eventually(() => her.payloads.length === 2);
    await pause(100);
    assert.equal(bob.frames.length, 0);
    // As audio the camera's frame is refused; as video the microphone's is no whole frame.
    const { refused } = await bob.adapter.stats();
    assert.equal(Object.values(refused).reduce((sum, count) => sum + count, 0), 1);
  });
});

Deno.test("padding and header extensions are not part of a frame", async () => {
  const padded: Meddling = (packet) => {
    packet.header.padding = true;
    packet.header.paddingSize = 4;
    packet.header.extension = true;
    packet.header.extensions = [{ id: 5, payload: packet.payload.subarray(0, 3) }];
    packet.payload = Buffer.concat([packet.payload, Uint8Array.of(0, 0, 0, 4)]);
    return [packet];
  };
  await through(await mallory(padded), async (alice, bob) => {
    for (let i = 0; i < 5; i++) await alice.adapter.send(CTX.camera, frame(i, 300));
    await eventually(() => bob.frames.length === 5);
    assert.ok(bob.frames.every((each) => each.frame.length === 300));
  });
});

Deno.test("each frame is taken once, however often the peer offers new ways", async () => {
  await between(async (alice, bob) => {
    const { offer } = await join(alice.adapter, bob.adapter);
    await alice.adapter.start(keysOf("session", 0));
    await bob.adapter.start(keysOf("session", 1));
    for (let i = 0; i < 10; i++) await bob.adapter.createAnswer(offer);
    await alice.adapter.send(CTX.mic, frame(1));
    await alice.adapter.send(CTX.camera, frame(2, LARGE));
    await eventually(() => bob.frames.length === 2);
    await pause(50);
    const { framesOpened, duplicates } = await bob.adapter.stats();
    assert.deepEqual({ framesOpened, duplicates }, { framesOpened: 2, duplicates: 0 });
  });
});

Deno.test("a connection that fails is reported once, and nothing is sent afterwards", async () => {
  await between(async (alice, bob) => {
    const failures: MediaFailure[] = [];
    alice.adapter.onFailure = (failure) => failures.push(failure);
    const answer = await bob.adapter.createAnswer(await alice.adapter.createOffer());
    const other = "00:".repeat(31) + "00";
    await alice.adapter.acceptAnswer(answer.replaceAll(/(sha-256 ).*/g, `$1${other}`));
    await assert.rejects(alice.adapter.connected());
    assert.deepEqual(failures, ["transport_failed"]);
    await assert.rejects(alice.adapter.start(keysOf("session", 0)));
    await alice.adapter.send(CTX.mic, frame(1));
    assert.equal((await alice.adapter.stats()).framesProtected, 0);
  });
});

Deno.test("whoever waits for a connection that is closed is told", async () => {
  const alice = weriftPeer();
  const waiting = assert.rejects(alice.adapter.connected());
  alice.adapter.close();
  alice.adapter.close();
  await waiting;
});

Deno.test("a frame that is too long, or belongs to no m-line, is refused by the sender", async () => {
  await between(async ({ adapter }) => {
    const tooLong = (bytes: number) => new Uint8Array(bytes + 1);
    await assert.rejects(adapter.send(CTX.mic, tooLong(MAX_AUDIO_BYTES)), RangeError);
    await assert.rejects(adapter.send(CTX.camera, tooLong(MAX_VIDEO_BYTES)), RangeError);
    await assert.rejects(adapter.send(CTX.screen, frame(1)), RangeError);
  });
});

Deno.test("werift takes a certificate from a peer that lacks its key: DTLS proves nothing", async () => {
  const certificate = () =>
    werift.createSelfSignedCertificate({ hash: 4, signature: 3 } as const, 23);
  for (const thiefOffers of [true, false]) {
    const [stolen, own] = [await certificate(), await certificate()];
    const keys = { ...own, certPem: stolen.certPem };
    const thief = new werift.RTCPeerConnection({ iceServers: [], dtls: { keys } });
    const honest = { keys: await certificate() };
    const victim = new werift.RTCPeerConnection({ iceServers: [], dtls: honest });
    const [caller, callee] = thiefOffers ? [thief, victim] : [victim, thief];
    try {
      caller.addTransceiver("audio", { direction: "sendrecv" });
      await caller.setLocalDescription();
      await callee.setRemoteDescription(caller.localDescription!);
      await callee.setLocalDescription();
      await caller.setRemoteDescription(callee.localDescription!);
      // Should this fail one day, werift checks signatures: then say so in the adapter's header.
      await eventually(() => victim.connectionState === "connected");
    } finally {
      await Promise.all([thief.close(), victim.close()]);
    }
  }
});

Deno.test("the werift adapter keeps the contract of all adapters", async (t) => {
  await keepsContract(t, () => packetStage(weriftPeer));
});
