/**
 * The adapter's worker, that fails when it is told to: by an error that nobody catches, or by one in the
 * pipes of its transforms, which ends them.
 *
 * @module
 */

import {
  serveTransforms,
  type TransformScope,
} from "../../../client/adapters/browser_transforms.ts";

type RtcTransform = Parameters<NonNullable<TransformScope["onrtctransform"]>>[0];
type Transformer = RtcTransform["transformer"];

let isBroken = false;
const channel = new BroadcastChannel("fail");
channel.onmessage = ({ data }) => {
  if (data === "throw") throw new Error("A worker that throws");
  isBroken = true;
};

const page = globalThis as unknown as TransformScope;
const scope: TransformScope = {
  onrtctransform: null,
  onmessage: null,
  postMessage: (message) => page.postMessage(message),
};
serveTransforms(scope);
page.onmessage = (event) => scope.onmessage!(event);
page.onrtctransform = ({ transformer }) => {
  scope.onrtctransform!({ transformer: breakable(transformer) });
};

function breakable(transformer: Transformer): Transformer {
  const pipe = new TransformStream({
    transform(frame, controller) {
      if (isBroken) throw new Error("A pipe that throws");
      controller.enqueue(frame);
    },
  });
  return {
    readable: transformer.readable.pipeThrough(pipe),
    writable: transformer.writable,
    options: transformer.options,
    sendKeyFrameRequest: () => transformer.sendKeyFrameRequest!(),
  };
}
