/**
 * The page of the codec tests: a call with codecs of choice, and every frame that its transforms got.
 *
 * @module
 */

import { type Codec } from "../../../client/adapters/browser.ts";
import { toHex } from "../../../crypto/bytes.ts";
import { keysOf } from "../../support/call_keys.ts";
import { connect, party, plays, type Side, sideOf, type Size, until } from "./party.ts";
import { type TappedFrame } from "./tap_worker.ts";

/** A frame of the tap, as it gets out of the page. */
export type SeenFrame = Omit<TappedFrame, "bytes"> & { readonly hex: string };

/** What became of a call. */
export interface CodecCall {
  readonly played: boolean;
  /** MIME type, scalability mode and implementations of each stream, as the browser states them. */
  readonly streams: readonly string[];
  readonly ended: readonly Side[];
  readonly frames: readonly SeenFrame[];
}

/** Calls until both sides see 60 pictures and hear something. */
async function call(
  codecs: readonly Codec[],
  scalabilityMode: string | null,
  size: Size,
): Promise<CodecCall> {
  const frames: SeenFrame[] = [];
  const channel = new BroadcastChannel("frames");
  channel.onmessage = ({ data: { bytes, ...frame } }: MessageEvent<TappedFrame>) => {
    frames.push({ ...frame, hex: toHex(bytes) });
  };
  const parties = [
    await party({ codecs, size, worker: "/tap_worker.js" }),
    await party({ codecs, size, worker: "/tap_worker.js" }),
  ] as const;
  const [a, b] = parties;
  await connect(a, b);
  await Promise.all([a.adapter.connected(), b.adapter.connected()]);
  if (scalabilityMode !== null) {
    for (const { connection } of parties) {
      const sender = connection.getSenders()[1]!;
      const parameters = sender.getParameters();
      Object.assign(parameters.encodings[0]!, { scalabilityMode });
      await sender.setParameters(parameters);
    }
  }
  await Promise.all([a.adapter.start(keysOf("s", 0)), b.adapter.start(keysOf("s", 1))]);
  const played = await until(20_000, async () =>
    await plays(a) && await plays(b) &&
    (await Promise.all(parties.map(sideOf))).every(({ browser }) => browser.framesDecoded >= 60));
  const streams = (await Promise.all(parties.map(({ connection }) => streamsOf(connection))))
    .flat();
  const ended = await Promise.all(parties.map(sideOf));
  for (const { adapter } of parties) adapter.close();
  channel.close();
  return { played, streams, ended, frames };
}

async function streamsOf(connection: RTCPeerConnection): Promise<string[]> {
  const reports = await connection.getStats();
  const streams: string[] = [];
  reports.forEach((report) => {
    if (report.type !== "outbound-rtp" && report.type !== "inbound-rtp") return;
    const { mimeType } = reports.get(report.codecId) ?? { mimeType: "nothing" };
    const { scalabilityMode, encoderImplementation, decoderImplementation } = report;
    streams.push(
      [report.type, mimeType, scalabilityMode, encoderImplementation, decoderImplementation]
        .filter((word) => word !== undefined).join(" "),
    );
  });
  return streams;
}

/** What the page can be asked for. */
export type CodecPage = typeof call;

Object.assign(globalThis, { call });
