/**
 * The transforms of the browser adapter, in its worker: every media frame of every connection that a
 * participant has in a call passes here, or goes nowhere.
 *
 * It never hands on a frame that it did not protect or open itself, and none of a connection whose
 * gate is not open. There is one cryptor for all connections, so that no counter of a key is used
 * twice, and no frame opens twice.
 *
 * @module
 */

import { type Bytes } from "../../crypto/bytes.ts";
import { type Codec, codecOf } from "../../crypto/envelope.ts";
import { CryptoError } from "../../crypto/error.ts";
import { FrameCryptor } from "../../crypto/frame_cryptor.ts";
import { FrameTally } from "../../crypto/frame_tally.ts";
import { type Ctx } from "../../crypto/schedule.ts";
import { type FromWorker, type Gate, type SentCount, type ToWorker } from "./browser_messages.ts";
import { type EncodedFrame, openPipe, type Transformer } from "./browser_pipe.ts";
import { receiveFrames, type Receiver } from "./browser_receiver.ts";
import { cryptorKeys } from "./cryptor_keys.ts";

export { type Transformer } from "./browser_pipe.ts";

/** The slice of `DedicatedWorkerGlobalScope` that is used. */
export interface TransformScope {
  /** Called for each transform that the page makes. */
  onrtctransform: ((event: { readonly transformer: Transformer }) => void) | null;
  /** Called for each message of the page. */
  onmessage: ((event: { readonly data: ToWorker }) => void) | null;
  /** Tells the page. */
  postMessage(message: FromWorker): void;
}

interface Connection {
  /** Null before it is opened, and after it is closed. */
  gate: Gate | null;
  readonly tally: FrameTally;
  readonly sent: Map<Ctx, SentCount>;
  readonly receivers: Receiver[];
}

/** Serves the transforms of one page until the worker ends. */
export function serveTransforms(scope: TransformScope): void {
  const cryptor = new FrameCryptor();
  const holder = cryptorKeys(cryptor, () => {
    for (const receiver of allReceivers()) receiver.requestKeyFrame();
  });
  const connections = new Map<number, Connection>();

  scope.onrtctransform = ({ transformer }) => {
    const { connection: id, side } = transformer.options;
    const connection = connectionOf(id);
    if (side === "send") send(transformer, connection);
    else receive(transformer, connection);
    scope.postMessage({ say: "running", connection: id });
  };
  scope.onmessage = ({ data }) => hear(data);

  function hear(message: ToWorker): void {
    switch (message.say) {
      case "open": {
        const connection = connectionOf(message.connection);
        connection.gate = message.gate;
        // What came before was dropped, so the decoders must start anew.
        for (const receiver of connection.receivers) receiver.requestKeyFrame();
        return;
      }
      case "add":
        holder.add(message.keys);
        for (const { kid } of message.keys) {
          for (const receiver of allReceivers()) receiver.flush(kid);
        }
        return;
      case "use":
        return holder.use(message.keys);
      case "retire":
        return holder.retire(message.which);
      case "hold":
        return holder.hold();
      case "key-frame":
        return holder.requestKeyFrames();
      case "counts": {
        const { tally, sent } = connectionOf(message.connection);
        const counts = { stats: tally.stats(), sent };
        return scope.postMessage({ say: "counts", connection: message.connection, counts });
      }
      case "close":
        connectionOf(message.connection).gate = null;
        connections.delete(message.connection);
    }
  }

  function connectionOf(id: number): Connection {
    const known = connections.get(id);
    if (known !== undefined) return known;
    const made = { gate: null, tally: new FrameTally(), sent: new Map(), receivers: [] };
    connections.set(id, made);
    return made;
  }

  function allReceivers(): Receiver[] {
    return [...connections.values()].flatMap(({ receivers }) => receivers);
  }

  function receive(transformer: Transformer, connection: Connection): void {
    const { connection: id, ctx } = transformer.options;
    connection.receivers.push(receiveFrames(transformer, {
      cryptor,
      tally: connection.tally,
      peer: () => connection.gate?.peer ?? null,
      codecOf: (frame) => codecOfFrame(frame, connection),
      want: (kid) => scope.postMessage({ say: "wanted", connection: id, kid }),
      miss: () => scope.postMessage({ say: "missing", connection: id, ctx }),
    }));
  }

  function send(transformer: Transformer, connection: Connection): void {
    const { ctx } = transformer.options;
    const count: SentCount = { frames: 0, bytes: 0 };
    connection.sent.set(ctx, count);
    openPipe(transformer, (frame, put) => {
      count.frames++;
      put(frame, protect(frame, ctx, connection, count));
    });
  }

  async function protect(
    frame: EncodedFrame,
    ctx: Ctx,
    connection: Connection,
    count: SentCount,
  ): Promise<Bytes | null> {
    if (connection.gate === null || frame.data.byteLength === 0 || !cryptor.protects(ctx)) {
      return null;
    }
    try {
      const frameType = "type" in frame && frame.type === "key" ? "key" : "delta";
      const to = { ctx, codec: codecOfFrame(frame, connection), frameType } as const;
      const wire = await cryptor.protect(to, new Uint8Array(frame.data));
      count.bytes += wire.length;
      connection.tally.protect(wire.length);
      return wire;
    } catch (error) {
      if (error instanceof CryptoError) connection.tally.refuse(error.code);
      return null;
    }
  }
}

function codecOfFrame(frame: EncodedFrame, { gate }: Connection): Codec {
  const { mimeType, payloadType } = frame.getMetadata();
  // Without a name there is no codec, and `codecOf` refuses.
  return codecOf(mimeType ?? gate?.codecs.get(payloadType ?? -1) ?? "");
}
