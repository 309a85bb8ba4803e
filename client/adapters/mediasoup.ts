/**
 * The mediasoup-client adapter: hooks for `produce` and `consume` that put a transform on each sender
 * and receiver before mediasoup-client negotiates for it.
 *
 *     const media = mediasoupMedia({ worker });
 *     const transport = device.createSendTransport({ ...options, ...media.transport });
 *     await transport.produce({ track, onRtpSender: media.onRtpSender(CTX.mic) });
 *     await other.consume({ ...consumer, onRtpReceiver: media.onRtpReceiver({ index, ctx }) });
 *     await media.start(keys);
 *
 * Without `media.transport`, a Chromium sends what it encodes before the transform stands; with it,
 * such a browser sends nothing without one. mediasoup's server sees payloads that are SFrame behind
 * the envelope of the codec; it needs no change.
 *
 * @module
 */

import { type CallKeys, type Ctx } from "../../crypto/schedule.ts";
import { type MediaStats } from "../adapter.ts";
import { sfuMedia, type SfuOptions, type TrackOwner } from "./sfu_media.ts";

export { type SfuOptions, type TrackOwner } from "./sfu_media.ts";

/** One participant's media on transports of mediasoup-client. */
export interface MediasoupMedia {
  /** Settings for every transport, both ways. */
  readonly transport: {
    /** For the `RTCPeerConnection` that the transport makes. */
    readonly additionalSettings: RTCConfiguration & { readonly encodedInsertableStreams: true };
  };
  /** The hook of `produce` for a medium. */
  onRtpSender(ctx: Ctx): (sender: RTCRtpSender) => void;
  /**
   * The hook of `consume`. Whose the producer is comes from what the application authenticated: the
   * server's word alone opens nothing, because frames of anybody else do not open.
   *
   * @param isStill whether the seat is still theirs, asked at each change of keys: once somebody has left,
   * another one may get their seat; by default it is theirs for as long as the consumer lasts
   */
  onRtpReceiver(owner: TrackOwner, isStill?: () => boolean): (receiver: RTCRtpReceiver) => void;
  /** Opens the gate: frames flow, each under these keys, and their changes are followed. */
  start(keys: CallKeys): Promise<void>;
  /** Counts of frames so far. */
  stats(): Promise<MediaStats>;
  /** Stops all that is sent and shown, and ends the worker; idempotent. Transports are not its own. */
  close(): void;
}

/** Media with the gate closed, for the transports of one participant. */
export function mediasoupMedia(options: SfuOptions): MediasoupMedia {
  const media = sfuMedia(options);
  return {
    transport: { additionalSettings: { encodedInsertableStreams: true } },
    onRtpSender: (ctx) => (sender) => media.send(sender, ctx),
    onRtpReceiver: (owner, isStill) => (receiver) => media.receive(receiver, owner, isStill),
    start: media.start,
    stats: media.stats,
    close: media.close,
  };
}
