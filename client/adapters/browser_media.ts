/**
 * The transform worker as its page sees it: one for all connections that a participant has in a
 * call, because one cryptor must count the frames of a key.
 *
 * @module
 */

import { type Ctx } from "../../crypto/schedule.ts";
import {
  type FromWorker,
  type Gate,
  type ToWorker,
  type TransformOptions,
  type WorkerCounts,
} from "./browser_messages.ts";
import { type KeyHolder } from "./key_following.ts";

/** What one connection wants to hear of the worker. */
export interface MediaEvents {
  /** The worker failed: nothing is protected or opened any more. */
  onFailure(): void;
  /** Frames wait for the key of a KID; told once a second for each medium. */
  onWanted(kid: number): void;
  /** For three seconds no frame of a participant's medium could be opened for want of a key. */
  onMissing(index: number, ctx: Ctx): void;
}

/** The worker's part for one connection. */
export interface MediaPart {
  /** A transform for one side of one m-line; each is set before the local description. */
  transform(side: "send" | "recv", ctx: Ctx): RTCRtpScriptTransform;
  /** Waits until all transforms made so far run in the worker. @throws Error where it does not answer */
  running(): Promise<void>;
  /** Opens the gate, once keys were added and are in use; or tells its codecs anew. */
  open(gate: Gate): void;
  /**
   * What the worker did so far, after all that it was told before; not to be asked once it is closed.
   *
   * @throws Error where it does not answer
   */
  counts(): Promise<WorkerCounts>;
  /** Drops every further frame; what was asked before is still answered. Idempotent. */
  close(): void;
}

/** A participant's transform worker. */
export interface BrowserMedia extends KeyHolder {
  /** The part of one more connection. */
  connect(events: MediaEvents): MediaPart;
  /** Ends the worker, and with it all connections' media; idempotent. */
  close(): void;
}

/** How long the worker may take for an answer, in milliseconds. */
const WORKER_MS = 10_000;

interface Part {
  readonly events: MediaEvents;
  gate: Gate | null;
  isClosed: boolean;
  running: number;
  /** Waiting until so many transforms run. */
  awaited: { readonly count: number; readonly resolve: () => void }[];
  /** Asked and not answered yet; the worker answers in order. */
  readonly asked: ((counts: WorkerCounts) => void)[];
}

/** A worker for the connections of one call. @param start starts `browser_worker.ts` */
export function browserMedia(start: () => Worker): BrowserMedia {
  const worker = start();
  const parts = new Map<number, Part>();
  /** Ends the waiting for each answer that has not come. */
  const waiting = new Set<() => void>();
  let connections = 0;

  const tell = (message: ToWorker) => worker.postMessage(message);
  worker.onmessage = ({ data }: MessageEvent<FromWorker>) => {
    const part = parts.get(data.connection);
    if (part === undefined) return;
    hear(part, data);
    settle(data.connection, part);
  };
  worker.onerror = () => {
    for (const { events } of [...parts.values()]) events.onFailure();
  };

  return {
    counter: worker,
    connect(events) {
      const id = connections++;
      const part: Part = {
        events,
        gate: null,
        isClosed: false,
        running: 0,
        awaited: [],
        asked: [],
      };
      parts.set(id, part);
      return partOf(id, part);
    },
    add: (keys) => tell({ say: "add", keys }),
    use: (keys) => tell({ say: "use", keys }),
    retire: (which) => tell({ say: "retire", which }),
    hold: () => tell({ say: "hold" }),
    requestKeyFrames: () => tell({ say: "key-frame" }),
    close() {
      worker.terminate();
      for (const end of waiting) end();
    },
  };

  function partOf(id: number, part: Part): MediaPart {
    let made = 0;
    return {
      transform(side, ctx) {
        made++;
        const options: TransformOptions = { connection: id, side, ctx };
        return new RTCRtpScriptTransform(worker, options);
      },
      running() {
        return answered((resolve) => {
          part.awaited.push({ count: made, resolve });
          tellRunning(part);
        });
      },
      open(gate) {
        // It may have been closed while the keys were derived.
        if (part.isClosed) return;
        part.gate = gate;
        tell({ say: "open", connection: id, gate });
      },
      counts() {
        return answered((resolve) => {
          part.asked.push(resolve);
          tell({ say: "counts", connection: id });
        });
      },
      close() {
        if (part.isClosed) return;
        part.isClosed = true;
        part.gate = null;
        tell({ say: "close", connection: id });
        settle(id, part);
      },
    };
  }

  /** A worker that does not answer protects nothing. */
  function answered<T>(ask: (resolve: (answer: T) => void) => void): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const end = () => {
      clearTimeout(late);
      waiting.delete(end);
      reject(new Error("The transform worker does not answer"));
    };
    const late = setTimeout(end, WORKER_MS);
    waiting.add(end);
    ask((answer) => {
      resolve(answer);
      end();
    });
    return promise;
  }

  /** Forgets a part that is closed and waits for no answer. */
  function settle(id: number, { isClosed, asked }: Part): void {
    if (isClosed && asked.length === 0) parts.delete(id);
  }
}

function hear(part: Part, message: FromWorker): void {
  switch (message.say) {
    case "running":
      part.running++;
      return tellRunning(part);
    case "counts":
      return part.asked.shift()?.(message.counts);
    case "wanted":
      return part.events.onWanted(message.kid);
    case "missing":
      if (part.gate !== null) part.events.onMissing(part.gate.peer, message.ctx);
  }
}

function tellRunning(part: Part): void {
  for (const { count, resolve } of part.awaited) if (part.running >= count) resolve();
  part.awaited = part.awaited.filter(({ count }) => part.running < count);
}
