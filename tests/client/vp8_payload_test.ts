import assert from "node:assert/strict";
import {
  FrameAssembly,
  MAX_PAYLOAD_BYTES,
  MAX_WIRE_BYTES,
  splitFrame,
  type VideoPacket,
} from "../../client/adapters/vp8_payload.ts";
import { type Bytes, concat } from "../../crypto/bytes.ts";

/** The packets of a frame, whose descriptors are `described` anew where that is wished. */
function packets(
  frame: Bytes,
  timestamp: number,
  firstNumber: number,
  described = (payload: Bytes) => payload,
): VideoPacket[] {
  const payloads = splitFrame(frame);
  return payloads.map((payload, i) => ({
    header: {
      sequenceNumber: firstNumber + i & 0xffff,
      timestamp,
      marker: i === payloads.length - 1,
    },
    payload: described(payload),
  }));
}

function frameOf(bytes: number, fill = 7): Bytes {
  return new Uint8Array(bytes).fill(fill).map((byte, i) => byte + i);
}

Deno.test("a frame is split over packets that fit, and comes together in any order", () => {
  for (const bytes of [1, 1_199, 1_200, 1_201, 10_000]) {
    const frame = frameOf(bytes);
    const all = packets(frame, 90, 65_534);
    assert.equal(all.length, Math.ceil(bytes / 1_200));
    assert.ok(all.every(({ payload }) => payload.length <= MAX_PAYLOAD_BYTES));
    for (const order of [all, all.toReversed(), [...all.slice(1), ...all]]) {
      const assembly = new FrameAssembly();
      const whole = order.map((packet) => assembly.take(packet)).filter((one) => one !== null);
      assert.deepEqual(whole, [frame]);
    }
  }
});

Deno.test("descriptors with everything that RFC 7741 allows in them are read", () => {
  // X, and I with a PictureID of 7 and of 15 bits, L, T and K (section 4.2).
  const extensions = [[0x00], [0x80, 0x11], [0x80, 0x91, 0x22], [0xf0, 0x91, 0x22, 3, 4], [
    0x40,
    3,
  ]];
  for (const extension of extensions) {
    const frame = frameOf(3_000);
    const described = (payload: Bytes) =>
      concat(Uint8Array.of(payload[0]! | 0x80, ...extension), payload.subarray(1));
    const assembly = new FrameAssembly();
    const whole = packets(frame, 5, 1, described).map((packet) => assembly.take(packet));
    assert.deepEqual(whole.at(-1), frame);
  }
});

Deno.test("frames that overlap on the way are kept apart, and one that lacks a packet never comes", () => {
  const [one, two, three] = [frameOf(3_000, 1), frameOf(3_000, 2), frameOf(3_000, 3)];
  const assembly = new FrameAssembly();
  const mixed = [packets(one!, 1, 10), packets(two!, 2, 13), packets(three!, 3, 16)];
  mixed[1]!.splice(1, 1);
  const order = [0, 1, 2].flatMap((i) => mixed.map((all) => all[i])).filter((one) => one);
  const whole = order.map((packet) => assembly.take(packet!)).filter((frame) => frame !== null);
  assert.deepEqual(whole, [one, three]);
});

Deno.test("whoever sends packets that never become frames takes bounded room", () => {
  const assembly = new FrameAssembly();
  const header = { sequenceNumber: 0, timestamp: 0, marker: false };
  for (const payload of [[], [0x10], [0x80], [0x80, 0xf0, 0x80]]) {
    assert.equal(assembly.take({ header, payload: Uint8Array.from(payload) }), null);
  }
  // A frame that grows without end is given up, and with it what came of it.
  const part = concat(Uint8Array.of(0x10), new Uint8Array(1_200));
  const parts = Math.floor(MAX_WIRE_BYTES / 1_200) + 1;
  for (let i = 0; i < parts; i++) {
    assembly.take({ header: { ...header, timestamp: 1, sequenceNumber: i }, payload: part });
  }
  const last = { sequenceNumber: parts - 1, timestamp: 1, marker: true };
  assert.equal(assembly.take({ header: last, payload: part })?.length, 1_200, "it began anew");
  // Of many frames that never end, the oldest are forgotten, and a new one still comes.
  for (let i = 0; i < 10_000; i++) {
    assembly.take({ header: { ...header, timestamp: 100 + i }, payload: part });
  }
  const frame = frameOf(5_000);
  const whole = packets(frame, 7, 1).map((packet) => assembly.take(packet));
  assert.deepEqual(whole.at(-1), frame);
  assert.equal(
    assembly.take({ header: { ...header, timestamp: 100, marker: true }, payload: part })
      ?.length,
    1_200,
    "the first of them was forgotten: this is a frame of its own",
  );
});

Deno.test("a frame of more packets than a whole one has is given up: their number costs too", () => {
  const assembly = new FrameAssembly();
  // 16 bits of sequence numbers, and a byte in each packet: 64 kB that would be 65,536 objects.
  const take = (sequenceNumber: number, marker = false) =>
    assembly.take({
      header: { sequenceNumber, timestamp: 1, marker },
      payload: Uint8Array.of(sequenceNumber === 0 ? 0x10 : 0, 7),
    });
  for (let i = 0; i < 9_999; i++) assert.equal(take(i), null);
  assert.equal(take(9_999, true), null);
  const frame = frameOf(5_000);
  const whole = packets(frame, 7, 1).map((packet) => assembly.take(packet));
  assert.deepEqual(whole.at(-1), frame);
});
