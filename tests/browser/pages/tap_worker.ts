/**
 * The adapter's worker with a tap on what the browser hands to its transforms: frames of the encoder
 * on their way out, and frames from the wire on their way in. It changes none.
 *
 * @module
 */

import {
  serveTransforms,
  type TransformScope,
} from "../../../client/adapters/browser_transforms.ts";
import { type TransformOptions } from "../../../client/adapters/browser_messages.ts";

/** A frame as a transform got it, said on the channel `frames`. */
export interface TappedFrame extends TransformOptions {
  /** What the browser says of it. */
  readonly mimeType: string;
  /** `key` or `delta`; of audio, nothing. */
  readonly type: string;
  /** The frame. */
  readonly bytes: Uint8Array;
}

type RtcTransform = Parameters<NonNullable<TransformScope["onrtctransform"]>>[0];
type Transformer = RtcTransform["transformer"];

const channel = new BroadcastChannel("frames");
const page = globalThis as unknown as TransformScope;
const scope: TransformScope = {
  onrtctransform: null,
  onmessage: null,
  postMessage: (message) => page.postMessage(message),
};
serveTransforms(scope);
page.onmessage = (event) => scope.onmessage!(event);
page.onrtctransform = ({ transformer }) => {
  scope.onrtctransform!({ transformer: tapped(transformer) });
};

function tapped(transformer: Transformer): Transformer {
  const { readable, writable, options } = transformer;
  const tap = new TransformStream({
    transform(frame, controller) {
      const { mimeType = "" } = frame.getMetadata();
      const bytes = new Uint8Array(frame.data.slice(0));
      const seen: TappedFrame = {
        ...options,
        mimeType,
        type: frame.type ?? "",
        bytes,
      };
      channel.postMessage(seen);
      controller.enqueue(frame);
    },
  });
  return {
    readable: readable.pipeThrough(tap),
    writable,
    options,
    sendKeyFrameRequest: () => transformer.sendKeyFrameRequest!(),
  };
}
