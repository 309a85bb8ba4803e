/**
 * The envelope of H.264: an encrypted frame as the data of one slice, in an Annex B byte stream
 * (ITU-T H.264, section 7.3.1 and annex B).
 *
 *     slice = slice header || escaped(SFrame) || 80              80: rbsp_trailing_bits
 *     wire  = 00000001 || SPS || 00000001 || PPS || 00000001 || slice      key frame
 *     wire  = 00000001 || slice                                            delta frame
 *
 * | part         | bytes                        |                                              |
 * |--------------|------------------------------|----------------------------------------------|
 * | SPS          | `6742e01fda0280f6806d044235` | constrained baseline, level 3.1, 640 x 480    |
 * | PPS          | `68ce3880`                   |                                              |
 * | slice header | `658880` or `419a80`         | I slice of an IDR picture, or P slice; PPS 0 |
 *
 * Within a slice no 00 00 is followed by a byte below 04: an 03 goes between (section 7.4.1). Bytes
 * without it look like a start code in one frame of some thousands. The last byte of SFrame may be
 * zero, and zeros at the end of a NAL unit are nobody's, so a stop bit stands behind it.
 *
 * Stacks put parameter sets in front, rewrite them, and use start codes of three or four bytes. So
 * parameter sets and access unit delimiters are skipped whatever they say, and one slice is last.
 *
 * @module
 */

import { type Bytes, concat } from "./bytes.ts";
import { CryptoError } from "./error.ts";

const START_CODE = Uint8Array.of(0, 0, 0, 1);
const SPS = [0x67, 0x42, 0xe0, 0x1f, 0xda, 0x02, 0x80, 0xf6, 0x80, 0x6d, 0x04, 0x42, 0x35] as const;
const PPS = [0x68, 0xce, 0x38, 0x80] as const;
const PARAMETER_SETS = Uint8Array.of(...START_CODE, ...SPS, ...START_CODE, ...PPS);
const IDR_SLICE = Uint8Array.of(0x65, 0x88, 0x80);
const SLICE = Uint8Array.of(0x41, 0x9a, 0x80);
const STOP = 0x80;

/** `nal_unit_type` of what may stand in front of the slice: SPS, PPS, access unit delimiter. */
const SKIPPED: readonly number[] = [7, 8, 9];

/** Makes an encrypted frame one slice. */
export function wrapH264(frameType: "key" | "delta", sframe: Bytes): Bytes {
  return frameType === "key"
    ? concat(PARAMETER_SETS, START_CODE, IDR_SLICE, escaped(sframe))
    : concat(START_CODE, SLICE, escaped(sframe));
}

/** The encrypted frame in an access unit: a copy. @throws CryptoError `bad_frame` */
export function unwrapH264(wire: Bytes): Bytes {
  let start = startCode(wire, 0);
  if (start === null || start.at !== 0) throw badFrame();
  for (;;) {
    const next = startCode(wire, start.end);
    const unit = wire.subarray(start.end, next?.at ?? endOf(wire));
    if (next === null) return unslice(unit);
    if (unit.length === 0 || !SKIPPED.includes(unit[0]! & 0x1f)) throw badFrame();
    start = next;
  }
}

/** The next start code from a place on, with all zeros in front of it. */
function startCode(
  wire: Bytes,
  from: number,
): { readonly at: number; readonly end: number } | null {
  for (let i = from, zeros = 0; i < wire.length; i++) {
    if (wire[i] === 0) zeros++;
    else if (wire[i] === 1 && zeros >= 2) return { at: i - zeros, end: i + 1 };
    else zeros = 0;
  }
  return null;
}

/** Where the last NAL unit ends, without the zeros behind it. */
function endOf(wire: Bytes): number {
  let end = wire.length;
  while (end > 0 && wire[end - 1] === 0) end--;
  return end;
}

function unslice(unit: Bytes): Bytes {
  const header = unit[0] === IDR_SLICE[0] ? IDR_SLICE : SLICE;
  const isSlice = unit.length > header.length && header.every((byte, i) => unit[i] === byte) &&
    unit.at(-1) === STOP;
  if (!isSlice) throw badFrame();
  return unescaped(unit.subarray(header.length, -1));
}

/** The bytes of a frame with emulation prevention, and the stop bit. */
function escaped(sframe: Bytes): Bytes {
  // Nowhere are there more escapes than half of the bytes, and that of zeros alone.
  const out = new Uint8Array(sframe.length + (sframe.length >> 1) + 1);
  let length = 0;
  let zeros = 0;
  for (const byte of sframe) {
    if (zeros === 2 && byte <= 3) {
      out[length++] = 3;
      zeros = 0;
    }
    zeros = byte === 0 ? zeros + 1 : 0;
    out[length++] = byte;
  }
  out[length++] = STOP;
  return out.subarray(0, length);
}

/** Undoes `escaped`, and takes nothing that it does not make. @throws CryptoError `bad_frame` */
function unescaped(data: Bytes): Bytes {
  const out = new Uint8Array(data.length);
  let length = 0;
  let zeros = 0;
  for (let i = 0; i < data.length; i++) {
    let byte = data[i]!;
    if (zeros === 2 && byte <= 3) {
      const next = data[++i];
      if (byte !== 3 || next === undefined || next > 3) throw badFrame();
      byte = next;
      zeros = 0;
    }
    zeros = byte === 0 ? zeros + 1 : 0;
    out[length++] = byte;
  }
  return out.subarray(0, length);
}

function badFrame(): CryptoError {
  return new CryptoError("bad_frame", "A media frame is not one slice");
}
