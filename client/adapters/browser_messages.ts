/**
 * What the browser adapter and its transform worker say to each other.
 *
 * Keys cross as WebCrypto handles that are not extractable, and only from the page to the worker.
 *
 * @module
 */

import { type Ctx } from "../../crypto/schedule.ts";
import { type FrameKey } from "../../crypto/sframe.ts";
import { type MediaStats } from "../adapter.ts";

/** The options of one transform: which way its frames go, and which medium they are of. */
export interface TransformOptions {
  /** `send` protects, `recv` opens. */
  readonly side: "send" | "recv";
  /** The medium; a received frame of any other medium does not open. */
  readonly ctx: Ctx;
}

/** What opens the gate: until the worker has it, every frame is dropped. */
export interface GateKeys {
  /** One key for each medium that may be sent. */
  readonly send: readonly (readonly [Ctx, FrameKey])[];
  /** The keys of the peer. */
  readonly recv: readonly FrameKey[];
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

/** What the worker did so far. */
export interface WorkerCounts {
  /** The cryptor's counts. */
  readonly stats: MediaStats;
  /** The counts of each medium on its way out. */
  readonly sent: ReadonlyMap<Ctx, SentCount>;
}

/** What the page says: keys, or null to ask for the counts; both are answered with the counts. */
export type ToWorker = GateKeys | null;

/** What the worker says: one null, unasked, for each transform that runs, or an answer. */
export type FromWorker = WorkerCounts | null;
