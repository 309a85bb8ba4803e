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
import { type FrameType } from "../../crypto/envelope.ts";
import { FrameCryptor } from "../../crypto/frame_cryptor.ts";
import { sha256 } from "../../crypto/primitives.ts";
import { type CallKeys, CTX, type Ctx, frameKid } from "../../crypto/schedule.ts";
import { type MediaAdapter } from "../adapter.ts";
import { FrameAssembly, splitFrame } from "./vp8_payload.ts";
import {
  MAX_AUDIO_BYTES,
  MAX_VIDEO_BYTES,
  MEDIA,
  type Medium,
  packetHeaders,
} from "./werift_packet.ts";
import { openConnection, type Werift, type WeriftConnection } from "./werift_connection.ts";

export { type VideoPacket } from "./vp8_payload.ts";
export { MAX_AUDIO_BYTES, MAX_VIDEO_BYTES };
export { type FrameType } from "../../crypto/envelope.ts";
export {
  type Werift,
  type WeriftConnection,
  type WeriftEvent,
  type WeriftFeedback,
  type WeriftPacket,
  type WeriftTransceiver,
} from "./werift_connection.ts";

/** What a werift adapter is made of. */
export interface WeriftAdapterOptions {
  /** The stack: all of `import * as werift from "werift"`. */
  readonly werift: Werift;
  /** Takes each frame of the peer. Frames come as packets do: seldom, one overtakes another. */
  readonly onFrame: (frame: Bytes, ctx: Ctx) => void;
  /** The peer cannot decode until it has a key frame of the camera. */
  readonly onKeyFrameRequest?: () => void;
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

/** A `MediaAdapter` that is handed frames instead of tracks. */
export interface WeriftAdapter extends MediaAdapter {
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

/** The video line among `MEDIA`. */
const VIDEO = 1;

/** A `MediaAdapter` on werift, for one call. */
export function weriftAdapter(options: WeriftAdapterOptions): WeriftAdapter {
  const { werift, onFrame, iceServers } = options;
  const cryptor = new FrameCryptor();
  const opening = openConnection(werift, iceServers ?? []).then(watched);
  /** Rejects when the media ends, whatever is waited for. */
  const over = Promise.withResolvers<never>();
  const connected = Promise.withResolvers<void>();
  const nextHeaders = packetHeaders();
  let connection: WeriftConnection | null = null;
  let state: "gated" | "started" | "over" = "gated";
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
    async start(keys) {
      if (state !== "gated") throw new Error("bug: media is started twice");
      await holdKeys(cryptor, keys);
      // It may have ended while the keys were derived.
      if (state !== "gated") throw new Error("The media was closed");
      state = "started";
      // What came before was dropped.
      await adapter.requestKeyFrame();
    },
    async send(ctx, frame, frameType = "key") {
      const line = MEDIA.findIndex((each) => each.ctx === ctx);
      const medium = MEDIA[line];
      if (medium === undefined || frame.length > medium.maxBytes) {
        throw new RangeError("A frame needs an m-line, and has a largest size");
      }
      if (state !== "started" || connection === null) return;
      const wire = await cryptor.protect({ ctx, codec: medium.codec, frameType }, frame);
      if (state !== "started") return;
      const payloads = ctx === CTX.mic ? [wire] : splitFrame(wire);
      const headers = nextHeaders(medium, payloads.length);
      const { sender } = connection.getTransceivers()[line]!;
      for (const [i, payload] of payloads.entries()) {
        const header = new werift.RtpHeader(headers[i] as never);
        await sender.sendRtp(new werift.RtpPacket(header as never, payload as never) as never);
      }
    },
    async requestKeyFrame() {
      const receiver = connection?.getTransceivers()[VIDEO]?.receiver;
      for (const { ssrc } of receiver?.tracks ?? []) {
        if (ssrc !== undefined) await receiver!.sendRtcpPLI(ssrc);
      }
    },
    stats: () => Promise.resolve(cryptor.stats()),
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
      if (now !== "failed" || state === "over") return;
      end();
      adapter.onFailure?.("transport_failed");
    });
    return opened;
  }

  function end(): void {
    state = "over";
    over.reject(new Error("The media was closed"));
  }

  /** Takes the packets of the peer's tracks, which stand in its description. */
  function receive(opened: WeriftConnection): ReturnType<WeriftConnection["getTransceivers"]> {
    const lines = opened.getTransceivers();
    if (lines.map(({ kind }) => kind).join() !== "audio,video") {
      throw new Error("A call has audio, then video");
    }
    for (const [i, { receiver }] of lines.entries()) {
      for (const { onReceiveRtp } of receiver.tracks) {
        const assembly = new FrameAssembly();
        onReceiveRtp.subscribe((packet) => {
          // A copy: what a stack hands over is a view of a datagram.
          const wire = i === VIDEO ? assembly.take(packet) : new Uint8Array(packet.payload);
          if (wire !== null) void take(MEDIA[i]!, wire);
        });
      }
    }
    lines[VIDEO]!.sender.onPictureLossIndication.subscribe(() => options.onKeyFrameRequest?.());
    return lines;
  }

  async function take(medium: Medium, wire: Bytes): Promise<void> {
    if (state !== "started") return;
    // What is refused is dropped; the cryptor counts it.
    const frame = await cryptor.unprotect(medium, wire).catch(() => null);
    if (frame !== null && state === "started") onFrame(frame, medium.ctx);
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

/** Hands the keys of both sides for every line to the cryptor. */
async function holdKeys(cryptor: FrameCryptor, keys: CallKeys): Promise<void> {
  for (const { ctx } of MEDIA) {
    cryptor.setSendKey(ctx, await keys.sendKey(ctx));
    const key = await keys.recvKey(frameKid(1 - keys.self, ctx));
    if (key === null) throw new Error("bug: no key for a medium");
    cryptor.addRecvKey(key);
  }
}
