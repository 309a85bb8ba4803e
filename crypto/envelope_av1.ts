/**
 * The envelope of AV1: an encrypted frame as one OBU (AV1 specification, section 5.3).
 *
 *     wire = obu_header || leb128(length of SFrame) || SFrame
 *
 * | frame | obu_header                             |
 * |-------|----------------------------------------|
 * | key   | `0a`: OBU_SEQUENCE_HEADER, has_size set |
 * | delta | `32`: OBU_FRAME, has_size set           |
 *
 * A packetizer takes sizes off and a depacketizer puts them on (RTP payload format for AV1, section
 * 4.4), and temporal delimiters come and go. So what arrives is parsed and not compared: a size may
 * be there or not, in any encoding that leb128 allows; delimiters are skipped; and of OBUs that
 * carry anything there is exactly one.
 *
 * @module
 */

import { type Bytes, concat } from "./bytes.ts";
import { CryptoError } from "./error.ts";

const HAS_SIZE = 0x02;
const SEQUENCE_HEADER = 0x08;
const TEMPORAL_DELIMITER = 0x10;
const FRAME = 0x30;
/** leb128() of the specification, section 4.10.5, ends after 8 bytes, and below 2^32. */
const MAX_LEB128_BYTES = 8;
const MAX_SIZE = 2 ** 32 - 1;

/** Makes an encrypted frame one OBU. */
export function wrapAv1(frameType: "key" | "delta", sframe: Bytes): Bytes {
  const type = frameType === "key" ? SEQUENCE_HEADER : FRAME;
  return concat(Uint8Array.of(type | HAS_SIZE), leb128(sframe.length), sframe);
}

/** The encrypted frame in a temporal unit: a view. @throws CryptoError `bad_frame` */
export function unwrapAv1(wire: Bytes): Bytes {
  let sframe: Bytes | null = null;
  for (let at = 0; at < wire.length;) {
    const header = wire[at++]!;
    let end = wire.length;
    if (header & HAS_SIZE) {
      const size = readLeb128(wire, at);
      at = size.end;
      end = at + size.value;
    }
    if (end > wire.length) throw badFrame();
    const payload = wire.subarray(at, end);
    at = end;
    // With an extension, a reserved bit or another type it is none of ours.
    const type = header & ~HAS_SIZE;
    if (type === TEMPORAL_DELIMITER && payload.length === 0) continue;
    if (type !== SEQUENCE_HEADER && type !== FRAME || sframe !== null) throw badFrame();
    sframe = payload;
  }
  if (sframe === null) throw badFrame();
  return sframe;
}

function leb128(value: number): Bytes {
  const out: number[] = [];
  for (; value >= 0x80; value >>>= 7) out.push(value & 0x7f | 0x80);
  return Uint8Array.of(...out, value);
}

function readLeb128(wire: Bytes, at: number): { readonly value: number; readonly end: number } {
  let value = 0;
  for (let i = 0; i < MAX_LEB128_BYTES; i++) {
    const byte = wire[at + i];
    if (byte === undefined) break;
    value += (byte & 0x7f) * 2 ** (7 * i);
    if (value > MAX_SIZE) break;
    if (byte < 0x80) return { value, end: at + i + 1 };
  }
  throw badFrame();
}

function badFrame(): CryptoError {
  return new CryptoError("bad_frame", "A media frame is not one OBU");
}
