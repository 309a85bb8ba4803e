/**
 * One received medium of a connection in the transform worker: a frame is opened, waits for its key,
 * or is dropped. What waited is written before whatever comes after its key.
 *
 * @module
 */

import { type Bytes } from "../../crypto/bytes.ts";
import { type Codec } from "../../crypto/envelope.ts";
import { CryptoError } from "../../crypto/error.ts";
import { type FrameCryptor, type IncomingFrame } from "../../crypto/frame_cryptor.ts";
import { type FrameTally } from "../../crypto/frame_tally.ts";
import { type EncodedFrame, openPipe, type Transformer } from "./browser_pipe.ts";
import { WaitingFrames } from "./browser_waiting.ts";

/** What a received medium needs of its connection. */
export interface ReceiverSurroundings {
  /** Opens the frames of all connections. */
  readonly cryptor: FrameCryptor;
  /** Counts those of this one. */
  readonly tally: FrameTally;
  /** The roster index of who sends, or null while everything is dropped. */
  peer(): number | null;
  /** The codec of a frame. @throws CryptoError `unsupported_codec` */
  codecOf(frame: EncodedFrame): Codec;
  /** Asks for a key that frames wait for. */
  want(kid: number): void;
  /** No frame could be opened for some seconds. */
  miss(): void;
}

/** A received medium. */
export interface Receiver {
  /** Opens what waited for a key that is held now. */
  flush(kid: number): void;
  /** Asks the peer for a key frame; audio refuses, and may. */
  requestKeyFrame(): void;
}

/** Opens the frames of a transform until it ends. */
export function receiveFrames(transformer: Transformer, around: ReceiverSurroundings): Receiver {
  const { ctx } = transformer.options;
  const waiting = new WaitingFrames<EncodedFrame>();

  const put = openPipe(transformer, (frame, put) => put(frame, open(frame)));
  return {
    flush(kid) {
      const { frames, dropped, isBroken } = waiting.take(kid, performance.now());
      lose(dropped);
      for (const frame of frames) put(frame, open(frame));
      if (isBroken) this.requestKeyFrame();
    },
    requestKeyFrame: () => void transformer.sendKeyFrameRequest?.().catch(() => {}),
  };

  async function open(frame: EncodedFrame): Promise<Bytes | null> {
    const index = around.peer();
    const wire = new Uint8Array(frame.data);
    if (index === null || wire.length === 0) return null;
    try {
      const from: IncomingFrame = { index, ctx, codec: around.codecOf(frame) };
      const opened = await unprotect(from, frame, wire);
      if (opened === null) return null;
      around.tally.open(wire.length);
      waiting.opened();
      return opened;
    } catch (error) {
      if (error instanceof CryptoError) around.tally.refuse(error.code);
      return null;
    }
  }

  /** Null for a frame that waits. Its envelope is read again to find out, and that of no other is. */
  async function unprotect(
    from: IncomingFrame,
    frame: EncodedFrame,
    wire: Bytes,
  ): Promise<Bytes | null> {
    try {
      return await around.cryptor.unprotect(from, wire);
    } catch (error) {
      const kid = around.cryptor.missingKid(from, wire);
      if (kid === null) throw error;
      wait(kid, frame, wire.length);
      return null;
    }
  }

  function wait(kid: number, frame: EncodedFrame, bytes: number): void {
    const want = waiting.keep(kid, frame, bytes, performance.now());
    lose(want.dropped);
    if (want.ask) around.want(kid);
    if (want.isMissing) around.miss();
  }

  function lose(frames: number): void {
    for (let i = 0; i < frames; i++) around.tally.refuse("unknown_key");
  }
}
