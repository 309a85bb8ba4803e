/**
 * The m-lines of a call in a browser: microphone and camera, then the screen and its sound, each with a
 * transform on both sides. All of them are there from the first description on, so that nothing that is
 * shared later needs another one. A program that has no screen may offer the first two alone.
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
import { guardTransform } from "./browser_guard.ts";
import { type MediaPart } from "./browser_media.ts";

/** One m-line of a call and the transforms that belong on it. */
export interface MediaLine {
  /** The kind of its tracks. */
  readonly kind: "audio" | "video";
  /** The medium. */
  readonly ctx: Ctx;
  /** The browser's sender and receiver. */
  readonly transceiver: RTCRtpTransceiver;
  /** Whether the browser still has both of its transforms. */
  isIntact(): boolean;
}

/** In the order of the m-lines. */
const MEDIA = [
  { kind: "audio", ctx: CTX.mic },
  { kind: "video", ctx: CTX.camera },
  { kind: "video", ctx: CTX.screen },
  { kind: "audio", ctx: CTX.screenAudio },
] as const;
/** The first of them, which every offer has. */
const LEAST = 2;

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
 * @param onTampering called whenever somebody wants to change one
 * @throws Error for other m-lines than expected, and where the browser has none of the codecs
 */
export function attachLines(
  transceivers: readonly RTCRtpTransceiver[],
  part: MediaPart,
  codecs: readonly Codec[],
  onTampering: () => void,
): readonly MediaLine[] {
  const media = MEDIA.slice(0, Math.max(LEAST, transceivers.length));
  const kinds = transceivers.map(({ receiver }) => receiver.track.kind);
  if (kinds.join() !== media.map(({ kind }) => kind).join()) {
    throw new Error("An offer must have audio, then video");
  }
  return media.map(({ kind, ctx }, i) => {
    const transceiver = transceivers[i]!;
    const { sender, receiver } = transceiver;
    const sends = guardTransform(sender, part.transform("send", ctx), onTampering);
    const receives = guardTransform(receiver, part.transform("recv", ctx), onTampering);
    transceiver.direction = "sendrecv";
    transceiver.setCodecPreferences(capabilities(kind, codecs));
    return { kind, ctx, transceiver, isIntact: () => sends() && receives() };
  });
}

/** Checks that a description has the lines of an earlier one. @throws Error for others */
export function checkLines(earlier: string, sdp: string): void {
  const kinds = (text: string) =>
    [...text.matchAll(/(?:^|[\r\n])m=(\S+)/g)].map(([, kind]) => kind);
  if (kinds(sdp).join() !== kinds(earlier).join()) {
    throw new Error("A description must have the lines of the one before");
  }
}

/** Whether a line is part of what a peer may share later. */
export function isScreen({ ctx }: MediaLine): boolean {
  return ctx === CTX.screen || ctx === CTX.screenAudio;
}

/** Asks the video encoders for layers, where their codec has them; else they go on as they are. */
export async function layer(lines: readonly MediaLine[], scalabilityMode: string): Promise<void> {
  for (const { kind, transceiver: { sender } } of lines) {
    if (kind !== "video") continue;
    const parameters = sender.getParameters();
    for (const encoding of parameters.encodings) Object.assign(encoding, { scalabilityMode });
    await sender.setParameters(parameters).catch(() => {});
  }
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
