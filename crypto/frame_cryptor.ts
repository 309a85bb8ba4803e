/**
 * The frames of one participant's call, protected and opened; free of any WebRTC stack.
 *
 *     wire = envelope(codec, frame type) || SFrame(key of ctx, next counter, frame)
 *
 * A counter belongs to a key and is taken before anything is awaited, so calls may be pipelined; it
 * is never reset, resumed or stored. There is one replay window per KID, not per track. Every frame
 * is protected or refused: nothing passes through, whatever its type, size or codec. There must be
 * one `FrameCryptor` per call and participant, because two would count alike under one key.
 *
 * Zero-length frames carry nothing and are dropped without a trace: both directions refuse them as
 * `malformed` and do not count them.
 *
 * @module
 */

import { type Bytes } from "./bytes.ts";
import { type Codec, type FrameType, prefixOf, unwrap, wrap } from "./envelope.ts";
import { CryptoError } from "./error.ts";
import { constantTimeEqual } from "./primitives.ts";
import { ReplayWindow } from "./replay.ts";
import { type Ctx, ctxOfKid } from "./schedule.ts";
import { type FrameKey, openFrame, readHeader, sealFrame } from "./sframe.ts";

/** How many frames one key may protect; far below what AES-GCM bears, far above any call. */
export const MAX_FRAMES_PER_KEY = 2 ** 32;

/** What a frame to protect is. */
export interface OutgoingFrame {
  /** The medium whose key protects it. */
  readonly ctx: Ctx;
  /** The codec as negotiated. */
  readonly codec: Codec;
  /** Selects the envelope; audio ignores it. */
  readonly frameType: FrameType;
}

/** What a frame to open must be, by the authenticated description of its track. */
export interface IncomingFrame {
  /** The medium that the track was announced as. */
  readonly ctx: Ctx;
  /** The codec as negotiated. */
  readonly codec: Codec;
}

/** Counts of frames so far. */
export interface FrameStats {
  /** Frames protected. */
  readonly framesProtected: number;
  /** Bytes of those frames on the wire. */
  readonly bytesProtected: number;
  /** Frames opened. */
  readonly framesOpened: number;
  /** Bytes of those frames on the wire. */
  readonly bytesOpened: number;
  /** Frames refused in either direction, by `CryptoError` code. */
  readonly refused: Readonly<Record<string, number>>;
  /** Those of `refused.replayed_frame` that had been seen; retransmissions are among them. */
  readonly duplicates: number;
  /** Those of `refused.replayed_frame` that came too late to tell. */
  readonly tooOld: number;
}

/** Protects and opens the frames of one participant in one call. */
export class FrameCryptor {
  readonly #sending = new Map<Ctx, SendState>();
  /** Every send key there ever was, so that setting one again goes on with its counter. */
  readonly #sendStates = new Map<number, SendState>();
  readonly #receiving = new Map<number, ReceiveState>();
  readonly #refused = new Map<string, number>();
  #framesProtected = 0;
  #bytesProtected = 0;
  #framesOpened = 0;
  #bytesOpened = 0;
  readonly #maxFrames: number;

  /** Holds no keys yet. @param maxFrames frames per key, at most `MAX_FRAMES_PER_KEY` */
  constructor(maxFrames: number = MAX_FRAMES_PER_KEY) {
    if (maxFrames > MAX_FRAMES_PER_KEY) throw new Error("bug: too many frames per key");
    this.#maxFrames = maxFrames;
  }

  /** Makes a key the one to protect a medium with; setting it again keeps its counter. */
  setSendKey(ctx: Ctx, key: FrameKey): void {
    requireFullTags(key);
    if (ctxOfKid(key.kid) !== ctx) throw new Error("bug: a key of another medium");
    const known = this.#sendStates.get(key.kid);
    const state = known ?? { key, next: 0 };
    if (!sameKey(state.key, key)) throw new Error("bug: a KID has two send keys");
    this.#sendStates.set(key.kid, state);
    this.#sending.set(ctx, state);
  }

  /** Holds a key to open frames with; adding it again keeps its replay window. */
  addRecvKey(key: FrameKey): void {
    requireFullTags(key);
    const known = this.#receiving.get(key.kid);
    if (known === undefined) {
      this.#receiving.set(key.kid, { key, window: new ReplayWindow() });
    } else if (!sameKey(known.key, key)) {
      throw new Error("bug: a KID has two receive keys");
    }
  }

  /**
   * Encrypts a frame and gives it the envelope of its codec. The frame is copied before this
   * returns its promise; results may come in any order when calls overlap.
   *
   * @throws CryptoError `unknown_key` before `setSendKey`, `spent` when the key's counter ran out,
   * `unsupported_codec`, `malformed` for a zero-length frame
   */
  async protect(to: OutgoingFrame, frame: Bytes): Promise<Bytes> {
    if (frame.length === 0) throw zeroLength();
    try {
      const wire = await this.#seal(to, frame);
      this.#framesProtected++;
      this.#bytesProtected += wire.length;
      return wire;
    } catch (error) {
      throw this.#counted(error);
    }
  }

  /**
   * Strips the envelope of a frame and decrypts it, once.
   *
   * @throws CryptoError `bad_frame` when it does not open or belongs to another medium,
   * `unknown_key` when its key is not held, `replayed_frame`, `unsupported_codec`, `malformed`
   */
  async unprotect(from: IncomingFrame, wire: Bytes): Promise<Bytes> {
    if (wire.length === 0) throw zeroLength();
    try {
      const frame = await this.#open(from, wire);
      this.#framesOpened++;
      this.#bytesOpened += wire.length;
      return frame;
    } catch (error) {
      throw this.#counted(error);
    }
  }

  /** A snapshot of the counts. */
  stats(): FrameStats {
    const windows = [...this.#receiving.values()].map(({ window }) => window);
    return {
      framesProtected: this.#framesProtected,
      bytesProtected: this.#bytesProtected,
      framesOpened: this.#framesOpened,
      bytesOpened: this.#bytesOpened,
      refused: Object.fromEntries(this.#refused),
      duplicates: windows.reduce((sum, { duplicates }) => sum + duplicates, 0),
      tooOld: windows.reduce((sum, { tooOld }) => sum + tooOld, 0),
    };
  }

  async #seal({ ctx, codec, frameType }: OutgoingFrame, frame: Bytes): Promise<Bytes> {
    const state = this.#sending.get(ctx);
    if (state === undefined) {
      throw new CryptoError("unknown_key", "No key protects this medium yet");
    }
    if (state.next >= this.#maxFrames) {
      throw new CryptoError("spent", "A frame key ran out");
    }
    const prefix = prefixOf(codec, frameType);
    if (prefix !== null) {
      return await sealFrame(state.key, state.next++, NO_METADATA, frame, prefix);
    }
    return wrap(codec, frameType, await sealFrame(state.key, state.next++, NO_METADATA, frame));
  }

  async #open(from: IncomingFrame, wire: Bytes): Promise<Bytes> {
    const sframe = unwrap(from.codec, wire);
    const header = readHeader(sframe);
    // Before the key is looked up, so that a frame on the wrong track never asks for a key.
    if (ctxOfKid(header.kid) !== from.ctx) {
      throw new CryptoError("bad_frame", "A media frame belongs to another medium");
    }
    const state = this.#receiving.get(header.kid);
    if (state === undefined) {
      throw new CryptoError("unknown_key", "The key of a media frame is not held");
    }
    if (state.window.check(header.ctr) !== "fresh") throw replayed();
    const frame = await openFrame(state.key, header, NO_METADATA, sframe);
    // Decides anew: the same frame may have been opened while this one was.
    if (state.window.mark(header.ctr) !== "fresh") throw replayed();
    return frame;
  }

  #counted(error: unknown): unknown {
    if (error instanceof CryptoError) {
      this.#refused.set(error.code, (this.#refused.get(error.code) ?? 0) + 1);
    }
    return error;
  }
}

interface SendState {
  readonly key: FrameKey;
  next: number;
}

interface ReceiveState {
  readonly key: FrameKey;
  readonly window: ReplayWindow;
}

const NO_METADATA = new Uint8Array(0);

/** The type says the same; but keys are posted to workers, where types end. */
function requireFullTags({ suite }: FrameKey): void {
  if (suite !== 4 && suite !== 5) throw new Error("bug: calls use full tags");
}

/** Whether two keys of one KID are one: their salts come from the same derivation as the keys. */
function sameKey(a: FrameKey, b: FrameKey): boolean {
  return a.suite === b.suite && constantTimeEqual(a.salt, b.salt);
}

function replayed(): CryptoError {
  return new CryptoError("replayed_frame", "A media frame was seen before");
}

function zeroLength(): CryptoError {
  return new CryptoError("malformed", "A media frame is empty");
}
