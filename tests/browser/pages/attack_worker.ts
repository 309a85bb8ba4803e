/**
 * The adapter's worker behind somebody who repeats and makes up frames: whatever the browser hands to its
 * receiving transforms, hundreds of others come with it.
 *
 * @module
 */

import { type Bytes } from "../../../crypto/bytes.ts";
import { unwrap, wrap } from "../../../crypto/envelope.ts";
import { readHeader } from "../../../crypto/sframe.ts";
import { encodeWideHeader } from "../../../crypto/sframe_header.ts";
import { before, frameLike, serveBehind, type Transformer } from "./worker_shim.ts";

/** How many come with each frame, half of them repeated, and half with another KID. */
const EACH = 400;
/** How many come to one medium in all; said on the channel `attack` once they did. */
const ALL = 100_000;
/** The call plays a moment before. */
const AFTER = 50;

const channel = new BroadcastChannel("attack");
serveBehind((transformer) =>
  transformer.options.side === "recv" ? attacked(transformer) : transformer
);

function attacked(transformer: Transformer): Transformer {
  const { connection, ctx } = transformer.options;
  const codec = ctx === 0 ? "opus" : "vp8";
  let [frames, made] = [0, 0];
  return before(transformer, (frame, controller) => {
    controller.enqueue(frame);
    if (++frames <= AFTER || made >= ALL) return;
    const wire = new Uint8Array(frame.data.slice(0));
    for (let i = 0; i < EACH; i++, made++) {
      controller.enqueue(frameLike(frame, i % 2 === 0 ? wire : forged(wire, made)));
    }
    if (made >= ALL) channel.postMessage({ connection, ctx });
  });

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
