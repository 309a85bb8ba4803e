/**
 * VP8 frames in RTP packets (RFC 7741): a frame is split over packets, and put together again.
 *
 *     payload = descriptor || part of the frame
 *     descriptor = X(1) R(1) N(1) S(1) R(1) PID(3), and what X announces (section 4.2)
 *
 * The descriptor is all that stays readable. What comes is not authenticated yet: a frame of the wrong
 * parts does not open later, and what never becomes whole takes bounded room.
 *
 * @module
 */

import { type Bytes, concat } from "../../crypto/bytes.ts";

/** Longest payload of a packet in bytes: with everything around it, it fits a datagram of 1,300. */
export const MAX_PAYLOAD_BYTES = 1_201;
/** Longest protected frame that is put together, in bytes. */
export const MAX_WIRE_BYTES = 2 ** 20;

/** A packet as far as it matters here. */
export interface VideoPacket {
  /** What its header says. */
  readonly header: {
    /** 16 bits; counts packets. */
    readonly sequenceNumber: number;
    /** 32 bits; the same for all packets of a frame. */
    readonly timestamp: number;
    /** Whether it is the last of its frame. */
    readonly marker: boolean;
  };
  /** What stands behind it. */
  readonly payload: Uint8Array;
}

const START = 0x10;
const MORE = 0x00;
/** How many frames may be incomplete at a time; a further one takes the place of the oldest. */
const MAX_OPEN_FRAMES = 8;
/** Of how many packets a frame may be; the longest has 874 of ours. Each costs memory, however short. */
const MAX_PARTS = 2_048;

/** The payloads of a frame, in their order. */
export function splitFrame(frame: Bytes): Bytes[] {
  const room = MAX_PAYLOAD_BYTES - 1;
  const count = Math.max(1, Math.ceil(frame.length / room));
  return Array.from({ length: count }, (_, i) => {
    const part = frame.subarray(i * room, (i + 1) * room);
    return concat(Uint8Array.of(i === 0 ? START : MORE), part);
  });
}

/** Puts the packets of one stream together, in whatever order they come. */
export class FrameAssembly {
  readonly #open = new Map<number, OpenFrame>();

  /** Takes a packet; gives the frame that it makes whole, or null. */
  take({ header: { sequenceNumber, timestamp, marker }, payload }: VideoPacket): Bytes | null {
    const described = readDescriptor(payload);
    if (described === null) return null;
    const frame = this.#open.get(timestamp) ?? this.#begin(timestamp);
    if (frame.parts.has(sequenceNumber)) return null;
    // A copy: a stack's bytes are a view of a datagram.
    const part = new Uint8Array(payload.subarray(described.length));
    frame.parts.set(sequenceNumber, part);
    frame.bytes += part.length;
    if (described.isStart) frame.first = sequenceNumber;
    if (marker) frame.last = sequenceNumber;
    if (frame.bytes > MAX_WIRE_BYTES || frame.parts.size > MAX_PARTS) {
      this.#open.delete(timestamp);
      return null;
    }
    const whole = wholeOf(frame);
    if (whole !== null) this.#open.delete(timestamp);
    return whole;
  }

  #begin(timestamp: number): OpenFrame {
    if (this.#open.size >= MAX_OPEN_FRAMES) this.#open.delete(this.#open.keys().next().value!);
    const frame: OpenFrame = { parts: new Map(), bytes: 0, first: null, last: null };
    this.#open.set(timestamp, frame);
    return frame;
  }
}

interface OpenFrame {
  readonly parts: Map<number, Bytes>;
  bytes: number;
  first: number | null;
  last: number | null;
}

function wholeOf({ parts, first, last }: OpenFrame): Bytes | null {
  if (first === null || last === null) return null;
  const count = (last - first & 0xffff) + 1;
  if (parts.size < count) return null;
  const found = Array.from({ length: count }, (_, i) => parts.get(first + i & 0xffff));
  const all = found.filter((part) => part !== undefined);
  return all.length < count ? null : concat(...all);
}

/** How long the descriptor is, and whether a frame begins behind it; null where there is none. */
function readDescriptor(
  payload: Uint8Array,
): { readonly length: number; readonly isStart: boolean } | null {
  const [first = 0, extension = 0] = payload;
  let length = 1;
  if (first & 0x80) {
    length++;
    // PictureID of 7 or 15 bits, TL0PICIDX, and TID with KEYIDX.
    if (extension & 0x80) length += payload[2]! & 0x80 ? 2 : 1;
    if (extension & 0x40) length++;
    if (extension & 0x30) length++;
  }
  if (payload.length <= length) return null;
  return { length, isStart: (first & 0x17) === START };
}
