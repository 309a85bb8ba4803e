/**
 * Synthetic media: frames of the sizes and rates of a voice and a camera, each with a marker, and a
 * count of those that come out exactly as they went in.
 *
 * @module
 */

import { CTX, type Ctx } from "../../client/mod.ts";
import { type WeriftAdapter } from "../../client/adapters/werift.ts";

/** What every frame begins with, so that a frame in the clear could be seen. */
export const MARKER = "CLEAR-FRAME";

/** Voice at 50 frames a second, a camera at 30, each with a key frame a second. */
const MEDIA = [
  { ctx: CTX.mic, perSecond: 50, bytes: () => 80 + Math.floor(Math.random() * 80) },
  { ctx: CTX.camera, perSecond: 30, bytes: () => 1_200 },
] as const;

/** The frames of one direction. */
export interface Stream {
  /** Frames handed to the sender. */
  readonly sent: number;
  /** Bytes of those frames. */
  readonly sentBytes: number;
  /** Frames that came out exactly as they went in. */
  readonly intact: number;
  /** Makes the next frame of a medium and remembers it. */
  next(ctx: Ctx, bytes: number): Uint8Array<ArrayBuffer>;
  /** Compares a frame that came out. */
  take(frame: Uint8Array): void;
}

/** An empty stream. @param name who speaks */
export function openStream(name: string): Stream {
  const onTheWay = new Map<number, Uint8Array>();
  let sent = 0;
  let sentBytes = 0;
  let intact = 0;
  return {
    get sent() {
      return sent;
    },
    get sentBytes() {
      return sentBytes;
    },
    get intact() {
      return intact;
    },
    next(ctx, bytes) {
      const label = `${MARKER} ${name} ${ctx === CTX.mic ? "voice" : "video"} `;
      const frame = crypto.getRandomValues(new Uint8Array(bytes));
      new DataView(frame.buffer).setUint32(bytes - 4, sent);
      new TextEncoder().encodeInto(label, frame);
      onTheWay.set(sent, frame);
      sent++;
      sentBytes += bytes;
      return frame;
    },
    take(frame) {
      const number = new DataView(frame.buffer, frame.byteOffset).getUint32(frame.length - 4);
      const original = onTheWay.get(number);
      onTheWay.delete(number);
      if (original?.length !== frame.length) return;
      if (original.every((byte, i) => frame[i] === byte)) intact++;
    },
  };
}

/** Speaks and films for some seconds. */
export async function play(
  adapter: WeriftAdapter,
  stream: Stream,
  seconds: number,
): Promise<void> {
  await Promise.all(MEDIA.map(async ({ ctx, perSecond, bytes }) => {
    const start = performance.now();
    for (let i = 0; i < seconds * perSecond; i++) {
      await after(start + i * 1000 / perSecond - performance.now());
      const frameType = i % perSecond === 0 ? "key" : "delta";
      await adapter.send(ctx, stream.next(ctx, bytes()), frameType);
    }
  }));
}

/** Waits some milliseconds, or not at all. */
export async function after(ms: number): Promise<void> {
  if (ms > 0) await new Promise((resolve) => setTimeout(resolve, ms));
}
