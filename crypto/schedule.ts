/**
 * What a call hands to a WebRTC stack: one frame key per sender, medium and generation, and word of every
 * change. `call_schedule.ts` makes it for two, along the epochs of their session.
 *
 *     KID = index << 11 | ctx << 8 | (epoch & 15) << 4 | (step & 15)
 *
 * Every sender and every medium has its own key, so counters are never shared.
 *
 * @module
 */

import { type Bytes } from "./bytes.ts";
import { type FrameKey } from "./sframe.ts";

/** Which medium of a participant a key protects. */
export const CTX = { mic: 0, camera: 1, screen: 2, screenAudio: 3, data: 4, backup: 5 } as const;
/** One value of `CTX`. */
export type Ctx = typeof CTX[keyof typeof CTX];

/** Derives `length` bytes for a stated use from the session (RFC 8446, section 7.5 in spirit). */
export type Exporter = (label: string, context: Uint8Array, length: number) => Bytes;

/**
 * Derives `length` bytes from the secret of a generation: of the one in use, where none is named.
 *
 * @throws CryptoError `unknown_key` where that one's secret is erased, `spent` once the call is over
 */
export type MediaExporter = (
  label: string,
  context: Uint8Array,
  length: number,
  generation?: GenerationName,
) => Bytes;

/** The keys of one call at one time, by their numbers. */
export interface GenerationName {
  /** From 1. */
  readonly epoch: number;
  /** Within the epoch, from 0; a call between two has no other. */
  readonly step: number;
}

/** What a stack has to do about its keys, one thing after the other. */
export type KeyChange =
  /** A generation has come: its receive keys may be had of `recvKey` from now on. */
  | { readonly kind: "install" } & GenerationName
  /** `sendKey` gives other keys: send with them. Sent with again is none that was sent with before. */
  | { readonly kind: "use" }
  /** Drop a generation's receive keys: a sender's, or with `index` null everybody's. */
  | { readonly kind: "retire"; readonly index: number | null } & GenerationName
  /** Send nothing until the next `use`. */
  | { readonly kind: "hold" }
  /** Ask the senders for a key frame: some of their frames could not be opened. */
  | { readonly kind: "key-frame" };

/** The keys of one call as one participant holds them: all that a WebRTC stack ever gets. */
export interface CallKeys {
  /** The RFC 9605 cipher suite. */
  readonly suite: 5;
  /** Own place in the roster: the caller is 0, the callee 1. */
  readonly self: number;
  /** The generations whose receive keys may be had, the newest last. */
  readonly generations: readonly GenerationName[];
  /** Whether nothing may be sent until the next `use`; absent where that never is. */
  readonly isHeld?: boolean;
  /** The key to protect a medium of one's own with: of the generation in use. */
  sendKey(ctx: Ctx): Promise<FrameKey>;
  /** The key of a KID that somebody else may use, or null where nobody does. */
  recvKey(kid: number): Promise<FrameKey | null>;
  /** A frame came whose key the stack does not hold; may be said as often as one does. */
  requestKey(kid: number): void;
  /**
   * Told of every change, in their order, by the stack that is started with these keys. What it gives
   * resolves once the change stands: the peer is told of a generation after that.
   */
  onChange: ((change: KeyChange) => void | Promise<void>) | null;
  /**
   * Says what counts the frames that are sent under these keys: everything that does shares it, and two
   * that count apart would use one counter twice. The keys that this library makes have it.
   *
   * @throws Error where something else counts already
   */
  claim?(counter: object): void;
  /** Derives further keys, bound to this session; they change with its epoch. */
  readonly exporter: Exporter;
  /** Derives keys for a stack's own encryption of media. */
  readonly mediaExporter: MediaExporter;
}

/** A `claim` for the keys of one call: the first counter has them, and no other. */
export function oneCounter(): (counter: object) => void {
  let counting: object | null = null;
  return (counter) => {
    counting ??= counter;
    if (counting === counter) return;
    throw new Error("All connections of a call must share one worker, or one cryptor");
  };
}

/** The KID of a participant's medium in a generation. */
export function frameKid({ epoch, step }: GenerationName, index: number, ctx: Ctx): number {
  if (!Number.isInteger(index) || index < 0 || index > 0xffff) {
    throw new Error("bug: a roster index has 16 bits");
  }
  return index << 11 | ctx << 8 | (epoch & 15) << 4 | step & 15;
}

/** The medium that a KID claims: bits 8 to 10, so 6 and 7 too, which are nobody's. */
export function ctxOfKid(kid: number): number {
  return kid >>> 8 & 7;
}

/** The roster index that a KID claims; it may be one that nobody has. */
export function indexOfKid(kid: number): number {
  return Math.floor(kid / 2 ** 11);
}
