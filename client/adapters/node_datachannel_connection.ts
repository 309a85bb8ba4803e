/**
 * The slice of node-datachannel (libdatachannel) that its adapter uses.
 *
 * The package is never imported: the application hands its module in, and its version is the
 * application's choice. Arguments that are instances of its own classes are `never` here.
 *
 * @module
 */

/** The default export of `node-datachannel`, as far as it is used. */
export interface NodeDataChannel {
  /** Makes connections. */
  readonly PeerConnection: new (name: string, configuration: never) => DataChannelConnection;
  /** Describes an audio m-line. */
  readonly Audio: new (
    mid: string,
    direction: "SendRecv",
  ) => MediaDescription & {
    /** Offers Opus. */
    addOpusCodec(payloadType: number): unknown;
  };
  /** Describes a video m-line. */
  readonly Video: new (
    mid: string,
    direction: "SendRecv",
  ) => MediaDescription & {
    /** Offers VP8. */
    addVP8Codec(payloadType: number): unknown;
  };
}

/** An m-line to be. */
export interface MediaDescription {
  /** Names the stream that is sent on it. */
  addSSRC(ssrc: number, cname: string): void;
}

/** A `PeerConnection` of node-datachannel. */
export interface DataChannelConnection {
  /** Adds an m-line, or takes up the one that was offered with the same mid. */
  addTrack(media: never): PacketTrack;
  /** Sets the local side, and gathers all candidates. */
  setLocalDescription(type: "offer" | "answer"): void;
  /** The local side as it is by now. */
  localDescription(): { readonly sdp: string } | null;
  /** Sets the remote side. */
  setRemoteDescription(sdp: string, type: "offer" | "answer"): void;
  /** The certificate that DTLS saw. */
  remoteFingerprint(): { readonly value: string; readonly algorithm: string };
  /** How far gathering is. */
  gatheringState(): string;
  /** Called with every state of the gathering. */
  onGatheringStateChange(take: (state: string) => void): void;
  /** Called with every state of the connection. */
  onStateChange(take: (state: string) => void): void;
  /** Ends it. */
  close(): void;
}

/** An m-line: whole RTP packets in both directions. */
export interface PacketTrack {
  /** Whether packets may be sent. */
  isOpen(): boolean;
  /** Sends one; false when it was dropped. */
  sendMessageBinary(packet: never): boolean;
  /** Called with every packet. */
  onMessage(take: (packet: Uint8Array) => void): void;
}

/** What an m-line of a description says of itself. */
export interface OfferedLine {
  /** Its name. */
  readonly mid: string;
  /** The payload type of our codec on it. */
  readonly payloadType: number;
}

/** What a description must have in it. */
const LINES = [
  { kind: "audio", codec: /^a=rtpmap:(\d+) opus\/48000/mi },
  { kind: "video", codec: /^a=rtpmap:(\d+) VP8\/90000/mi },
] as const;

/**
 * The first m-lines of an offer; a browser offers its screen behind them.
 *
 * @throws Error where they are not audio with Opus, then video with VP8
 */
export function linesOf(offer: string): readonly OfferedLine[] {
  const sections = offer.split(/^m=/m).slice(1);
  return LINES.map(({ kind, codec }, i) => {
    const section = sections[i] ?? "";
    const mid = /^a=mid:(\S+)/m.exec(section)?.[1];
    const payloadType = codec.exec(section)?.[1];
    const isOurs = section.startsWith(`${kind} `) && sections.length >= LINES.length;
    if (!isOurs || mid === undefined || payloadType === undefined) {
      throw new Error("A call has audio with Opus, then video with VP8");
    }
    return { mid, payloadType: Number(payloadType) };
  });
}

/** An m-line with our codec, in both directions. */
export function describeLine(
  { Audio, Video }: NodeDataChannel,
  kind: "audio" | "video",
  { mid, payloadType }: OfferedLine,
): MediaDescription {
  if (kind === "audio") {
    const audio = new Audio(mid, "SendRecv");
    audio.addOpusCodec(payloadType);
    return audio;
  }
  const video = new Video(mid, "SendRecv");
  video.addVP8Codec(payloadType);
  return video;
}
