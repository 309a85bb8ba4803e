/**
 * What a page and its transform worker say to each other. The worker serves all connections that a
 * participant has in a call.
 *
 * Keys cross as WebCrypto handles that are not extractable, and only from the page to the worker.
 *
 * @module
 */

import { type Ctx } from "../../crypto/schedule.ts";
import { type FrameKey } from "../../crypto/sframe.ts";
import { type MediaStats } from "../adapter.ts";
import { type Retired } from "./key_following.ts";

/** The options of one transform: which way its frames go, and which medium they are of. */
export interface TransformOptions {
  /** The number of its connection; the page's worker has each once. */
  readonly connection: number;
  /** `send` protects, `recv` opens. */
  readonly side: "send" | "recv";
  /** The medium; a received frame of any other medium does not open. */
  readonly ctx: Ctx;
}

/** What opens the gate of a connection: until the worker has it, every frame is dropped. */
export interface Gate {
  /** The roster index of who is at the other end; frames of anybody else do not open. */
  readonly peer: number;
  /** Payload type to MIME type, for browsers whose frames do not say. */
  readonly codecs: ReadonlyMap<number, string>;
}

/** How far the frames of one medium came on their way out. */
export interface SentCount {
  /** Frames that the encoder gave to the transform, whatever became of them. */
  frames: number;
  /** Bytes of protected frames; counted before they are handed on, so never too few. */
  bytes: number;
}

/** What the worker did so far on one connection. */
export interface WorkerCounts {
  /** Counts of its frames. */
  readonly stats: MediaStats;
  /** The counts of each medium on its way out. */
  readonly sent: ReadonlyMap<Ctx, SentCount>;
}

/** What the page says; `counts` alone is answered. */
export type ToWorker =
  /** Opens the gate of a connection, or tells its codecs anew. */
  | { readonly say: "open"; readonly connection: number; readonly gate: Gate }
  /** Receive keys: frames that wait for them are opened. */
  | { readonly say: "add"; readonly keys: readonly FrameKey[] }
  /** Send keys, one for a medium; those whose place they take are dropped. */
  | { readonly say: "use"; readonly keys: readonly FrameKey[] }
  /** Receive keys to drop. */
  | { readonly say: "retire"; readonly which: Retired }
  /** Nothing may be sent until the next `use`. */
  | { readonly say: "hold" }
  /** Ask every receiver's peer for a key frame. */
  | { readonly say: "key-frame" }
  /** What the worker did so far, after all that was said before. */
  | { readonly say: "counts"; readonly connection: number }
  /** The connection is gone; its frames are dropped, and what waits of it. */
  | { readonly say: "close"; readonly connection: number };

/** What the worker says. */
export type FromWorker =
  /** A transform of a connection runs. */
  | { readonly say: "running"; readonly connection: number }
  /** An answer. */
  | { readonly say: "counts"; readonly connection: number; readonly counts: WorkerCounts }
  /** Frames wait for the key of a KID: once a second, for each medium of a connection. */
  | { readonly say: "wanted"; readonly connection: number; readonly kid: number }
  /** For some seconds no frame of a medium could be opened for want of a key; once until one can. */
  | { readonly say: "missing"; readonly connection: number; readonly ctx: Ctx };
