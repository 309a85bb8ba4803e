import assert from "node:assert/strict";
import { type Bytes, concat, toHex } from "../../crypto/bytes.ts";
import { type Codec, codecOf, type FrameType, unwrap, wrap } from "../../crypto/envelope.ts";

const SFRAME: Bytes = Uint8Array.of(0x10, 0x20, 0x30);
const FRAME_TYPES: readonly FrameType[] = ["key", "delta"];

Deno.test("a MIME type names its codec in any case, and an unknown one is refused", () => {
  assert.equal(codecOf("audio/opus"), "opus");
  assert.equal(codecOf("audio/RED"), "red");
  assert.equal(codecOf("video/VP8"), "vp8");
  assert.equal(codecOf("VIDEO/vp9"), "vp9");
  assert.equal(codecOf("video/AV1"), "av1");
  assert.equal(codecOf("video/H264"), "h264");
  for (
    const unknown of ["video/H265", "video/AV1X", "audio/PCMU", "video/VP8 ", "vp8", "", "toString"]
  ) {
    assert.throws(() => codecOf(unknown), { code: "unsupported_codec" }, unknown);
  }
});

Deno.test("a VP8 frame has a constant in front, a frame of Opus, RED or VP9 nothing", () => {
  assert.equal(toHex(wrap("vp8", "key", SFRAME)), "1000009d012a8002e001102030");
  assert.equal(toHex(wrap("vp8", "delta", SFRAME)), "11102030");
  for (const codec of ["opus", "red", "vp9"] as const) {
    for (const type of FRAME_TYPES) assert.deepEqual(wrap(codec, type, SFRAME), SFRAME);
    assert.deepEqual(unwrap(codec, SFRAME), SFRAME);
  }
});

Deno.test("unwrapping undoes wrapping without being told the frame type", () => {
  for (const type of FRAME_TYPES) {
    assert.deepEqual(unwrap("vp8", wrap("vp8", type, SFRAME)), SFRAME);
  }
});

Deno.test("an envelope with any other bit, or cut, is refused", () => {
  for (const type of FRAME_TYPES) {
    const wire = wrap("vp8", type, SFRAME);
    const length = wire.length - SFRAME.length;
    for (let bit = 0; bit < length * 8; bit++) {
      const bad = wire.slice();
      bad[bit >> 3]! ^= 1 << (bit & 7);
      // One flip turns the first byte of a key frame into a whole delta envelope; what is then
      // behind it starts with KID 0, which no participant has.
      if (type === "key" && bit === 0) {
        assert.equal(unwrap("vp8", bad)[0], 0);
        continue;
      }
      assert.throws(() => unwrap("vp8", bad), { code: "bad_frame" }, `${type}, bit ${bit}`);
    }
    for (let cut = 0; cut < length; cut++) {
      assert.throws(() => unwrap("vp8", wire.slice(0, cut)), { code: "bad_frame" });
    }
  }
  const real = concat(Uint8Array.of(0x30, 0x01, 0x00, 0x9d, 0x01, 0x2a), SFRAME);
  assert.throws(() => unwrap("vp8", real), { code: "bad_frame" });
});

Deno.test("a codec without an envelope is refused both ways, never guessed", () => {
  for (const unknown of ["h265", "AV1", "", "VP8"] as unknown as Codec[]) {
    assert.throws(() => wrap(unknown, "key", SFRAME), { code: "unsupported_codec" });
    assert.throws(() => unwrap(unknown, SFRAME), { code: "unsupported_codec" });
  }
});
