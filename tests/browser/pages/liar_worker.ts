/**
 * The adapter's worker with a relay that lies in front of it: what a transform hands over of the wire
 * has been through its hands, and what leaves is counted. The page says by the channel `relay` what it
 * does, and is answered with what it did since.
 *
 * @module
 */

import { type Relayed, type Relaying } from "../../support/adapter_contract.ts";
import {
  before,
  behind,
  type EncodedFrame,
  frameLike,
  type Handling,
  serveBehind,
  type Transformer,
} from "./worker_shim.ts";

/** What the relay does from now on; `quiet` drops without counting. */
export type RelayOrder = Relaying | "quiet";

/** What the page says on the channel, again until everybody answered. */
export interface RelayMessage {
  /** Goes up by one. */
  readonly number: number;
  /** What to do. */
  readonly relaying: RelayOrder;
}

/** What a worker answers: what it did until then. */
export interface RelayAnswer {
  /** Of the message. */
  readonly number: number;
  /** Whose answer it is. */
  readonly worker: string;
  /** What was done. */
  readonly did: RelayedInto;
}

/** What the relay did, and how much came out behind it. */
export interface RelayedInto extends Relayed {
  /** Frames that the adapter handed on to the decoders, whatever it says of them. */
  readonly given: number;
}

const TAG_BYTES = 16;

const channel = new BroadcastChannel("relay");
const worker = crypto.randomUUID();
let answer: RelayAnswer | null = null;
let relaying: RelayOrder = "quiet";
let [left, honest, lied, given] = [0, 0, 0, 0];
/** By medium, then by transform: what waits to go out as somebody else's. */
const pools = new Map<number, Map<number, ArrayBuffer[]>>();
let transforms = 0;
let orders = 0;

channel.onmessage = ({ data }: MessageEvent<RelayMessage | RelayAnswer>) => {
  if (!("relaying" in data)) return;
  if (data.number !== answer?.number) {
    relaying = data.relaying;
    orders++;
    pools.clear();
    answer = { number: data.number, worker, did: { left, honest, lied, given } };
    [left, honest, lied, given] = [0, 0, 0, 0];
  }
  channel.postMessage(answer);
};

serveBehind((transformer) =>
  transformer.options.side === "send"
    ? behind(transformer, counting(() => left++))
    : lying(behind(transformer, counting(() => given++)))
);

function counting(count: () => void): Handling {
  return (frame, controller) => {
    count();
    controller.enqueue(frame);
  };
}

function lying(transformer: Transformer): Transformer {
  const { ctx } = transformer.options;
  const id = transforms++;
  /** The tags of all frames that came: what is sent again, and not by the relay, is no lie. */
  const came = new Set<string>();
  let held: { readonly frame: EncodedFrame; readonly order: number } | null = null;
  return before(transformer, (frame, controller) => {
    const tag = new Uint8Array(frame.data.slice(-TAG_BYTES)).join();
    if (came.has(tag)) return;
    came.add(tag);
    switch (relaying) {
      case "quiet":
      case "drop":
        return;
      case "honest":
        honest++;
        return controller.enqueue(frame);
      case "replay": {
        honest++;
        lied++;
        // Only our transform can take it for a frame: it is not to be decoded.
        const again = frameLike(frame, new Uint8Array(frame.data.slice(0)));
        controller.enqueue(frame);
        return controller.enqueue(again);
      }
      case "reorder": {
        const earlier = held?.order === orders ? held.frame : null;
        held = earlier === null ? { frame, order: orders } : null;
        if (earlier === null) return;
        honest += 2;
        controller.enqueue(frame);
        return controller.enqueue(earlier);
      }
      case "swap": {
        const pool = pools.get(ctx) ?? new Map<number, ArrayBuffer[]>();
        pools.set(ctx, pool);
        pool.set(id, [...pool.get(id) ?? [], frame.data.slice(0)]);
        const other = [...pool].find(([whose, queue]) => whose !== id && queue.length > 0);
        if (other === undefined) return;
        frame.data = other[1].shift()!;
        break;
      }
      case "flip": {
        const bytes = new Uint8Array(frame.data.slice(0));
        bytes[bytes.length - 1]! ^= 1;
        frame.data = bytes.buffer;
        break;
      }
      case "plaintext":
        // As an Opus packet of 20 ms begins, and a key frame of VP8 does not.
        frame.data = new Uint8Array(60).fill(0xfc).buffer;
    }
    lied++;
    controller.enqueue(frame);
  });
}
