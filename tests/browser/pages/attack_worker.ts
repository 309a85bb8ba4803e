/**
 * The adapter's worker behind somebody who repeats and makes up frames: whatever the browser hands to its
 * receiving transforms, hundreds of others come with it.
 *
 * @module
 */

import {
  serveTransforms,
  type TransformScope,
} from "../../../client/adapters/browser_transforms.ts";
import { type Bytes } from "../../../crypto/bytes.ts";
import { unwrap, wrap } from "../../../crypto/envelope.ts";
import { readHeader } from "../../../crypto/sframe.ts";
import { encodeWideHeader } from "../../../crypto/sframe_header.ts";

type RtcTransform = Parameters<NonNullable<TransformScope["onrtctransform"]>>[0];
type Transformer = RtcTransform["transformer"];

/** How many come with each frame, half of them repeated, and half with another KID. */
const EACH = 400;
/** How many come to one medium in all; said on the channel `attack` once they did. */
const ALL = 100_000;
/** The call plays a moment before. */
const AFTER = 50;

const channel = new BroadcastChannel("attack");
const page = globalThis as unknown as TransformScope;
const scope: TransformScope = {
  onrtctransform: null,
  onmessage: null,
  postMessage: (message) => page.postMessage(message),
};
serveTransforms(scope);
page.onmessage = (event) => scope.onmessage!(event);
page.onrtctransform = ({ transformer }) => {
  const { side } = transformer.options;
  scope.onrtctransform!({ transformer: side === "recv" ? attacked(transformer) : transformer });
};

function attacked(transformer: Transformer): Transformer {
  const { readable, writable, options } = transformer;
  const codec = options.ctx === 0 ? "opus" : "vp8";
  let [frames, made] = [0, 0];
  const attack = new TransformStream({
    transform(frame, controller) {
      controller.enqueue(frame);
      if (++frames <= AFTER || made >= ALL) return;
      const wire = new Uint8Array(frame.data.slice(0));
      const like = (bytes: Bytes) => ({
        data: bytes.slice().buffer,
        type: frame.type,
        getMetadata: () => frame.getMetadata(),
      });
      for (let i = 0; i < EACH; i++, made++) {
        controller.enqueue(i % 2 === 0 ? like(wire) : like(forged(wire, made)));
      }
      if (made >= ALL) channel.postMessage({ connection: options.connection, ctx: options.ctx });
    },
  });
  return {
    readable: readable.pipeThrough(attack),
    writable,
    options,
    sendKeyFrameRequest: () => transformer.sendKeyFrameRequest!(),
  };

  /** The same, of a generation that nobody has: 255 KIDs that might come to be. */
  function forged(wire: Bytes, n: number): Bytes {
    const sframe = unwrap(codec, wire);
    const { kid, ctr, length } = readHeader(sframe);
    const header = encodeWideHeader(kid ^ 1 + n % 255, ctr);
    const made = new Uint8Array(header.length + sframe.length - length);
    made.set(header);
    made.set(sframe.subarray(length), header.length);
    return wrap(codec, "delta", made);
  }
}
