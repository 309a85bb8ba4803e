/**
 * The adapter's worker with a tap on what the browser hands to its transforms: frames of the encoder
 * on their way out, and frames from the wire on their way in. It changes none.
 *
 * @module
 */

import { type TransformOptions } from "../../../client/adapters/browser_messages.ts";
import { before, serveBehind } from "./worker_shim.ts";

/** A frame as a transform got it, said on the channel `frames`. */
export interface TappedFrame extends TransformOptions {
  /** What the browser says of it. */
  readonly mimeType: string;
  /** `key` or `delta`; of audio, nothing. */
  readonly type: string;
  /** The frame. */
  readonly bytes: Uint8Array;
}

const channel = new BroadcastChannel("frames");
serveBehind((transformer) =>
  before(transformer, (frame, controller) => {
    const seen: TappedFrame = {
      ...transformer.options,
      mimeType: frame.getMetadata().mimeType ?? "",
      type: "type" in frame ? frame.type : "",
      bytes: new Uint8Array(frame.data.slice(0)),
    };
    channel.postMessage(seen);
    controller.enqueue(frame);
  })
);
