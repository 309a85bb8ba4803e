/**
 * What stands in the RTP packets of the adapters that work on packets.
 *
 *     wire = envelope(codec, frame type) || SFrame(frame)
 *
 * An Opus packet holds one; a VP8 frame is split over packets (`vp8_payload.ts`).
 *
 * @module
 */

import { MAX_WIRE_BYTES, type VideoPacket } from "./vp8_payload.ts";
import { CTX, type Ctx } from "../../crypto/schedule.ts";

/** Longest audio frame in bytes: with everything around it, it still fits a datagram of 1,300. */
export const MAX_AUDIO_BYTES = 1_200;
/** Longest video frame in bytes. */
export const MAX_VIDEO_BYTES = MAX_WIRE_BYTES - 64;

/** The media of a call, in the order of the m-lines. */
export const MEDIA = [
  { kind: "audio", ctx: CTX.mic, codec: "opus", clockRate: 48_000, maxBytes: MAX_AUDIO_BYTES },
  { kind: "video", ctx: CTX.camera, codec: "vp8", clockRate: 90_000, maxBytes: MAX_VIDEO_BYTES },
] as const;

/** The place of the camera's among them. */
export const VIDEO = 1;

/** One medium of a call. */
export type Medium = typeof MEDIA[number];

/** What the header of a packet says; whoever sends it adds its SSRC and payload type. */
export type PacketNumbers = VideoPacket["header"];

/** A counter of packets for each medium; gives what the headers of the next frame's packets say. */
export function packetNumbers(): (medium: Medium, count: number) => readonly PacketNumbers[] {
  const sequence = new Map<Ctx, number>(MEDIA.map(({ ctx }) => [ctx, random32() & 0xffff]));
  const clockOffset = random32();
  const latest = new Map<Ctx, number>();
  return ({ ctx, clockRate }, count) => {
    const first = sequence.get(ctx)!;
    sequence.set(ctx, first + count & 0xffff);
    // Packets belong to one frame by their timestamp, so no two frames may share it.
    const now = Math.floor(performance.now() * clockRate / 1000);
    const ticks = Math.max(now, (latest.get(ctx) ?? -1) + 1);
    latest.set(ctx, ticks);
    const timestamp = clockOffset + ticks >>> 0;
    return Array.from({ length: count }, (_, i) => ({
      sequenceNumber: first + i & 0xffff,
      timestamp,
      marker: i === count - 1,
    }));
  };
}

/** 32 bits that nobody can foresee. */
export function random32(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0]!;
}
