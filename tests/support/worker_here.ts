/**
 * The transform worker without a browser: the real one, on streams of the runtime, in this thread. Senders and
 * receivers are what an adapter sees of a browser's.
 *
 * @module
 */

import { type ToWorker } from "../../client/adapters/browser_messages.ts";
import { type EncodedFrame, type Transformer } from "../../client/adapters/browser_pipe.ts";
import { serveTransforms, type TransformScope } from "../../client/adapters/browser_transforms.ts";
import { type Bytes } from "../../crypto/bytes.ts";

/** A transform, with the ends that a browser has of it. */
class TransformHere {
  /** What came out of it. */
  readonly out: Bytes[] = [];
  /** Puts a frame in. */
  put: (wire: Bytes) => void = () => {};

  constructor(worker: unknown, options: Transformer["options"]) {
    const transformer: Transformer = {
      readable: new ReadableStream<EncodedFrame>({
        start: (controller) => {
          this.put = (wire) => controller.enqueue(frameOf(wire));
        },
      }),
      writable: new WritableStream<EncodedFrame>({
        write: ({ data }) => void this.out.push(new Uint8Array(data)),
      }),
      options,
      sendKeyFrameRequest: () => Promise.resolve(),
    };
    (worker as WorkerHere).run(transformer);
  }
}

class WorkerHere {
  onmessage: ((event: { readonly data: unknown }) => void) | null = null;
  #isOver = false;
  readonly #scope: TransformScope = {
    onrtctransform: null,
    onmessage: null,
    postMessage: (data) => this.#later(() => this.onmessage?.({ data: structuredClone(data) })),
  };

  constructor() {
    serveTransforms(this.#scope);
  }

  postMessage(data: ToWorker): void {
    this.#later(() => this.#scope.onmessage?.({ data }));
  }

  run(transformer: Transformer): void {
    this.#later(() => this.#scope.onrtctransform?.({ transformer }));
  }

  terminate(): void {
    this.#isOver = true;
  }

  #later(work: () => void): void {
    setTimeout(() => this.#isOver || work());
  }
}

/** Starts one; until it is disposed of, transforms are made here. */
export function workerHere(): { readonly start: () => Worker; [Symbol.dispose](): void } {
  Object.assign(globalThis, { RTCRtpScriptTransform: TransformHere });
  return {
    start: () => new WorkerHere() as unknown as Worker,
    [Symbol.dispose]: () => void Reflect.deleteProperty(globalThis, "RTCRtpScriptTransform"),
  };
}

/** A receiver as a test sees it. */
export interface ReceiverHere {
  /** What the adapter gets. */
  readonly receiver: RTCRtpReceiver;
  /** What is shown since the last time, also by a transform that another one took the place of. */
  shown(): readonly Bytes[];
  /** A frame comes; gives what is shown of it. */
  arrive(wire: Bytes): Promise<readonly Bytes[]>;
}

/** A receiver of VP8. */
export function receiverHere(): ReceiverHere {
  const receiver = Object.assign(new EndHere(), { track: { stop() {} } });
  const { transforms } = receiver;
  const shown = () => transforms.flatMap(({ out }) => out.splice(0));
  return {
    receiver: receiver as unknown as RTCRtpReceiver,
    shown,
    async arrive(wire) {
      transforms.at(-1)!.put(wire);
      await soon();
      return shown();
    },
  };
}

/** A sender of VP8. @param getStats what the browser says of it */
export function senderHere(
  getStats: () => Promise<ReadonlyMap<string, unknown>> = () => Promise.resolve(new Map()),
): { readonly sender: RTCRtpSender } {
  const sender = Object.assign(new EndHere(), { getStats, replaceTrack: () => Promise.resolve() });
  return { sender: sender as unknown as RTCRtpSender };
}

/** Lets what is under way in the worker come to an end. */
export function soon(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 30));
}

class EndHere {
  /** All that it had, the newest last. */
  readonly transforms: TransformHere[] = [];
  readonly transport = { state: "connected" };

  get transform(): TransformHere | null {
    return this.transforms.at(-1) ?? null;
  }

  set transform(transform: TransformHere | null) {
    this.transforms.push(transform!);
  }

  getParameters() {
    return { codecs: [{ payloadType: 96, mimeType: "video/VP8" }] };
  }
}

function frameOf(wire: Bytes): EncodedFrame {
  const getMetadata = () => ({ mimeType: "video/VP8" });
  return { data: wire.slice().buffer, type: "delta", getMetadata } as unknown as EncodedFrame;
}
