/**
 * Frames to measure with, as transforms get them.
 *
 * @module
 */

/** The slice of `RTCEncodedVideoFrame` that transforms use. */
export interface Frame {
  /** Its bytes, before or after. */
  data: ArrayBuffer;
  /** Its time, in units of 1/90,000 s. */
  readonly timestamp: number;
  /** A key frame is rare. */
  readonly type: "delta";
  /** What the browser knows of it. */
  getMetadata(): {
    readonly synchronizationSource: number;
    readonly payloadType: number;
    readonly mimeType: string;
  };
}

const METADATA = { synchronizationSource: 1, payloadType: 96, mimeType: "video/VP8" };
/** The first byte of a VP8 delta frame. */
const VP8_DELTA = 0x11;

/** So many frames of so many bytes. */
export function framesOf(count: number, bytes: number): Frame[] {
  return Array.from({ length: count }, (_, i) => {
    const data = new Uint8Array(bytes).fill(i);
    data[0] = VP8_DELTA;
    return { data: data.buffer, timestamp: i * 3_000, type: "delta", getMetadata: () => METADATA };
  });
}
