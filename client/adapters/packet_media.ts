/**
 * The media of a call on a stack that sends packets: frames in, payloads out, and the other way
 * round. Nothing is made before `start` and after `end`, and what comes then is dropped.
 *
 * @module
 */

import { type Bytes } from "../../crypto/bytes.ts";
import { type FrameType } from "../../crypto/envelope.ts";
import { CryptoError } from "../../crypto/error.ts";
import { FrameCryptor } from "../../crypto/frame_cryptor.ts";
import { FrameTally } from "../../crypto/frame_tally.ts";
import { type CallKeys, type Ctx } from "../../crypto/schedule.ts";
import { type MediaAdapter, type MediaStats } from "../adapter.ts";
import { cryptorKeys } from "./cryptor_keys.ts";
import { followKeys } from "./key_following.ts";
import { MEDIA, type Medium, packetNumbers } from "./rtp_payload.ts";
import { FrameAssembly, splitFrame, type VideoPacket } from "./vp8_payload.ts";

/** What the application gives to every adapter that works on packets. */
export interface PacketAdapterOptions {
  /** Takes each frame of the peer. Frames come as packets do: seldom, one overtakes another. */
  readonly onFrame: (frame: Bytes, ctx: Ctx) => void;
  /** The peer cannot decode until it has a key frame of the camera. */
  readonly onKeyFrameRequest?: () => void;
  /** In a group call that of all its connections; a fresh one by default. */
  readonly cryptor?: FrameCryptor;
}

/** A `MediaAdapter` that is handed frames instead of tracks. */
export interface PacketAdapter extends MediaAdapter {
  /**
   * Protects one frame and sends it; drops it while the gate is closed. The peer opens its gate a moment
   * later or earlier: the first frames of a call may arrive before it, and are lost.
   *
   * @param ctx `CTX.mic` for Opus or `CTX.camera` for VP8
   * @param frame at most `MAX_AUDIO_BYTES` or `MAX_VIDEO_BYTES`
   * @param frameType of video; audio ignores it
   * @throws CryptoError `malformed` for an empty frame, `spent`
   * @throws RangeError for another medium or a frame that is too long
   */
  send(ctx: Ctx, frame: Bytes, frameType?: FrameType): Promise<void>;
  /** Asks the peer for a key frame of its camera; `start` does so too. */
  requestKeyFrame(): Promise<void>;
}

/** A frame to send. */
export interface OutgoingPackets {
  /** The place of its m-line. */
  readonly line: number;
  /** What its packets are. */
  readonly packets: readonly VideoPacket[];
}

/** The media of one call. */
export interface PacketMedia {
  /** Opens the gate. @throws Error when it was opened before, or is closed for good */
  start(keys: CallKeys, peer?: number): Promise<void>;
  /**
   * Protects a frame, or gives null while the gate is closed.
   *
   * @throws CryptoError `malformed` for an empty frame, `spent`
   * @throws RangeError for another medium or a frame that is too long
   */
  protect(ctx: Ctx, frame: Bytes, frameType: FrameType): Promise<OutgoingPackets | null>;
  /** Takes the packets of one stream on a medium's line, and hands on the frames that they make. */
  receiver(medium: Medium): (packet: VideoPacket) => void;
  /** Counts of the frames of this connection so far. */
  stats(): MediaStats;
  /** Closes the gate for good. True the first time. */
  end(): boolean;
}

/** Media with the gate closed. @param requestKeyFrames asks the peer for a key frame of video */
export function packetMedia(
  { onFrame, cryptor = new FrameCryptor() }: PacketAdapterOptions,
  requestKeyFrames: () => void,
): PacketMedia {
  const holder = cryptorKeys(cryptor, requestKeyFrames);
  /** Of this connection; the cryptor's own has those of all. */
  const tally = new FrameTally();
  /** Whose frames come. */
  let index = -1;
  let held: CallKeys | null = null;
  const numbersOf = packetNumbers();
  let state: "gated" | "started" | "over" = "gated";
  const isStarted = () => state === "started";

  async function open(medium: Medium, wire: Bytes): Promise<void> {
    if (wire.length === 0) return;
    // What is refused is counted, and dropped.
    const frame = await counted(cryptor.unprotect({ ...medium, index }, wire)).catch(() => null);
    if (frame === null) return;
    tally.open(wire.length);
    if (isStarted()) onFrame(frame, medium.ctx);
  }

  async function counted<T>(work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (error) {
      if (error instanceof CryptoError) tally.refuse(error.code);
      throw error;
    }
  }

  return {
    async start(keys, peer = 1 - keys.self) {
      if (state !== "gated") throw new Error("bug: media is started twice");
      index = peer;
      held = keys;
      await followKeys(keys, peer, MEDIA.map(({ ctx }) => ctx), holder);
      // It may have ended while the keys were derived.
      if (state !== "gated") throw new Error("The media was closed");
      state = "started";
    },
    async protect(ctx, frame, frameType) {
      const line = MEDIA.findIndex((each) => each.ctx === ctx);
      const medium = MEDIA[line];
      if (medium === undefined || frame.length > medium.maxBytes) {
        throw new RangeError("A frame needs an m-line, and has a largest size");
      }
      if (!isStarted()) return null;
      const sealing = cryptor.protect({ ctx, codec: medium.codec, frameType }, frame);
      // A frame of nothing is refused, and not counted.
      const wire = await (frame.length === 0 ? sealing : counted(sealing));
      tally.protect(wire.length);
      if (!isStarted()) return null;
      const payloads = medium.kind === "video" ? splitFrame(wire) : [wire];
      const numbers = numbersOf(medium, payloads.length);
      return { line, packets: payloads.map((payload, i) => ({ header: numbers[i]!, payload })) };
    },
    receiver(medium) {
      const assembly = new FrameAssembly();
      return (packet) => {
        if (!isStarted()) return;
        // A copy: what a stack hands over is a view of a datagram.
        const wire = medium.kind === "video"
          ? assembly.take(packet)
          : new Uint8Array(packet.payload);
        if (wire !== null) void open(medium, wire);
      };
    },
    stats: () => tally.stats(),
    end() {
      const isFirst = state !== "over";
      if (held !== null) held.onChange = null;
      state = "over";
      return isFirst;
    },
  };
}
