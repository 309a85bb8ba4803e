/**
 * The m-lines of a call in a browser: always audio, then video, each with a transform on both sides.
 *
 * A line never carries a track by itself: whoever opens the gate attaches it. Only codecs with an
 * envelope are offered or accepted, and nothing that is sent past the transforms, such as DTMF. Of
 * H.264 only what may split a frame over packets (packetization-mode 1, RFC 6184): an encrypted one
 * is a single slice.
 *
 * @module
 */

import { type Bytes } from "../../crypto/bytes.ts";
import { type Codec } from "../../crypto/envelope.ts";
import { sha256 } from "../../crypto/primitives.ts";
import { CTX, type Ctx } from "../../crypto/schedule.ts";
import { type MediaPart } from "./browser_media.ts";

/** One m-line of a call and the transforms that belong on it. */
export interface MediaLine {
  /** The kind of its tracks. */
  readonly kind: "audio" | "video";
  /** The medium. */
  readonly ctx: Ctx;
  /** The browser's sender and receiver. */
  readonly transceiver: RTCRtpTransceiver;
  /** The transform of its sender. */
  readonly sending: RTCRtpScriptTransform;
  /** The transform of its receiver. */
  readonly receiving: RTCRtpScriptTransform;
}

/** In the order of the m-lines. */
const MEDIA = [
  { kind: "audio", ctx: CTX.mic },
  { kind: "video", ctx: CTX.camera },
] as const;

/** The codecs of a call that wishes for nothing else, the preferred first. */
export const CODECS: readonly Codec[] = ["opus", "vp8", "vp9", "av1", "h264"];

/** The transceivers of an offer, without tracks. */
export function addTransceivers(connection: RTCPeerConnection): readonly RTCRtpTransceiver[] {
  return MEDIA.map(({ kind }) => connection.addTransceiver(kind));
}

/**
 * Sets both transforms of each transceiver, all in one tick; to be called before the local
 * description is set, and before there is a track.
 *
 * @throws Error for other m-lines than expected, and where the browser has none of the codecs
 */
export function attachLines(
  transceivers: readonly RTCRtpTransceiver[],
  part: MediaPart,
  codecs: readonly Codec[],
): readonly MediaLine[] {
  const kinds = transceivers.map(({ receiver }) => receiver.track.kind);
  if (kinds.join() !== "audio,video") throw new Error("An offer must have audio, then video");
  return MEDIA.map(({ kind, ctx }, i) => {
    const transceiver = transceivers[i]!;
    const sending = part.transform("send", ctx);
    const receiving = part.transform("recv", ctx);
    transceiver.sender.transform = sending;
    transceiver.receiver.transform = receiving;
    transceiver.direction = "sendrecv";
    transceiver.setCodecPreferences(capabilities(kind, codecs));
    return { kind, ctx, transceiver, sending, receiving };
  });
}

/** The codecs as negotiated: payload type to MIME type. */
export function negotiatedCodecs(lines: readonly MediaLine[]): ReadonlyMap<number, string> {
  const codecs = new Map<number, string>();
  for (const { transceiver } of lines) {
    for (const { payloadType, mimeType } of transceiver.sender.getParameters().codecs) {
      codecs.set(payloadType, mimeType);
    }
  }
  return codecs;
}

/** The transports of all lines; those that are bundled share one. @throws Error where one has none */
export function transportsOf(lines: readonly MediaLine[]): readonly RTCDtlsTransport[] {
  const transports = lines.flatMap(({ transceiver: { sender, receiver } }) => [
    sender.transport,
    receiver.transport,
  ]);
  return [...new Set(transports)].map((transport) => {
    if (transport === null) throw new Error("A line has no transport");
    return transport;
  });
}

/** SHA-256 of the certificate that the peer presented on each transport. @throws Error if none */
export function peerCertificates(lines: readonly MediaLine[]): readonly Bytes[] {
  return transportsOf(lines).map((transport) => {
    const leaf = transport.getRemoteCertificates()[0];
    if (leaf === undefined) throw new Error("A transport presented no certificate");
    return sha256(new Uint8Array(leaf));
  });
}

/** @throws Error where there are none: the browser takes an empty list for no wish at all */
function capabilities(kind: string, codecs: readonly Codec[]): RTCRtpCodec[] {
  const all = RTCRtpReceiver.getCapabilities(kind)?.codecs ?? [];
  const named = (name: string) =>
    all.filter(({ mimeType, sdpFmtpLine = "" }) =>
      mimeType.toLowerCase() === `${kind}/${name}` &&
      (name !== "h264" || sdpFmtpLine.includes("packetization-mode=1"))
    );
  const media = codecs.flatMap(named);
  if (media.length === 0) throw new Error(`This browser has no ${kind} codec of the call`);
  return [...media, ...named("rtx")];
}
