import assert from "node:assert/strict";
import { type Bytes, concat, toHex } from "../../crypto/bytes.ts";
import { unwrap, wrap } from "../../crypto/envelope.ts";
import { CryptoError } from "../../crypto/error.ts";
import { anyBytes } from "../support/any_bytes.ts";
import { fromHex } from "../support/hex.ts";

const SPS = "6742e01fda0280f6806d044235";
const PPS = "68ce3880";

Deno.test("an H.264 frame is one slice, behind parameter sets where it is a key frame", () => {
  const sframe = fromHex("102030");
  const key = `00000001${SPS}00000001${PPS}0000000165888010203080`;
  assert.equal(toHex(wrap("h264", "key", sframe)), key);
  assert.equal(toHex(wrap("h264", "delta", sframe)), "00000001419a8010203080");
});

Deno.test("no bytes of an H.264 frame look like a start code", () => {
  const escapes = {
    "000000": "00000300",
    "000001": "00000301",
    "000002": "00000302",
    "000003": "00000303",
    "000004": "000004",
    "0000000000": "00000300000300",
    "000003000003": "0000030300000303",
    "0000": "0000",
    "00": "00",
  };
  for (const [plain, escaped] of Object.entries(escapes)) {
    assert.equal(toHex(wrap("h264", "delta", fromHex(plain))), `00000001419a80${escaped}80`);
  }
  for (const sframe of anyBytes(5_000)) {
    const slice = wrap("h264", "delta", sframe).subarray(4);
    const bad = slice.some((byte, i) => {
      if (slice[i - 2] !== 0 || slice[i - 1] !== 0) return false;
      return byte < 3 || byte === 3 && (slice[i + 1] ?? 0xff) > 3;
    });
    if (bad) assert.fail(toHex(slice));
    assert.notEqual(slice.at(-1), 0);
  }
});

Deno.test("an H.264 frame of any bytes and length comes back, however stacks deliver it", () => {
  for (const sframe of anyBytes(2_000)) {
    for (const frameType of ["key", "delta"] as const) {
      for (const wire of deliveries(wrap("h264", frameType, sframe))) {
        assert.deepEqual(unwrap("h264", wire), sframe, toHex(wire));
      }
    }
  }
});

Deno.test("an H.264 frame that is cut is refused, or is another one that no tag fits", () => {
  for (const sframe of anyBytes(40)) {
    const wire = wrap("h264", "key", sframe);
    for (let cut = 0; cut < wire.length; cut++) {
      const part = wire.slice(0, cut);
      const got = framed(part);
      if (got !== null) assert.ok(got.length < sframe.length, toHex(part));
    }
  }
});

Deno.test("what is not one slice of ours is refused", () => {
  const slice = "419a8010203080";
  const bad = [
    "", // nothing at all
    "00",
    "000001",
    "00000001",
    slice, // no start code
    `ff000001${slice}`, // bytes in front of it
    `0001${slice}`,
    `000001${SPS}000001${PPS}`, // no slice
    `000001${slice}000001${slice}`, // two
    `000001${slice}000001${PPS}`, // something behind it
    `000001000001${slice}`, // an empty NAL unit
    `000001060580000001${slice}`, // an SEI
    "000001419a80102030", // no stop bit
    "000001419a801020308001",
    "000001419a80", // the header alone
    "000001419a", // half of it
    "000001419b8010203080", // another header
    "000001619a8010203080",
    "00000165888110203080",
    "000001658880000000ff80", // bytes that had to be escaped
    "000001658880000002ff80",
    "000001419a80000003ff80", // an escape that is not needed
    "000001419a8000000380", // an escape of nothing
  ];
  for (const hex of bad) {
    const wire = fromHex(hex);
    const expected = { name: "CryptoError", code: "bad_frame" };
    assert.throws(() => unwrap("h264", wire), expected, hex);
  }
});

Deno.test("whatever bytes come as H.264, they are a frame or refused with a CryptoError", () => {
  for (const bytes of anyBytes(20_000)) {
    for (const head of ["", "000001", "00000001658880", "000001419a80", `000001${SPS}`]) {
      const got = framed(concat(fromHex(head), bytes));
      // What is accepted is nothing but what a sender makes.
      if (got !== null && head === "00000001658880") {
        const slice = toHex(wrap("h264", "key", got)).slice(2 * (4 + 13 + 4 + 4));
        assert.ok(`${head}${toHex(bytes)}`.startsWith(slice));
      }
    }
  }
});

/** With start codes of four and of three bytes, zeros behind, a delimiter or other sets in front. */
function* deliveries(wire: Bytes): Generator<Bytes> {
  yield wire;
  // Escaped bytes have no start code, so these are the ones that stand between NAL units.
  yield fromHex(toHex(wire).replaceAll(/^00000001|00000001(?=68ce|6588)/g, "000001"));
  yield concat(wire, new Uint8Array(1));
  yield concat(wire, new Uint8Array(5));
  yield concat(fromHex("0000000109f0"), wire);
  yield concat(fromHex("00000127420a00000168ce"), wire);
  yield concat(fromHex("0000"), wire);
}

function framed(wire: Bytes): Bytes | null {
  try {
    return unwrap("h264", wire);
  } catch (error) {
    assert.ok(error instanceof CryptoError && error.code === "bad_frame", String(error));
    return null;
  }
}
