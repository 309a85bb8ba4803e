/**
 * The node-datachannel adapter. Its native threads call into the isolate that loaded them, so this file has
 * a process of its own: in one with others Deno 2.9.6 panics when the next file begins.
 *
 * @module
 */

import assert from "node:assert/strict";
import nodeDataChannel from "node-datachannel";
import { nodeDataChannelAdapter } from "../../client/adapters/node_datachannel.ts";
import { type PacketAdapter } from "../../client/adapters/packet_media.ts";
import {
  asksForKeyFrame,
  pictureLossIndication,
  readRtp,
  rtpPacket,
} from "../../client/adapters/rtp_packet.ts";
import { type MediaFailure } from "../../client/adapter.ts";
import { checkCertificates, checkDescription, describe } from "../../client/fingerprint.ts";
import { type Bytes, concat, toHex } from "../../crypto/bytes.ts";
import { CTX, type Ctx } from "../../crypto/schedule.ts";
import { keepsContract } from "../support/adapter_contract.ts";
import { keysOf } from "../support/call_keys.ts";
import { packetStage } from "../support/packet_stage.ts";
import {
  eventually,
  join,
  mallory,
  type Meddling,
  tamperedAdapter,
  weriftPeer,
} from "../support/werift.ts";

interface Peer {
  readonly adapter: PacketAdapter;
  readonly frames: { readonly frame: Bytes; readonly ctx: Ctx }[];
}

function peer(): Peer {
  const frames: Peer["frames"] = [];
  const adapter = nodeDataChannelAdapter({
    nodeDataChannel,
    onFrame: (frame, ctx) => frames.push({ frame, ctx }),
    bindAddress: "127.0.0.1",
  });
  return { adapter, frames };
}

async function between(
  [alice, bob]: readonly [Peer, Peer],
  story: (alice: Peer, bob: Peer) => Promise<void>,
): Promise<void> {
  try {
    await story(alice, bob);
  } finally {
    alice.adapter.close();
    bob.adapter.close();
  }
}

const PAIRS = {
  "node-datachannel calls itself": () => [peer(), peer()],
  "node-datachannel calls werift": () => [peer(), weriftPeer()],
  "werift calls node-datachannel": () => [weriftPeer(), peer()],
} as const satisfies Readonly<Record<string, () => readonly [Peer, Peer]>>;

for (const [name, pair] of Object.entries(PAIRS)) {
  Deno.test(`${name}: the certificates are the promised ones, and frames come out as they went in`, async () => {
    await between(pair() as [Peer, Peer], async (alice, bob) => {
      const { offer, answer, seenByCaller, seenByCallee } = await join(alice.adapter, bob.adapter);
      for (const sdp of [offer, answer]) checkDescription(describe(sdp));
      checkCertificates(describe(answer), seenByCaller);
      checkCertificates(describe(offer), seenByCallee);
      await alice.adapter.start(keysOf("session", 0));
      await bob.adapter.start(keysOf("session", 1));
      for (let i = 0; i < 10; i++) {
        await alice.adapter.send(CTX.mic, new Uint8Array(80).fill(i));
        await bob.adapter.send(CTX.camera, new Uint8Array(1_200).fill(i), "delta");
      }
      await eventually(() => bob.frames.length === 10 && alice.frames.length === 10);
      assert.ok(bob.frames.every(({ frame, ctx }) => ctx === CTX.mic && frame.length === 80));
      assert.ok(
        alice.frames.every(({ frame, ctx }) => ctx === CTX.camera && frame.length === 1_200),
      );
      assert.deepEqual((await alice.adapter.stats()).refused, {});
    });
  });
}

Deno.test("padding and header extensions on the way are no part of a frame", async () => {
  const padded: Meddling = (packet) => {
    packet.header.padding = true;
    packet.header.paddingSize = 4;
    packet.header.extension = true;
    packet.header.extensions = [{ id: 5, payload: packet.payload.subarray(0, 3) }];
    packet.payload = Buffer.concat([packet.payload, Uint8Array.of(0, 0, 0, 4)]);
    return [packet];
  };
  const her = await mallory(padded);
  try {
    await between([peer(), peer()], async (alice, bob) => {
      await join(tamperedAdapter(alice.adapter, her), tamperedAdapter(bob.adapter, her));
      await her.connected();
      await alice.adapter.start(keysOf("session", 0));
      await bob.adapter.start(keysOf("session", 1));
      for (let i = 0; i < 5; i++) await alice.adapter.send(CTX.camera, new Uint8Array(300));
      await eventually(() => bob.frames.length === 5);
      assert.ok(bob.frames.every(({ frame }) => frame.length === 300));
    });
  } finally {
    her.close();
  }
});

Deno.test("another certificate than the promised one is refused by the stack, and reported once", async () => {
  await between([peer(), peer()], async (alice, bob) => {
    const failures: MediaFailure[] = [];
    alice.adapter.onFailure = (failure) => failures.push(failure);
    const answer = await bob.adapter.createAnswer(await alice.adapter.createOffer());
    const other = "00:".repeat(31) + "00";
    await alice.adapter.acceptAnswer(answer.replaceAll(/(sha-256 ).*/g, `$1${other}`));
    await assert.rejects(alice.adapter.connected());
    assert.deepEqual(failures, ["transport_failed"]);
    await assert.rejects(alice.adapter.start(keysOf("session", 0)));
  });
});

Deno.test("an offer of other media is refused", async () => {
  await between([peer(), peer()], async (alice, bob) => {
    const offer = await alice.adapter.createOffer();
    for (const other of [offer.replace("opus", "pcmu"), offer.replace("m=video", "m=audio"), ""]) {
      await assert.rejects(bob.adapter.createAnswer(other), /audio with Opus, then video/);
    }
  });
});

Deno.test("the payload of a packet is found, and nothing else is taken for one", () => {
  const numbers = { sequenceNumber: 65_535, timestamp: 2 ** 32 - 1, marker: true } as const;
  const payload = crypto.getRandomValues(new Uint8Array(40));
  const stream = { ssrc: 0xfedcba98, payloadType: 96 };
  const plain = rtpPacket({ header: numbers, payload }, stream);
  assert.deepEqual(readRtp(plain), { header: numbers, payload });
  const more = rtpPacket({ header: { ...numbers, marker: false }, payload }, stream);
  assert.equal(readRtp(more)?.header.marker, false);
  // Two contributing sources, an extension of one word, three bytes of padding.
  const header = plain.slice(0, 12);
  header[0] = 0b1011_0010;
  const around = concat(header, new Uint8Array(8), Uint8Array.of(0xbe, 0xde, 0, 1, 9, 9, 9, 9));
  const full = concat(around, payload, Uint8Array.of(0, 0, 3));
  assert.deepEqual(readRtp(full)?.payload, payload);
  for (let length = 0; length < around.length; length++) {
    assert.equal(readRtp(full.subarray(0, length)), null, `${length} bytes`);
  }
  const wrong = (change: (packet: Bytes) => void) => {
    const packet = full.slice();
    change(packet);
    return readRtp(packet);
  };
  assert.equal(wrong((packet) => packet[packet.length - 1] = 0), null);
  assert.equal(wrong((packet) => packet[packet.length - 1] = 44), null);
  assert.equal(wrong((packet) => packet[0]! ^= 0x40), null);
  assert.equal(wrong((packet) => packet[22] = 0xff), null);
  for (const type of [192, 200, 206, 223]) {
    assert.equal(wrong((packet) => packet[1] = type), null, `RTCP ${type}`);
  }
});

Deno.test("a request for a key frame is found among others, and nothing else is taken for one", () => {
  const pli = pictureLossIndication(1, 2);
  assert.equal(toHex(pli), "81ce00020000000100000002");
  assert.ok(asksForKeyFrame(pli));
  const report = Uint8Array.of(0x80, 201, 0, 1, 0, 0, 0, 1);
  assert.ok(asksForKeyFrame(concat(report, pli)));
  const nack = pli.with(1, 205);
  for (const other of [report, nack, pli.with(0, 0x8f), pli.with(0, 0x41), new Uint8Array(0)]) {
    assert.equal(asksForKeyFrame(new Uint8Array(other)), false);
  }
  assert.equal(asksForKeyFrame(concat(report.slice(0, 3), pli)), false, "a length that is cut");
});

Deno.test("the node-datachannel adapter keeps the contract of all adapters", async (t) => {
  await keepsContract(t, () => packetStage(peer));
});
