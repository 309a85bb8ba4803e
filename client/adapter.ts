/**
 * What a call asks of a WebRTC stack: the seam between a session and any media implementation.
 *
 * An adapter never sees a session secret, and a call never sees a peer connection. An adapter fails
 * closed: until `start` resolves no frame leaves it and no frame is rendered, and afterwards every
 * frame is protected, or dropped.
 *
 * @module
 */

import { type Bytes } from "../crypto/bytes.ts";
import { type CallKeys } from "../crypto/schedule.ts";

/** One side of one call on one WebRTC stack. */
export interface MediaAdapter {
  /** Sets and gives the local offer, with all its candidates in it. */
  createOffer(): Promise<string>;
  /**
   * Takes the peer's authenticated offer; sets and gives the answer, with all its candidates. Called again
   * with each offer of a `restart`, for the same media. @throws Error for other media
   */
  createAnswer(offer: string): Promise<string>;
  /** Takes the peer's authenticated answer, also that to a `restart`. @throws Error for other media */
  acceptAnswer(answer: string): Promise<void>;
  /**
   * A further offer, that looks for new ways to the peer; keys and media go on. Absent where a stack can't.
   */
  restart?(): Promise<string>;
  /**
   * Waits for DTLS and gives the SHA-256 of the certificate that the peer really presented, one
   * entry per transport. @throws Error when the transport fails or is closed first
   */
  connected(): Promise<readonly Bytes[]>;
  /**
   * Opens the gate: from now on frames flow, each under these keys, and their changes are followed.
   *
   * @param peer the place in the roster of whoever is at the other end; `1 - keys.self` by default
   */
  start(keys: CallKeys, peer?: number): Promise<void>;
  /** Counts of frames so far; all zero before `start`. */
  stats(): Promise<MediaStats>;
  /** Called at most once when the stack fails, or when a frame was seen to bypass the cryptor. */
  onFailure: ((failure: MediaFailure) => void) | null;
  /**
   * Called with true when no way to the peer is left for now, and with false when there is one again.
   * Absent where a stack tells of it as a failure; one that tells of it doesn't, where somebody listens.
   */
  onInterruption?: ((isInterrupted: boolean) => void) | null;
  /** Stops the media and releases the stack; idempotent. */
  close(): void;
}

/** Why a stack gave up. */
export type MediaFailure = "bypass_detected" | "transport_failed";

/** What one adapter protected and opened so far. */
export interface MediaStats {
  /** Frames protected and handed to the packetizer. */
  readonly framesProtected: number;
  /** Bytes of those frames on the wire. */
  readonly bytesProtected: number;
  /** Frames opened and handed to the decoder. */
  readonly framesOpened: number;
  /** Bytes of those frames on the wire. */
  readonly bytesOpened: number;
  /** Frames refused, by the code of the refusal; without duplicates. */
  readonly refused: Readonly<Record<string, number>>;
  /** Frames that came again: retransmissions, as a rule. */
  readonly duplicates: number;
}
