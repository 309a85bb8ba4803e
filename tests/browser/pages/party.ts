/**
 * The two sides of a call in one page: adapters on peer connections that are recorded, to look at
 * what the browser itself counted, and that can be made to misbehave as old browsers do.
 *
 * @module
 */

import {
  type BrowserAdapter,
  browserAdapter,
  type BrowserMedia,
  type Codec,
} from "../../../client/adapters/browser.ts";
import { type MediaFailure, type MediaStats } from "../../../client/adapter.ts";
import { type Ctx } from "../../../crypto/schedule.ts";

/** What the browser counted on one side. */
export interface BrowserCounts {
  readonly audioPacketsSent: number;
  readonly audioBytesSent: number;
  readonly videoPacketsSent: number;
  readonly videoFramesSent: number;
  readonly framesDecoded: number;
  readonly audioEnergy: number;
}

/** What became of one side. */
export interface Side {
  readonly browser: BrowserCounts;
  readonly stats: MediaStats;
  readonly failures: readonly MediaFailure[];
  readonly tracks: readonly string[];
}

/** One side of a call. */
export interface Party {
  readonly adapter: BrowserAdapter;
  readonly connection: RTCPeerConnection;
  readonly failures: MediaFailure[];
  readonly tracks: string[];
}

/** Remembers what is set as a transform and does nothing with it; the worker has its event all the same. */
function ignore(sender: RTCRtpSender): void {
  let transform: unknown = null;
  const broken = Object.create(RTCRtpSender.prototype, {
    transform: { get: () => transform, set: (given) => transform = given },
  });
  Object.setPrototypeOf(sender, broken);
}

/**
 * `no_transforms`: what is set as a transform has no effect; `sends_past_transforms`: likewise, and
 * the browser does not know `encodedInsertableStreams`, so it sends all the same; `mute_worker`: the
 * worker never says a word.
 */
export type Quirk = "none" | "no_transforms" | "sends_past_transforms" | "mute_worker";

/** How large a picture the fake camera gives. */
export interface Size {
  readonly width: number;
  readonly height: number;
}

const SIZE: Size = { width: 320, height: 240 };

/** What connections are made of where nothing is recorded. */
export const NativeConnection = RTCPeerConnection;

/** A side with an adapter of its own, on fake devices. */
export async function party(
  { quirk = "none", audio = true, video = true, worker = "/worker.js", size = SIZE, ...more }: {
    quirk?: Quirk;
    audio?: boolean;
    video?: boolean;
    worker?: string;
    size?: Size;
    codecs?: readonly Codec[];
    /** The worker of several sides, which are those of one participant. */
    shared?: BrowserMedia;
    onMissingKey?: (ctx: Ctx) => void;
  } = {},
): Promise<Party> {
  const media = await navigator.mediaDevices.getUserMedia({ audio: true, video: { ...size } });
  let connection: RTCPeerConnection | null = null;
  globalThis.RTCPeerConnection = class extends NativeConnection {
    constructor(configuration?: RTCConfiguration) {
      super(quirk === "sends_past_transforms" ? {} : configuration);
      connection = this;
    }
    override addTransceiver(kind: string): RTCRtpTransceiver {
      const transceiver = super.addTransceiver(kind);
      if (quirk === "no_transforms" || quirk === "sends_past_transforms") {
        ignore(transceiver.sender);
      }
      return transceiver;
    }
  };
  const failures: MediaFailure[] = [];
  const tracks: string[] = [];
  const { shared, codecs, onMissingKey } = more;
  const adapter = browserAdapter({
    worker: shared ??
      (() =>
        quirk === "mute_worker"
          ? new Worker(URL.createObjectURL(new Blob([""])))
          : new Worker(worker)),
    audio: audio ? media.getAudioTracks()[0]! : null,
    video: video ? media.getVideoTracks()[0]! : null,
    onTrack: (track, ctx) => {
      tracks.push(`${track.kind} ${ctx}`);
      play(track);
    },
    ...codecs === undefined ? {} : { codecs },
    ...onMissingKey === undefined ? {} : { onMissingKey },
  });
  globalThis.RTCPeerConnection = NativeConnection;
  adapter.onFailure = (failure) => failures.push(failure);
  return { adapter, connection: connection!, failures, tracks };
}

/** An element must play the audio for the browser to count its energy. */
function play(track: MediaStreamTrack): void {
  const element = document.createElement(track.kind) as HTMLMediaElement;
  element.srcObject = new MediaStream([track]);
  document.body.append(element);
  element.play().catch(() => {});
}

/** Takes the offer and the answer across. */
export async function connect(a: Party, b: Party): Promise<{ offer: string; answer: string }> {
  const offer = await a.adapter.createOffer();
  const answer = await b.adapter.createAnswer(offer);
  await a.adapter.acceptAnswer(answer);
  return { offer, answer };
}

/** The browser's own counts. */
export async function countsOf(connection: RTCPeerConnection): Promise<BrowserCounts> {
  const counts = {
    audioPacketsSent: 0,
    audioBytesSent: 0,
    videoPacketsSent: 0,
    videoFramesSent: 0,
    framesDecoded: 0,
    audioEnergy: 0,
  };
  (await connection.getStats()).forEach((report) => {
    if (report.type === "outbound-rtp" && report.kind === "audio") {
      counts.audioPacketsSent += report.packetsSent;
      counts.audioBytesSent += report.bytesSent;
    } else if (report.type === "outbound-rtp") {
      counts.videoPacketsSent += report.packetsSent;
      counts.videoFramesSent += report.framesSent;
    } else if (report.type === "inbound-rtp" && report.kind === "audio") {
      counts.audioEnergy += report.totalAudioEnergy;
    } else if (report.type === "inbound-rtp") {
      counts.framesDecoded += report.framesDecoded;
    }
  });
  return counts;
}

/** What became of a side so far. */
export async function sideOf({ adapter, connection, failures, tracks }: Party): Promise<Side> {
  return {
    browser: await countsOf(connection),
    stats: await adapter.stats(),
    failures: [...failures],
    tracks: [...tracks],
  };
}

/** Looks again until it is so, or until the time is over. */
export async function until(
  limit: number,
  isSo: () => boolean | Promise<boolean>,
): Promise<boolean> {
  for (const end = performance.now() + limit; performance.now() < end;) {
    if (await isSo()) return true;
    await after(50);
  }
  return false;
}

/** Resolves later. */
export function after(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** Whether a side hears and sees the other. */
export async function plays({ connection }: Party): Promise<boolean> {
  const { framesDecoded, audioEnergy } = await countsOf(connection);
  return framesDecoded >= 20 && audioEnergy > 0;
}
