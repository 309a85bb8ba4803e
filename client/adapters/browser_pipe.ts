/**
 * One encoded transform as a pipe: frames are read without waiting for the cryptography, so they
 * overlap in it, and are written in the order read.
 *
 * It never throws, because an exception ends that pipe for good: a frame that fails is dropped.
 *
 * @module
 */

import { type Bytes } from "../../crypto/bytes.ts";
import { type TransformOptions } from "./browser_messages.ts";

/** An encoded frame, of audio or video. */
export type EncodedFrame = RTCEncodedVideoFrame | RTCEncodedAudioFrame;

/** The slice of `RTCRtpScriptTransformer` that is used; lib.dom has it for workers only. */
export interface Transformer {
  /** Frames of the encoder, or of the wire. */
  readonly readable: ReadableStream<EncodedFrame>;
  /** Frames for the wire, or for the decoder. */
  readonly writable: WritableStream<EncodedFrame>;
  /** What the page said of it. */
  readonly options: TransformOptions;
  /** Asks the peer for a key frame; audio refuses, and may. */
  sendKeyFrameRequest?(): Promise<void>;
}

/** Writes the new contents of a frame after those of all frames that were put before. */
export type Put = (frame: EncodedFrame, contents: Promise<Bytes | null>) => void;

/** Reads all frames of a transform. @param take called for each; it may `put` it, now or later */
export function openPipe(
  { readable, writable }: Transformer,
  take: (frame: EncodedFrame, put: Put) => void,
): Put {
  const writer = writable.getWriter();
  // A pipe that the page took away ends both streams; there is nothing left to do then.
  writer.closed.catch(() => {});
  let turn: Promise<void> = Promise.resolve();
  const put: Put = (frame, contents) => {
    const settled = contents.catch(() => null);
    turn = turn.then(async () => {
      const bytes = await settled;
      if (bytes === null) return;
      frame.data = wholeBuffer(bytes);
      await writer.write(frame);
    }).catch(() => {});
  };
  read(readable, (frame) => take(frame, put)).catch(() => {});
  return put;
}

async function read(
  readable: ReadableStream<EncodedFrame>,
  take: (frame: EncodedFrame) => void,
): Promise<void> {
  for (const reader = readable.getReader();;) {
    const { done, value: frame } = await reader.read();
    if (done) return;
    take(frame);
  }
}

/** A frame takes a buffer and not a view. */
function wholeBuffer(bytes: Bytes): ArrayBuffer {
  return bytes.byteLength === bytes.buffer.byteLength ? bytes.buffer : bytes.slice().buffer;
}
