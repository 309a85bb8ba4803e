/**
 * The transforms of the browser adapter, in its worker: every media frame passes here, or goes
 * nowhere.
 *
 * It never hands on a frame that it did not protect or open itself, and no frame before the gate is
 * open. It never throws out of a transform, because an exception ends that pipe for good: a frame
 * that fails is dropped.
 *
 * @module
 */

import { type Bytes } from "../../crypto/bytes.ts";
import { type Codec, codecOf } from "../../crypto/envelope.ts";
import { FrameCryptor } from "../../crypto/frame_cryptor.ts";
import { type Ctx } from "../../crypto/schedule.ts";
import {
  type FromWorker,
  type SentCount,
  type ToWorker,
  type TransformOptions,
} from "./browser_messages.ts";

type Frame = RTCEncodedVideoFrame | RTCEncodedAudioFrame;

/** The slice of `RTCRtpScriptTransformer` that is used; lib.dom has it for workers only. */
interface Transformer {
  readonly readable: ReadableStream<Frame>;
  readonly writable: WritableStream<Frame>;
  readonly options: TransformOptions;
  sendKeyFrameRequest?(): Promise<void>;
}

/** The slice of `DedicatedWorkerGlobalScope` that is used. */
export interface TransformScope {
  /** Called for each transform that the page makes. */
  onrtctransform: ((event: { readonly transformer: Transformer }) => void) | null;
  /** Called for each message of the page. */
  onmessage: ((event: { readonly data: ToWorker }) => void) | null;
  /** Answers the page. */
  postMessage(message: FromWorker): void;
}

/** Serves the transforms of one page until the worker ends. */
export function serveTransforms(scope: TransformScope): void {
  const cryptor = new FrameCryptor();
  const sent = new Map<Ctx, SentCount>();
  const viewers: Transformer[] = [];
  let codecs: ReadonlyMap<number, string> = new Map();
  let open = false;

  scope.onrtctransform = ({ transformer }) => {
    const { side, ctx } = transformer.options;
    if (side === "send") {
      const count: SentCount = { frames: 0, bytes: 0 };
      sent.set(ctx, count);
      pump(transformer, (frame) => {
        count.frames++;
        return protect(frame, ctx, count);
      });
    } else {
      viewers.push(transformer);
      pump(transformer, (frame) => unprotect(frame, ctx));
    }
    scope.postMessage(null);
  };

  scope.onmessage = ({ data: keys }) => {
    if (keys !== null) {
      for (const [ctx, key] of keys.send) cryptor.setSendKey(ctx, key);
      for (const key of keys.recv) cryptor.addRecvKey(key);
      codecs = keys.codecs;
      open = true;
      // What came before was dropped, so the decoder must start anew. Audio refuses, and may.
      for (const viewer of viewers) viewer.sendKeyFrameRequest?.().catch(() => {});
    }
    scope.postMessage({ stats: cryptor.stats(), sent });
  };

  async function protect(frame: Frame, ctx: Ctx, count: SentCount): Promise<Bytes | null> {
    if (!open || frame.data.byteLength === 0) return null;
    const codec = codecOfFrame(frame);
    const wire = await cryptor.protect(
      { ctx, codec, frameType: "type" in frame && frame.type === "key" ? "key" : "delta" },
      new Uint8Array(frame.data),
    );
    count.bytes += wire.length;
    return wire;
  }

  async function unprotect(frame: Frame, ctx: Ctx): Promise<Bytes | null> {
    if (!open || frame.data.byteLength === 0) return null;
    const codec = codecOfFrame(frame);
    return await cryptor.unprotect({ ctx, codec }, new Uint8Array(frame.data));
  }

  function codecOfFrame(frame: Frame): Codec {
    const { mimeType, payloadType } = frame.getMetadata();
    // Without a name there is no codec, and `codecOf` refuses.
    return codecOf(mimeType ?? codecs.get(payloadType ?? -1) ?? "");
  }
}

/**
 * Reads without waiting for the cryptography, so frames overlap in it; writes in the order read.
 */
async function pump(
  { readable, writable }: Transformer,
  work: (frame: Frame) => Promise<Bytes | null>,
): Promise<void> {
  const writer = writable.getWriter();
  // A pipe that the page took away ends both streams; there is nothing left to do then.
  writer.closed.catch(() => {});
  let turn: Promise<void> = Promise.resolve();
  try {
    for (const reader = readable.getReader();;) {
      const { done, value: frame } = await reader.read();
      if (done) return;
      const job = work(frame).catch(() => null);
      turn = turn.then(async () => {
        const bytes = await job;
        if (bytes === null) return;
        frame.data = wholeBuffer(bytes);
        await writer.write(frame);
      }).catch(() => {});
    }
  } catch {
    // As above.
  }
}

/** A frame takes a buffer and not a view. */
function wholeBuffer(bytes: Bytes): ArrayBuffer {
  return bytes.byteLength === bytes.buffer.byteLength ? bytes.buffer : bytes.slice().buffer;
}
