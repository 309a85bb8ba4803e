/**
 * The werift adapter: calls of programs, with each other and with browsers. One audio and one video
 * m-line, Opus and VP8. No packet is made before `start`, and packets that come before it are dropped.
 * What werift hands over has lost its padding and header extensions already.
 *
 * What werift 0.25.2 does by itself, and this module does not let it:
 *
 * - all connections of a process share one certificate: here each has a fresh one;
 * - connections without ICE servers ask a public STUN server: here they ask none.
 *
 * And what this module cannot mend: werift compares the fingerprint of the peer's certificate, but
 * verifies neither the DTLS signature that proves possession of its key nor the Finished message.
 * Whoever controls the network path can present the peer's certificate and open SRTP. The frames
 * stay closed and unforgeable: SFrame's keys come from the session, and never from DTLS.
 *
 * @module
 */

import { type Bytes } from "../../crypto/bytes.ts";
import { sha256 } from "../../crypto/primitives.ts";
import { type PacketAdapter, type PacketAdapterOptions, packetMedia } from "./packet_media.ts";
import { MAX_AUDIO_BYTES, MAX_VIDEO_BYTES, MEDIA, VIDEO } from "./rtp_payload.ts";
import { openConnection, type Werift, type WeriftConnection } from "./werift_connection.ts";

export { MAX_AUDIO_BYTES, MAX_VIDEO_BYTES };
export { type VideoPacket } from "./vp8_payload.ts";
export { type PacketAdapter, type PacketAdapterOptions } from "./packet_media.ts";
export { type FrameType } from "../../crypto/envelope.ts";
export {
  FrameCryptor,
  type FrameStats,
  type IncomingFrame,
  type OutgoingFrame,
} from "../../crypto/frame_cryptor.ts";
export {
  type Werift,
  type WeriftConnection,
  type WeriftEvent,
  type WeriftFeedback,
  type WeriftPacket,
  type WeriftTransceiver,
} from "./werift_connection.ts";

/** A `MediaAdapter` that is handed frames instead of tracks. */
export type WeriftAdapter = PacketAdapter;

/** What a werift adapter is made of. */
export interface WeriftAdapterOptions extends PacketAdapterOptions {
  /** The stack: all of `import * as werift from "werift"`. */
  readonly werift: Werift;
  /** STUN and TURN servers; none by default. */
  readonly iceServers?: readonly WeriftIceServer[];
}

/** A STUN or TURN server, as werift takes it. */
export interface WeriftIceServer {
  /** `stun:` or `turn:` URL. */
  readonly urls: string;
  /** The name at the TURN server. */
  readonly username?: string;
  /** The password at the TURN server. */
  readonly credential?: string;
}

/** A `MediaAdapter` on werift, for one call. */
export function weriftAdapter(options: WeriftAdapterOptions): WeriftAdapter {
  const { werift, iceServers } = options;
  const media = packetMedia(options, () => void adapter.requestKeyFrame());
  const opening = openConnection(werift, iceServers ?? []).then(watched);
  /** Rejects when the media ends, whatever is waited for. */
  const over = Promise.withResolvers<never>();
  const connected = Promise.withResolvers<void>();
  let connection: WeriftConnection | null = null;
  /** What is listened to: the peer may describe the same tracks again. */
  const heard = new Set<object>();
  for (const promise of [opening, over.promise, connected.promise]) promise.catch(() => {});

  const adapter: WeriftAdapter = {
    onFailure: null,
    async createOffer() {
      const opened = await opening;
      for (const { kind } of MEDIA) opened.addTransceiver(kind, { direction: "sendrecv" });
      return await describe(opened);
    },
    async createAnswer(offer) {
      const opened = await opening;
      await opened.setRemoteDescription({ type: "offer", sdp: offer });
      for (const line of receive(opened)) line.direction = "sendrecv";
      return await describe(opened);
    },
    async acceptAnswer(answer) {
      const opened = await opening;
      await opened.setRemoteDescription({ type: "answer", sdp: answer });
      receive(opened);
    },
    async connected() {
      await Promise.race([connected.promise, over.promise]);
      return peerCertificates(await opening);
    },
    async start(keys, peer) {
      await media.start(keys, peer);
      // What came before was dropped.
      await adapter.requestKeyFrame();
    },
    async send(ctx, frame, frameType = "key") {
      const outgoing = await media.protect(ctx, frame, frameType);
      if (outgoing === null || connection === null) return;
      const { sender } = connection.getTransceivers()[outgoing.line]!;
      for (const { header: numbers, payload } of outgoing.packets) {
        // The sender of werift fills in its SSRC and payload type.
        const header = new werift.RtpHeader(numbers as never);
        await sender.sendRtp(new werift.RtpPacket(header as never, payload as never) as never);
      }
    },
    async requestKeyFrame() {
      const receiver = connection?.getTransceivers()[VIDEO]?.receiver;
      for (const { ssrc } of receiver?.tracks ?? []) {
        if (ssrc !== undefined) await receiver!.sendRtcpPLI(ssrc);
      }
    },
    stats: () => Promise.resolve(media.stats()),
    close() {
      end();
      opening.then((opened) => opened.close()).catch(() => {});
    },
  };
  return adapter;

  function watched(opened: WeriftConnection): WeriftConnection {
    connection = opened;
    opened.connectionStateChange.subscribe((now) => {
      if (now === "connected") connected.resolve();
      if (now !== "failed" || !end()) return;
      adapter.onFailure?.("transport_failed");
    });
    return opened;
  }

  /** True the first time. */
  function end(): boolean {
    over.reject(new Error("The media was closed"));
    return media.end();
  }

  /** Takes the packets of the peer's tracks, which stand in its description. */
  function receive(opened: WeriftConnection): ReturnType<WeriftConnection["getTransceivers"]> {
    const lines = opened.getTransceivers();
    // A browser offers its screen behind them, of which nothing is taken.
    const taken = lines.slice(0, MEDIA.length);
    if (taken.map(({ kind }) => kind).join() !== "audio,video") {
      throw new Error("A call has audio, then video");
    }
    for (const [i, { receiver }] of taken.entries()) {
      for (const { onReceiveRtp } of receiver.tracks) {
        if (isNew(onReceiveRtp)) onReceiveRtp.subscribe(media.receiver(MEDIA[i]!));
      }
    }
    const { onPictureLossIndication } = taken[VIDEO]!.sender;
    if (isNew(onPictureLossIndication)) {
      onPictureLossIndication.subscribe(() => options.onKeyFrameRequest?.());
    }
    return taken;
  }

  function isNew(event: object): boolean {
    if (heard.has(event)) return false;
    heard.add(event);
    return true;
  }
}

/** Sets the local description, with all its candidates in it. */
async function describe(connection: WeriftConnection): Promise<string> {
  await connection.setLocalDescription();
  return connection.localDescription!.sdp;
}

/** SHA-256 of the certificate that the peer presented on each transport. @throws Error if none */
function peerCertificates(connection: WeriftConnection): readonly Bytes[] {
  return connection.dtlsTransports.map(({ dtls }) => {
    const leaf = dtls?.remoteCertificate;
    if (leaf === undefined) throw new Error("A peer has no certificate");
    return sha256(leaf);
  });
}
