/**
 * Whole transforms as browsers run them: a stream of frames in, the transform of each, a stream out.
 *
 * @module
 */

import { serveTransforms, type TransformScope } from "../../client/adapters/browser_transforms.ts";
import { type ToWorker } from "../../client/adapters/browser_messages.ts";
import { CTX } from "../../crypto/schedule.ts";
import { median } from "../shared/rounds.ts";
import { type Frame, framesOf } from "./frame.ts";
import { liveKitCryptor } from "./livekit.ts";
import { cameraKey } from "./ours.ts";

const FRAMES = 2_000;
const BYTES = 1_200;

type Pipe = (frames: ReadableStream<Frame>, out: WritableStream<Frame>) => void | Promise<void>;

/** Times a sender's and a receiver's transform behind each other, in turn, with a line each. */
export async function pipelines(rounds: number, say: (line: string) => void): Promise<void> {
  const contenders = [
    { who: "countersign", make: ourPipes },
    { who: "livekit-client", make: liveKitPipes },
  ];
  const times = contenders.map((): number[] => []);
  for (let round = 0; round < rounds; round++) {
    for (const [i, { make }] of contenders.entries()) {
      const pipes = await make();
      if (pipes !== null) times[i]!.push(await flow(pipes));
    }
  }
  const [ours, theirs] = times.map((all) => all.length === 0 ? NaN : median(all));
  const perSecond = (ms: number) => Math.round(FRAMES / ms * 1_000).toLocaleString("en");
  say(
    `a sender's and a receiver's transform, ${BYTES} B: countersign ${
      perSecond(ours!)
    } frames/s, ` +
      `livekit-client ${perSecond(theirs!)}: ${(ours! / theirs!).toFixed(2)} times as long`,
  );
}

/** Milliseconds until all frames came through both. */
async function flow([send, receive]: readonly [Pipe, Pipe]): Promise<number> {
  const frames = framesOf(FRAMES, BYTES);
  let next = 0;
  const encoder = new ReadableStream<Frame>({
    pull(controller) {
      const frame = frames[next++];
      if (frame === undefined) controller.close();
      else controller.enqueue(frame);
    },
  });
  const wire = new TransformStream<Frame, Frame>();
  const decoded = Promise.withResolvers<void>();
  let count = 0;
  const decoder = new WritableStream<Frame>({
    write({ data }) {
      if (data.byteLength !== BYTES) decoded.reject(new Error("a frame did not open"));
      if (++count === FRAMES) decoded.resolve();
    },
  });
  const started = performance.now();
  void send(encoder, wire.writable);
  void receive(wire.readable, decoder);
  await decoded.promise;
  return performance.now() - started;
}

/** The transform worker itself, in this one's place. */
async function ourPipes(): Promise<readonly [Pipe, Pipe]> {
  const key = await cameraKey();
  const serve = (side: "send" | "recv"): Pipe => {
    const scope: TransformScope = {
      onrtctransform: null,
      onmessage: null,
      postMessage: () => {},
    };
    serveTransforms(scope);
    return (readable, writable) => {
      const options = { connection: 0, side, ctx: CTX.camera };
      const transformer = { readable, writable, options };
      // The frames are no browser's, but have all that a transform asks of them.
      scope.onrtctransform!({ transformer } as never);
      const tell = (data: ToWorker) => scope.onmessage!({ data });
      tell(side === "send" ? { say: "use", keys: [key] } : { say: "add", keys: [key] });
      tell({ say: "open", connection: 0, gate: { peer: 0, codecs: new Map() } });
    };
  };
  return [serve("send"), serve("recv")];
}

async function liveKitPipes(): Promise<readonly [Pipe, Pipe] | null> {
  const [sender, receiver] = [await liveKitCryptor(), await liveKitCryptor()];
  if (sender === null || receiver === null) return null;
  return [
    (readable, writable) => sender.setupTransform("encode", readable, writable, "track", "vp8"),
    (readable, writable) => receiver.setupTransform("decode", readable, writable, "track", "vp8"),
  ];
}
