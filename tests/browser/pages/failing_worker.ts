/**
 * The adapter's worker, that fails when it is told to: by an error that nobody catches, or by one in the
 * pipes of its transforms, which ends them.
 *
 * @module
 */

import { before, serveBehind } from "./worker_shim.ts";

let isBroken = false;
const channel = new BroadcastChannel("fail");
channel.onmessage = ({ data }) => {
  if (data === "throw") throw new Error("A worker that throws");
  isBroken = true;
};

serveBehind((transformer) =>
  before(transformer, (frame, controller) => {
    if (isBroken) throw new Error("A pipe that throws");
    controller.enqueue(frame);
  })
);
