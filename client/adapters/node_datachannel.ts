/**
 * The node-datachannel adapter: calls of programs on libdatachannel. One audio and one video
 * m-line, Opus and VP8. No packet is made before `start`, and packets that come before it are dropped.
 * libdatachannel hands over whole packets, so header extensions and padding are stripped here; of RTCP
 * only requests for a key frame are heeded.
 *
 * libdatachannel makes a fresh certificate for each connection, compares the peer's with the
 * fingerprint of the description and reports which one DTLS saw. It is told never to skip that.
 *
 * @module
 */

import { type Bytes } from "../../crypto/bytes.ts";
import {
  type DataChannelConnection,
  describeLine,
  linesOf,
  type NodeDataChannel,
  type OfferedLine,
  type PacketTrack,
} from "./node_datachannel_connection.ts";
import { type PacketAdapter, type PacketAdapterOptions, packetMedia } from "./packet_media.ts";
import {
  asksForKeyFrame,
  pictureLossIndication,
  readRtp,
  rtpPacket,
  streamOf,
} from "./rtp_packet.ts";
import { MAX_AUDIO_BYTES, MAX_VIDEO_BYTES, MEDIA, random32, VIDEO } from "./rtp_payload.ts";

export { MAX_AUDIO_BYTES, MAX_VIDEO_BYTES };
export { type PacketAdapter, type PacketAdapterOptions } from "./packet_media.ts";
export { type FrameType } from "../../crypto/envelope.ts";
export {
  FrameCryptor,
  type FrameStats,
  type IncomingFrame,
  type OutgoingFrame,
} from "../../crypto/frame_cryptor.ts";
export {
  type DataChannelConnection,
  type MediaDescription,
  type NodeDataChannel,
  type PacketTrack,
} from "./node_datachannel_connection.ts";

/** What a node-datachannel adapter is made of. */
export interface NodeDataChannelAdapterOptions extends PacketAdapterOptions {
  /** The stack: the default export of `node-datachannel`. */
  readonly nodeDataChannel: NodeDataChannel;
  /** `stun:` and `turn:` URLs, as node-datachannel takes them; none by default. */
  readonly iceServers?: readonly string[];
  /** The address to use, where a machine has several; all by default. */
  readonly bindAddress?: string;
}

/** What an offer of ours says; payload types as browsers number them. */
const OFFERED: readonly OfferedLine[] = [
  { mid: "0", payloadType: 111 },
  { mid: "1", payloadType: 96 },
];

/** An m-line in use. */
interface PacketLine extends OfferedLine {
  readonly track: PacketTrack;
  /** The stream that is sent. */
  readonly ssrc: number;
  /** The stream that came last. */
  stream: number | null;
}

/** A `MediaAdapter` on node-datachannel, for one call. */
export function nodeDataChannelAdapter(
  options: NodeDataChannelAdapterOptions,
): PacketAdapter {
  const { nodeDataChannel, iceServers, bindAddress } = options;
  const media = packetMedia(options, () => void adapter.requestKeyFrame());
  const over = Promise.withResolvers<never>();
  const connected = Promise.withResolvers<void>();
  for (const promise of [over.promise, connected.promise]) promise.catch(() => {});
  const connection = new nodeDataChannel.PeerConnection(
    "",
    {
      iceServers: [...iceServers ?? []],
      disableAutoNegotiation: true,
      disableFingerprintVerification: false,
      forceMediaTransport: true,
      ...bindAddress === undefined ? {} : { bindAddress },
    } as never,
  );
  let lines: readonly PacketLine[] = [];

  const adapter: PacketAdapter = {
    onFailure: null,
    async createOffer() {
      addLines(OFFERED);
      return await describe("offer");
    },
    async createAnswer(offer) {
      const offered = linesOf(offer);
      connection.setRemoteDescription(offer, "offer");
      addLines(offered);
      return await describe("answer");
    },
    acceptAnswer: async (answer) => await connection.setRemoteDescription(answer, "answer"),
    async connected() {
      await Promise.race([connected.promise, over.promise]);
      return [certificateHash(connection)];
    },
    async start(keys, peer) {
      await media.start(keys, peer);
      // What came before was dropped.
      await adapter.requestKeyFrame();
    },
    async send(ctx, frame, frameType = "key") {
      const outgoing = await media.protect(ctx, frame, frameType);
      const line = outgoing === null ? undefined : lines[outgoing.line];
      if (outgoing === null || !line?.track.isOpen()) return;
      for (const packet of outgoing.packets) {
        line.track.sendMessageBinary(rtpPacket(packet, line) as never);
      }
    },
    requestKeyFrame() {
      const line = lines[VIDEO];
      if (line?.stream !== null && line?.track.isOpen()) {
        line.track.sendMessageBinary(pictureLossIndication(line.ssrc, line.stream) as never);
      }
      return Promise.resolve();
    },
    stats: () => Promise.resolve(media.stats()),
    close() {
      end();
      connection.close();
    },
  };
  connection.onStateChange((now) => {
    if (now === "connected") connected.resolve();
    if (now === "failed" && end()) adapter.onFailure?.("transport_failed");
  });
  return adapter;

  function addLines(offered: readonly OfferedLine[]): void {
    lines = offered.map(({ mid, payloadType }, i) => {
      const medium = MEDIA[i]!;
      const ssrc = random32();
      const description = describeLine(nodeDataChannel, medium.kind, { mid, payloadType });
      description.addSSRC(ssrc, medium.kind);
      const track = connection.addTrack(description as never);
      const take = media.receiver(medium);
      const line: PacketLine = { mid, payloadType, track, ssrc, stream: null };
      track.onMessage((bytes) => {
        const packet = readRtp(bytes);
        if (packet === null) {
          if (i === VIDEO && asksForKeyFrame(bytes)) options.onKeyFrameRequest?.();
          return;
        }
        line.stream = streamOf(bytes);
        take(packet);
      });
      return line;
    });
  }

  /** Sets the local description, with all its candidates in it. */
  async function describe(type: "offer" | "answer"): Promise<string> {
    const gathered = Promise.withResolvers<void>();
    const look = (state: string) => state === "complete" && gathered.resolve();
    connection.onGatheringStateChange(look);
    connection.setLocalDescription(type);
    look(connection.gatheringState());
    await Promise.race([gathered.promise, over.promise]);
    return connection.localDescription()!.sdp;
  }

  /** True the first time. */
  function end(): boolean {
    over.reject(new Error("The media was closed"));
    return media.end();
  }
}

/** SHA-256 of the certificate that the peer presented. @throws Error where it is another hash */
function certificateHash(connection: DataChannelConnection): Bytes {
  const { algorithm, value } = connection.remoteFingerprint();
  if (algorithm !== "sha-256") throw new Error("A certificate was hashed otherwise");
  return Uint8Array.from(value.split(":"), (byte) => parseInt(byte, 16));
}
