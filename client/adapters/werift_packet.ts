/**
 * What stands in the RTP packets of the werift adapter: one frame each.
 *
 *     payload = descriptor(codec) || envelope(codec, frame type) || SFrame(frame)
 *
 * The descriptor is that of VP8 for a frame in one packet (RFC 7741, section 4.2), none for Opus.
 *
 * @module
 */

import { type Bytes, concat } from "../../crypto/bytes.ts";
import { CTX, type Ctx } from "../../crypto/schedule.ts";

/** Longest frame in bytes: with everything around it, it still fits a datagram of 1,300 bytes. */
export const MAX_FRAME_BYTES = 1_200;

/** The media of a call, in the order of the m-lines. */
export const MEDIA = [
  { kind: "audio", ctx: CTX.mic, codec: "opus", clockRate: 48_000, descriptor: null },
  { kind: "video", ctx: CTX.camera, codec: "vp8", clockRate: 90_000, descriptor: 0x10 },
] as const;

/** One medium of a call. */
export type Medium = typeof MEDIA[number];

/** A counter of packets for each medium; gives what the header of the next one says. */
export function packetHeaders(): (medium: Medium) => Readonly<Record<string, number | boolean>> {
  const sequence = new Map<Ctx, number>(MEDIA.map(({ ctx }) => [ctx, random32() & 0xffff]));
  const clockOffset = random32();
  return ({ ctx, clockRate }) => {
    const sequenceNumber = sequence.get(ctx)!;
    sequence.set(ctx, sequenceNumber + 1 & 0xffff);
    const timestamp = clockOffset + performance.now() * clockRate / 1000 >>> 0;
    // The sender of werift fills in its SSRC and payload type.
    return { sequenceNumber, timestamp, marker: true };
  };
}

/** The payload of a protected frame. */
export function describePayload({ descriptor }: Medium, wire: Bytes): Bytes {
  return descriptor === null ? wire : concat(Uint8Array.of(descriptor), wire);
}

/**
 * The protected frame in a payload, copied, since a stack's bytes are a view of a datagram. Under
 * another descriptor it is left as it is, and the envelope or the tag refuses it.
 */
export function undescribedPayload({ descriptor }: Medium, payload: Uint8Array): Bytes {
  return new Uint8Array(payload[0] === descriptor ? payload.subarray(1) : payload);
}

function random32(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0]!;
}
