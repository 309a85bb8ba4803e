/**
 * The call key schedule: from the session's exporter to one frame key per sender and medium.
 *
 *     ES  = Export("call", "", 32)
 *     base(index, ctx) = HKDF-Expand(ES, label "sender" || be16(index) || u8(ctx), 64)
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

/** The keys of one call as one participant holds them: all that a WebRTC stack ever gets. */
export interface CallKeys {
  /** The RFC 9605 cipher suite. */
  readonly suite: 5;
  /** Own place in the roster: the caller is 0, the callee 1. */
  readonly self: number;
  /** The key to protect a medium of one's own with. */
  sendKey(ctx: Ctx): Promise<FrameKey>;
  /** The key of a KID that a peer may use, or null where no roster entry owns it. */
  recvKey(kid: number): Promise<FrameKey | null>;
  /** Derives further keys, bound to this session. */
  readonly exporter: Exporter;
}

/** The KID of a participant's medium (epoch 1, step 0). */
export declare function frameKid(index: number, ctx: Ctx): number;

/** The schedule of a call between two. @param self 0 for the caller, 1 for the callee */
export declare function callKeys(exporter: Exporter, self: 0 | 1): CallKeys;
