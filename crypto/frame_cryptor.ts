/**
 * The frames of one participant's call, protected and opened; free of any WebRTC stack.
 *
 *     wire = envelope(codec, frame type) || SFrame(key of ctx, next counter, frame)
 *
 * A counter belongs to a key and is taken before anything is awaited, so calls may be pipelined; it
 * is never reset, resumed or stored. There is one replay window per KID, not per track. Every frame
 * is protected or refused: nothing passes through, whatever its type, size or codec. There must be
 * one `FrameCryptor` per call and participant, however many connections it has, because two would
 * count alike under one key.
 *
 * KIDs come again, so a key can be dropped, and its KID may have another one then. The dropped key
 * itself never comes back, because its counter and its window are gone.
 *
 * Zero-length frames carry nothing and are dropped without a trace: both directions refuse them as
 * `malformed` and do not count them.
 *
 * @module
 */

import { type Bytes, toHex } from "./bytes.ts";
import { type Codec, type FrameType, prefixOf, unwrap, wrap } from "./envelope.ts";
import { CryptoError } from "./error.ts";
import { type FrameStats, FrameTally } from "./frame_tally.ts";
import { constantTimeEqual } from "./primitives.ts";
import { type ReplayVerdict, ReplayWindow } from "./replay.ts";
import { type Ctx, ctxOfKid, indexOfKid } from "./schedule.ts";
import { type FrameHeader, type FrameKey, openFrame, readHeader, sealFrame } from "./sframe.ts";

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
  /** The roster index of the participant whose connection it came on. */
  readonly index: number;
  /** The medium that the track was announced as. */
  readonly ctx: Ctx;
  /** The codec as negotiated. */
  readonly codec: Codec;
}

export { type FrameStats } from "./frame_tally.ts";

/** Protects and opens the frames of one participant in one call. */
export class FrameCryptor {
  readonly #sending = new Map<Ctx, SendState>();
  readonly #held = new Set<Ctx>();
  /** How often all media were held. */
  #holds = 0;
  /** The send keys by KID, so that setting one again goes on with its counter. */
  readonly #sendStates = new Map<number, SendState>();
  /** Every send key that was dropped, by its salt. */
  readonly #spent = new Set<string>();
  readonly #receiving = new Map<number, ReceiveState>();
  /** The salt of the receive key that a KID had last: all that another 15 epochs leave possible. */
  readonly #retired = new Map<number, string>();
  readonly #tally = new FrameTally();
  readonly #maxFrames: number;

  /** Holds no keys yet. @param maxFrames frames per key, at most `MAX_FRAMES_PER_KEY` */
  constructor(maxFrames: number = MAX_FRAMES_PER_KEY) {
    if (maxFrames > MAX_FRAMES_PER_KEY) throw new Error("bug: too many frames per key");
    this.#maxFrames = maxFrames;
  }

  /**
   * Makes a key the one to protect a medium with, also after `hold`; setting it again keeps its
   * counter.
   */
  setSendKey(ctx: Ctx, key: FrameKey): void {
    requireFullTags(key);
    if (ctxOfKid(key.kid) !== ctx) throw new Error("bug: a key of another medium");
    if (this.#spent.has(toHex(key.salt))) throw new Error("bug: a send key comes back");
    const known = this.#sendStates.get(key.kid);
    const state = known ?? { key, next: 0 };
    if (!sameKey(state.key, key)) throw new Error("bug: a KID has two send keys");
    this.#sendStates.set(key.kid, state);
    this.#sending.set(ctx, state);
    this.#held.delete(ctx);
  }

  /** Protects nothing any more, until a medium has its key set again. */
  hold(): void {
    this.#holds++;
    for (const ctx of this.#sending.keys()) this.#held.add(ctx);
  }

  /** Whether a medium has a key to protect it with now. */
  protects(ctx: Ctx): boolean {
    return this.#sending.has(ctx) && !this.#held.has(ctx);
  }

  /** Drops every send key that another one has taken the place of. */
  dropSendKeys(): void {
    const used = new Set(this.#sending.values());
    for (const [kid, state] of this.#sendStates) {
      if (used.has(state)) continue;
      this.#sendStates.delete(kid);
      this.#spent.add(toHex(state.key.salt));
    }
  }

  /**
   * Holds a key to open frames with; adding it again keeps its replay window. One that was dropped
   * stays so: whoever was asked for it may have answered too late.
   */
  addRecvKey(key: FrameKey): void {
    requireFullTags(key);
    if (this.#retired.get(key.kid) === toHex(key.salt)) return;
    const known = this.#receiving.get(key.kid);
    if (known === undefined) {
      this.#receiving.set(key.kid, { key, window: new ReplayWindow() });
    } else if (!sameKey(known.key, key)) {
      throw new Error("bug: a KID has two receive keys");
    }
  }

  /** Drops receive keys; no frame under one of them opens any more. */
  dropRecvKeys(isDropped: (kid: number) => boolean): void {
    for (const [kid, { key }] of this.#receiving) {
      if (!isDropped(kid)) continue;
      this.#receiving.delete(kid);
      this.#retired.set(kid, toHex(key.salt));
    }
  }

  /**
   * Encrypts a frame and gives it the envelope of its codec. The frame is copied before this
   * returns its promise; results may come in any order when calls overlap.
   *
   * @throws CryptoError `unknown_key` before `setSendKey` and on `hold`, `spent` when the key's counter ran out,
   * `unsupported_codec`, `malformed` for a zero-length frame
   */
  async protect(to: OutgoingFrame, frame: Bytes): Promise<Bytes> {
    if (frame.length === 0) throw zeroLength();
    try {
      const wire = await this.#seal(to, frame);
      this.#tally.protect(wire.length);
      return wire;
    } catch (error) {
      throw this.#counted(error);
    }
  }

  /**
   * Strips the envelope of a frame and decrypts it, once.
   *
   * @throws CryptoError `bad_frame` when it does not open or belongs to another medium or
   * participant, `unknown_key` when its key is not held, `duplicate_frame`, `replayed_frame`,
   * `unsupported_codec`, `malformed`
   */
  async unprotect(from: IncomingFrame, wire: Bytes): Promise<Bytes> {
    if (wire.length === 0) throw zeroLength();
    try {
      const frame = await this.#open(from, wire);
      this.#tally.open(wire.length);
      return frame;
    } catch (error) {
      throw this.#counted(error);
    }
  }

  /**
   * The KID of a frame that waits for its key, or null when that is held, or nobody on this
   * connection can have made the frame.
   */
  missingKid(from: IncomingFrame, wire: Bytes): number | null {
    try {
      const { kid } = claimOf(from, unwrap(from.codec, wire));
      return this.#receiving.has(kid) ? null : kid;
    } catch {
      return null;
    }
  }

  /** A snapshot of the counts. */
  stats(): FrameStats {
    return this.#tally.stats();
  }

  async #seal({ ctx, codec, frameType }: OutgoingFrame, frame: Bytes): Promise<Bytes> {
    const state = this.#sending.get(ctx);
    if (state === undefined || !this.protects(ctx)) throw onHold();
    if (state.next >= this.#maxFrames) {
      throw new CryptoError("spent", "A frame key ran out");
    }
    const holds = this.#holds;
    const prefix = prefixOf(codec, frameType);
    const wire = prefix !== null
      ? await sealFrame(state.key, state.next++, NO_METADATA, frame, prefix)
      : wrap(codec, frameType, await sealFrame(state.key, state.next++, NO_METADATA, frame));
    // Decides anew: a hold is for whatever has not left yet, also where it has ended under other keys.
    if (this.#holds !== holds) throw onHold();
    return wire;
  }

  async #open(from: IncomingFrame, wire: Bytes): Promise<Bytes> {
    const sframe = unwrap(from.codec, wire);
    const header = claimOf(from, sframe);
    const state = this.#receiving.get(header.kid);
    if (state === undefined) throw notHeld();
    refuseStale(state.window.check(header.ctr));
    const frame = await openFrame(state.key, header, NO_METADATA, sframe);
    // Decides anew: the key may have been dropped, or the same frame opened, while this one was.
    if (this.#receiving.get(header.kid) !== state) throw notHeld();
    refuseStale(state.window.mark(header.ctr));
    return frame;
  }

  #counted(error: unknown): unknown {
    if (error instanceof CryptoError) this.#tally.refuse(error.code);
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

/** What a frame claims, before its key is looked up: on the wrong track it never asks for one. */
function claimOf({ index, ctx }: IncomingFrame, sframe: Bytes): FrameHeader {
  const header = readHeader(sframe);
  if (ctxOfKid(header.kid) !== ctx) {
    throw new CryptoError("bad_frame", "A media frame belongs to another medium");
  }
  if (indexOfKid(header.kid) !== index) {
    throw new CryptoError("bad_frame", "A media frame belongs to another participant");
  }
  return header;
}

function refuseStale(verdict: ReplayVerdict): void {
  if (verdict === "duplicate") {
    throw new CryptoError("duplicate_frame", "A media frame was seen before");
  }
  if (verdict === "too_old") {
    throw new CryptoError("replayed_frame", "A media frame is too old to tell");
  }
}

function onHold(): CryptoError {
  return new CryptoError("unknown_key", "No key protects this medium now");
}

function notHeld(): CryptoError {
  return new CryptoError("unknown_key", "The key of a media frame is not held");
}

function zeroLength(): CryptoError {
  return new CryptoError("malformed", "A media frame is empty");
}
