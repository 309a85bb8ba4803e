/**
 * The transform worker of a receiver without keys: it tells every frame that came, and whether it looks
 * like one of ours: the envelope of a codec, then an SFrame header with the KID of the sender's medium.
 *
 * Whatever else comes is in the clear, and goes on to the decoder. What is sealed does not: a decoder
 * makes something of any bytes behind VP8's envelope, and would prove nothing.
 *
 * @module
 */

import { type Codec, unwrap } from "../../../crypto/envelope.ts";
import { frameKid } from "../../../crypto/schedule.ts";
import { readWideHeader } from "../../../crypto/sframe_header.ts";

/** A frame that came, said on the channel `arrived`. */
export interface ArrivedFrame {
  readonly ctx: 0 | 1;
  /** The codecs whose envelope it has. */
  readonly sealedAs: readonly Codec[];
  readonly bytes: Uint8Array;
}

type Frame = RTCEncodedAudioFrame | RTCEncodedVideoFrame;

interface Transformer {
  readonly readable: ReadableStream<Frame>;
  readonly writable: WritableStream<Frame>;
  readonly options: { readonly ctx: 0 | 1 };
}

/** The caller's, in the first epoch. */
const GENERATION = { epoch: 1, step: 0 };
const CODECS: readonly (readonly Codec[])[] = [["opus"], ["vp8", "av1", "h264", "vp9"]];

const channel = new BroadcastChannel("arrived");
const scope = globalThis as unknown as {
  onrtctransform: (event: { readonly transformer: Transformer }) => void;
};
scope.onrtctransform = ({ transformer: { readable, writable, options: { ctx } } }) => {
  const look = new TransformStream<Frame, Frame>({
    transform(frame, controller) {
      const bytes = new Uint8Array(frame.data.slice(0));
      const sealedAs = CODECS[ctx]!.filter((codec) => isSealed(codec, ctx, bytes));
      const arrived: ArrivedFrame = { ctx, sealedAs, bytes };
      if (bytes.length > 0) channel.postMessage(arrived);
      if (sealedAs.length === 0) controller.enqueue(frame);
    },
  });
  void readable.pipeThrough(look).pipeTo(writable).catch(() => {});
};

function isSealed(codec: Codec, ctx: 0 | 1, wire: Uint8Array<ArrayBuffer>): boolean {
  try {
    return readWideHeader(unwrap(codec, wire)).kid === frameKid(GENERATION, 0, ctx);
  } catch {
    return false;
  }
}
