/**
 * Codec envelopes: the public constant bytes in front of an encrypted frame that let a packetizer
 * and an SFU take it for a frame of its codec.
 *
 *     wire = envelope(codec, frame type) || SFrame
 *
 * | codec          | key frame                          | delta frame           |
 * |----------------|------------------------------------|-----------------------|
 * | Opus, RED, VP9 | none                               | none                  |
 * | VP8            | `1000009d012a8002e001`             | `11`                  |
 * | AV1            | one OBU: `envelope_av1.ts`         | one OBU               |
 * | H.264          | SPS, PPS, slice: `envelope_h264.ts` | slice                 |
 *
 * An envelope says nothing about the frame but its type and length, is not authenticated, and is
 * stripped before decryption. No real byte of a frame stays clear, and a codec that is not in the
 * table is refused, never guessed.
 *
 * @module
 */

import { type Bytes, concat } from "./bytes.ts";
import { unwrapAv1, wrapAv1 } from "./envelope_av1.ts";
import { unwrapH264, wrapH264 } from "./envelope_h264.ts";
import { CryptoError } from "./error.ts";

/** A codec whose envelope is known. */
export type Codec = "opus" | "red" | "vp8" | "vp9" | "av1" | "h264";

/** Whether a video frame can be decoded alone; audio ignores it. */
export type FrameType = "key" | "delta";

const NO_BYTES = new Uint8Array(0);
/** VP8 (RFC 6386, section 9.1): the frame tag, start code and size of a 640 x 480 key frame. */
const VP8_KEY = Uint8Array.of(0x10, 0x00, 0x00, 0x9d, 0x01, 0x2a, 0x80, 0x02, 0xe0, 0x01);
/** The first byte of the frame tag of a shown delta frame. */
const VP8_DELTA = Uint8Array.of(0x11);

const CODECS: ReadonlyMap<string, Codec> = new Map([
  ["audio/opus", "opus"],
  ["audio/red", "red"],
  ["video/vp8", "vp8"],
  ["video/vp9", "vp9"],
  ["video/av1", "av1"],
  ["video/h264", "h264"],
]);

/** The codec of a MIME type, in any case. @throws CryptoError `unsupported_codec` */
export function codecOf(mimeType: string): Codec {
  const codec = CODECS.get(mimeType.toLowerCase());
  if (codec === undefined) throw unsupported();
  return codec;
}

/**
 * The envelope that goes in front of an encrypted frame whatever is in it, or null where the frame decides.
 *
 * @throws CryptoError `unsupported_codec`
 */
export function prefixOf(codec: Codec, frameType: FrameType): Bytes | null {
  switch (codec) {
    case "opus":
    case "red":
    case "vp9":
      return NO_BYTES;
    case "vp8":
      return frameType === "key" ? VP8_KEY : VP8_DELTA;
    case "av1":
    case "h264":
      return null;
    default:
      throw unsupported();
  }
}

/** Puts the envelope around an encrypted frame. @throws CryptoError `unsupported_codec` */
export function wrap(codec: Codec, frameType: FrameType, sframe: Bytes): Bytes {
  switch (codec) {
    case "av1":
      return wrapAv1(frameType, sframe);
    case "h264":
      return wrapH264(frameType, sframe);
    default:
      return concat(prefixOf(codec, frameType)!, sframe);
  }
}

/**
 * The encrypted frame in its envelope: a view where nothing has to be unescaped.
 *
 * @throws CryptoError `bad_frame` when the envelope is not the codec's, `unsupported_codec`
 */
export function unwrap(codec: Codec, wire: Bytes): Bytes {
  switch (codec) {
    case "opus":
    case "red":
    case "vp9":
      return wire;
    case "vp8":
      return unwrapVp8(wire);
    case "av1":
      return unwrapAv1(wire);
    case "h264":
      return unwrapH264(wire);
    default:
      throw unsupported();
  }
}

function unwrapVp8(wire: Bytes): Bytes {
  // Bit 0 of the frame tag: 0 is a key frame (RFC 6386, section 9.1).
  const envelope = (wire[0] ?? 0) & 1 ? VP8_DELTA : VP8_KEY;
  if (wire.length < envelope.length || envelope.some((byte, i) => wire[i] !== byte)) {
    throw new CryptoError("bad_frame", "A media frame lacks its envelope");
  }
  return wire.subarray(envelope.length);
}

function unsupported(): CryptoError {
  return new CryptoError(
    "unsupported_codec",
    "This codec has no envelope",
  );
}
