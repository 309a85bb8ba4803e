/**
 * The slice of werift that the adapter uses, and how a connection is opened on it.
 *
 * werift itself is never imported: the application hands its module in, and its version is the
 * application's choice. Arguments that are instances of werift's own classes are `never` here,
 * because a slice cannot stand for a class with private parts.
 *
 * @module
 */

import { type VideoPacket } from "./vp8_payload.ts";

/** The module `werift`, as far as it is used. */
export interface Werift {
  /** Makes connections. */
  readonly RTCPeerConnection: new (configuration: never) => WeriftConnection;
  /** Makes packets. */
  readonly RtpPacket: new (header: never, payload: never) => unknown;
  /** Makes the headers of packets. */
  readonly RtpHeader: new (fields: never) => unknown;
  /** Describes Opus. */
  useOPUS(): unknown;
  /** Describes VP8. */
  useVP8(parameters: { readonly rtcpFeedback: WeriftFeedback[] }): unknown;
  /** Describes requests for a key frame. */
  usePLI(): WeriftFeedback;
  /** Makes a certificate. */
  createSelfSignedCertificate(
    signature: { readonly hash: 4; readonly signature: 3 },
    curve: 23,
  ): Promise<unknown>;
}

/** A kind of feedback (RFC 4585, section 4.2). */
export interface WeriftFeedback {
  /** Such as `nack`. */
  type: string;
  /** Such as `pli`. */
  parameter?: string;
}

/** An `RTCPeerConnection` of werift. */
export interface WeriftConnection {
  /** The local side, once it is set. */
  readonly localDescription: { readonly sdp: string } | null;
  /** The DTLS transports in use; with bundling there is one. */
  readonly dtlsTransports: readonly {
    readonly dtls?: { readonly remoteCertificate: Uint8Array | undefined };
  }[];
  /** Fires with every state of the connection. */
  readonly connectionStateChange: WeriftEvent<string>;
  /** Adds an m-line. */
  addTransceiver(
    kind: "audio" | "video",
    options: { readonly direction: "sendrecv" },
  ): WeriftTransceiver;
  /** All m-lines in their order. */
  getTransceivers(): readonly WeriftTransceiver[];
  /** Makes and sets the local side, and gathers all candidates. */
  setLocalDescription(): Promise<unknown>;
  /** Sets the remote side. */
  setRemoteDescription(
    description: { readonly type: "offer" | "answer"; readonly sdp: string },
  ): Promise<void>;
  /** Ends the connection. */
  close(): Promise<void>;
}

/** An m-line. */
export interface WeriftTransceiver {
  /** What it carries. */
  readonly kind: string;
  /** Which ways it is to be used. */
  direction: "inactive" | "sendonly" | "recvonly" | "sendrecv";
  /** The way out. */
  readonly sender: {
    /** Gives the packet the sender's SSRC and payload type, and sends it. */
    sendRtp(packet: never): Promise<void>;
    /** The peer asks for a key frame. */
    readonly onPictureLossIndication: { subscribe(take: () => void): unknown };
  };
  /** The way in: one track for each SSRC of the remote description. */
  readonly receiver: {
    readonly tracks: readonly {
      readonly ssrc?: number | undefined;
      readonly onReceiveRtp: WeriftEvent<WeriftPacket>;
    }[];
    /** Asks the peer for a key frame. */
    sendRtcpPLI(ssrc: number): Promise<void>;
  };
}

/** An RTP packet, without padding and header extensions. */
export type WeriftPacket = VideoPacket;

/** An event that can be listened to. */
export interface WeriftEvent<T> {
  /** Calls `take` on every event. */
  subscribe(take: (value: T) => void): unknown;
}

/** ECDSA with SHA-256 on P-256, in the numbers of TLS (RFC 5246, 7.4.1.4.1; RFC 8422, 5.1.1). */
const SIGNATURE = { hash: 4, signature: 3 } as const;
const SECP256R1 = 23;

/** Opens a connection with a certificate of its own, and with Opus and VP8 alone. */
export async function openConnection(
  werift: Werift,
  iceServers: readonly unknown[],
): Promise<WeriftConnection> {
  const configuration = {
    iceServers: [...iceServers],
    bundlePolicy: "max-bundle",
    // Nothing here would answer other feedback: a lost frame stays lost.
    codecs: {
      audio: [werift.useOPUS()],
      video: [werift.useVP8({ rtcpFeedback: [werift.usePLI()] })],
    },
    dtls: { keys: await werift.createSelfSignedCertificate(SIGNATURE, SECP256R1) },
  };
  return new werift.RTCPeerConnection(configuration as never);
}
