import assert from "node:assert/strict";
import { type Bytes, concat, toHex } from "../../crypto/bytes.ts";
import { unwrap, wrap } from "../../crypto/envelope.ts";
import { CryptoError } from "../../crypto/error.ts";
import { fromHex } from "../support/hex.ts";
import { anyBytes } from "../support/any_bytes.ts";

const TYPES = ["key", "delta"] as const;

Deno.test("an AV1 frame is one OBU that has its size", () => {
  const sframe = fromHex("102030");
  assert.equal(toHex(wrap("av1", "key", sframe)), "0a03102030");
  assert.equal(toHex(wrap("av1", "delta", sframe)), "3203102030");
  assert.equal(toHex(wrap("av1", "delta", new Uint8Array(127))).slice(0, 6), "327f00");
  assert.equal(toHex(wrap("av1", "delta", new Uint8Array(300))).slice(0, 8), "32ac0200");
  assert.equal(toHex(wrap("av1", "key", new Uint8Array(70_000))).slice(0, 10), "0af0a20400");
});

Deno.test("an AV1 frame of any bytes and length comes back, however stacks deliver it", () => {
  for (const sframe of anyBytes(2_000)) {
    for (const frameType of TYPES) {
      for (const wire of deliveries(wrap("av1", frameType, sframe), sframe)) {
        assert.deepEqual(unwrap("av1", wire), sframe, toHex(wire));
      }
    }
  }
});

Deno.test("an AV1 frame with a size that is cut at any byte is refused", () => {
  for (const sframe of anyBytes(40)) {
    const wire = wrap("av1", "key", sframe);
    for (let cut = 0; cut < wire.length; cut++) refused(wire.slice(0, cut));
  }
});

Deno.test("what is not one OBU of ours is refused", () => {
  const bad = [
    "", // nothing at all
    "1200", // a delimiter alone
    "12001200",
    "0a03102030 3203102030", // two frames
    "0a03102030 0a00",
    "3203102030 00", // OBU type 0
    "1203102030", // a delimiter with content
    "10102030",
    "1a03102030", // a frame header
    "2203102030", // a tile group
    "2a03102030", // metadata
    "7a03102030", // padding
    "8a03102030", // the forbidden bit
    "0b03102030", // the reserved bit
    "0e00 03102030", // an extension
    "3600 03102030",
    "0a", // no size
    "0a04102030", // a size beyond the end
    "0a83102030",
    "0a8080808010102030", // 2^32
    "0a838080808080808000102030", // nine bytes of size
    "0affffffffffffffff7f",
    "0affffffffffffffffff",
  ];
  for (const hex of bad) refused(fromHex(hex.replaceAll(" ", "")));
});

Deno.test("a size of up to eight bytes and below 2^32 is read", () => {
  const sframe = fromHex("102030");
  for (let zeros = 0; zeros <= 6; zeros++) {
    const size = Uint8Array.of(0x83, ...new Uint8Array(zeros).fill(0x80), 0);
    assert.deepEqual(unwrap("av1", concat(Uint8Array.of(0x0a), size, sframe)), sframe);
  }
});

Deno.test("whatever bytes come as AV1, they are a frame or refused with a CryptoError", () => {
  for (const bytes of anyBytes(20_000)) {
    for (const head of ["", "0a", "08", "32", "30", "12000a", "1200"]) {
      try {
        unwrap("av1", concat(fromHex(head), bytes));
      } catch (error) {
        assert.ok(error instanceof CryptoError && error.code === "bad_frame", String(error));
      }
    }
  }
});

/** As it was sent; with its size taken off; each also behind and before temporal delimiters. */
function* deliveries(wire: Bytes, sframe: Bytes): Generator<Bytes> {
  const bare = concat(Uint8Array.of(wire[0]! & ~2), sframe);
  const delimiter = fromHex("1200");
  yield wire;
  yield bare;
  yield concat(delimiter, wire);
  yield concat(delimiter, bare);
  yield concat(fromHex("128000"), delimiter, wire, delimiter);
}

function refused(wire: Bytes): void {
  assert.throws(() => unwrap("av1", wire), { name: "CryptoError", code: "bad_frame" }, toHex(wire));
}
