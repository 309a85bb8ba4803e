/**
 * The adapter's worker with somebody between the browser and its transforms: what the workers of tests
 * have in common.
 *
 * @module
 */

import {
  serveTransforms,
  type Transformer,
  type TransformScope,
} from "../../../client/adapters/browser_transforms.ts";
import { type EncodedFrame } from "../../../client/adapters/browser_pipe.ts";

import { type Bytes } from "../../../crypto/bytes.ts";

export { type EncodedFrame } from "../../../client/adapters/browser_pipe.ts";
export { type Transformer } from "../../../client/adapters/browser_transforms.ts";

/** Serves transforms in this worker. @param between gives what is put in the place of the browser's */
export function serveBehind(between: (transformer: Transformer) => Transformer): void {
  const page = globalThis as unknown as TransformScope;
  const scope: TransformScope = {
    onrtctransform: null,
    onmessage: null,
    postMessage: (message) => page.postMessage(message),
  };
  serveTransforms(scope);
  page.onmessage = (event) => scope.onmessage!(event);
  page.onrtctransform = ({ transformer }) =>
    scope.onrtctransform!({ transformer: between(transformer) });
}

/** What frames go through on their way: each may be handed on, changed, or not. */
export type Handling = TransformerTransformCallback<EncodedFrame, EncodedFrame>;

/** The same transform, with its frames handled before it has them. */
export function before(transformer: Transformer, transform: Handling): Transformer {
  const stream = new TransformStream<EncodedFrame, EncodedFrame>({ transform });
  return { ...ends(transformer), readable: transformer.readable.pipeThrough(stream) };
}

/** The same transform, with its frames handled once it has done its work. */
export function behind(transformer: Transformer, transform: Handling): Transformer {
  const stream = new TransformStream<EncodedFrame, EncodedFrame>({ transform });
  stream.readable.pipeTo(transformer.writable).catch(() => {});
  return { ...ends(transformer), writable: stream.writable };
}

/** What our transforms take for a frame of other bytes, and no browser does. */
export function frameLike(frame: EncodedFrame, bytes: Bytes): EncodedFrame {
  const { type } = frame as RTCEncodedVideoFrame;
  // Now: the frame itself may be gone once it is asked.
  const metadata = frame.getMetadata();
  return { data: bytes.slice().buffer, type, getMetadata: () => metadata } as EncodedFrame;
}

/** The browser's own object keeps these with its prototype, where a spread does not find them. */
function ends(transformer: Transformer): Transformer {
  const { readable, writable, options } = transformer;
  const sendKeyFrameRequest = () => transformer.sendKeyFrameRequest!();
  return { readable, writable, options, sendKeyFrameRequest };
}
