/**
 * The page of the browser adapter's tests: two adapters in one page, and stories about them that
 * end in plain data.
 *
 * It records every peer connection, to look at what the browser itself counted, and can make one
 * that misbehaves as old browsers do.
 *
 * @module
 */

import { browserAdapter } from "../../../client/adapters/browser.ts";
import { type MediaAdapter, type MediaFailure, type MediaStats } from "../../../client/adapter.ts";
import { utf8 } from "../../../crypto/bytes.ts";
import { hkdfExpand, sha256 } from "../../../crypto/primitives.ts";
import { type CallKeys, callKeys } from "../../../crypto/schedule.ts";

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

interface Party {
  readonly adapter: MediaAdapter;
  readonly connection: RTCPeerConnection;
  readonly failures: MediaFailure[];
  readonly tracks: string[];
}

/**
 * `no_transforms`: what is set as a transform has no effect; `sends_past_transforms`: likewise, and
 * the browser does not know `encodedInsertableStreams`, so it sends all the same; `mute_worker`: the
 * worker never says a word.
 */
type Quirk = "none" | "no_transforms" | "sends_past_transforms" | "mute_worker";

const NativeConnection = RTCPeerConnection;

async function party(
  { quirk = "none", audio = true, video = true }: {
    quirk?: Quirk;
    audio?: boolean;
    video?: boolean;
  } = {},
): Promise<Party> {
  const media = await navigator.mediaDevices.getUserMedia({
    audio: true,
    video: { width: 320, height: 240 },
  });
  let connection: RTCPeerConnection | null = null;
  globalThis.RTCPeerConnection = class extends NativeConnection {
    constructor(configuration?: RTCConfiguration) {
      super(quirk === "sends_past_transforms" ? {} : configuration);
      connection = this;
    }
    override addTransceiver(kind: string): RTCRtpTransceiver {
      const transceiver = super.addTransceiver(kind);
      // Remembers what was set and does nothing with it; the worker has its event all the same.
      if (quirk === "no_transforms" || quirk === "sends_past_transforms") {
        Object.defineProperty(transceiver.sender, "transform", { value: null, writable: true });
      }
      return transceiver;
    }
  };
  const failures: MediaFailure[] = [];
  const tracks: string[] = [];
  const adapter = browserAdapter({
    worker: () =>
      quirk === "mute_worker"
        ? new Worker(URL.createObjectURL(new Blob([""])))
        : new Worker("/worker.js"),
    audio: audio ? media.getAudioTracks()[0]! : null,
    video: video ? media.getVideoTracks()[0]! : null,
    onTrack: (track, ctx) => {
      tracks.push(`${track.kind} ${ctx}`);
      play(track);
    },
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

async function connect(a: Party, b: Party): Promise<{ offer: string; answer: string }> {
  const offer = await a.adapter.createOffer();
  const answer = await b.adapter.createAnswer(offer);
  await a.adapter.acceptAnswer(answer);
  return { offer, answer };
}

function keysOf(seed: string, self: 0 | 1): CallKeys {
  return callKeys(
    (label, context, length) => hkdfExpand(sha256(utf8(seed + label), context), context, length),
    self,
  );
}

async function countsOf(connection: RTCPeerConnection): Promise<BrowserCounts> {
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

async function sideOf({ adapter, connection, failures, tracks }: Party): Promise<Side> {
  return {
    browser: await countsOf(connection),
    stats: await adapter.stats(),
    failures: [...failures],
    tracks: [...tracks],
  };
}

/** Looks again until it is so, or until the time is over. */
async function until(limit: number, isSo: () => boolean | Promise<boolean>): Promise<boolean> {
  for (const end = performance.now() + limit; performance.now() < end;) {
    if (await isSo()) return true;
    await after(50);
  }
  return false;
}

function after(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

async function plays({ connection }: Party): Promise<boolean> {
  const { framesDecoded, audioEnergy } = await countsOf(connection);
  return framesDecoded >= 20 && audioEnergy > 0;
}

function fingerprint(sdp: string): string {
  return /^a=fingerprint:sha-256 (\S+)/m.exec(sdp)![1]!.replaceAll(":", "").toLowerCase();
}

function hex(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

const stories = {
  /** A whole call, then silence, so that what was counted can be compared exactly. */
  async call() {
    const [a, b] = [await party(), await party()];
    const { offer, answer } = await connect(a, b);
    const seen = [await a.adapter.connected(), await b.adapter.connected()];
    await after(500);
    const gated = [await sideOf(a), await sideOf(b)];
    await Promise.all([a.adapter.start(keysOf("s", 0)), b.adapter.start(keysOf("s", 1))]);
    const begin = performance.now();
    const played = await until(10_000, async () => await plays(a) && await plays(b));
    const tookMs = Math.round(performance.now() - begin);
    await after(2_000);
    for (const { connection } of [a, b]) {
      for (const sender of connection.getSenders()) await sender.replaceTrack(null);
    }
    await after(1_200);
    const ended = [await sideOf(a), await sideOf(b)];
    a.adapter.close();
    b.adapter.close();
    b.adapter.close();
    return {
      offer,
      answer,
      fingerprints: [fingerprint(answer), fingerprint(offer)],
      certificates: seen.map((side) => side.map(hex)),
      gated,
      played,
      tookMs,
      ended,
      closedStats: await a.adapter.stats(),
    };
  },

  /** One side starts later: what it gets before is dropped, and it plays afterwards. */
  async lateStart() {
    const [a, b] = [await party(), await party()];
    await connect(a, b);
    await a.adapter.connected();
    await a.adapter.start(keysOf("s", 0));
    await after(1_000);
    const before = [await sideOf(a), await sideOf(b)];
    await b.adapter.start(keysOf("s", 1));
    const played = await until(10_000, async () => await plays(a) && await plays(b));
    const ended = [await sideOf(a), await sideOf(b)];
    a.adapter.close();
    b.adapter.close();
    return { before, played, ended };
  },

  /** The two sides hold keys of different sessions. */
  async wrongKeys() {
    const [a, b] = [await party(), await party()];
    await connect(a, b);
    await a.adapter.connected();
    await Promise.all([a.adapter.start(keysOf("s", 0)), b.adapter.start(keysOf("t", 1))]);
    await after(2_000);
    const ended = [await sideOf(a), await sideOf(b)];
    a.adapter.close();
    b.adapter.close();
    return { ended };
  },

  /** The page takes a transform away in the middle of a call. */
  async transformTaken(which: "audio" | "video") {
    const [a, b] = [await party(), await party()];
    await connect(a, b);
    await Promise.all([a.adapter.start(keysOf("s", 0)), b.adapter.start(keysOf("s", 1))]);
    const played = await until(10_000, async () => await plays(a) && await plays(b));
    a.connection.getSenders().find(({ track }) => track?.kind === which)!.transform = null;
    const begin = performance.now();
    const noticed = await until(5_000, () => a.failures.length > 0);
    const tookMs = Math.round(performance.now() - begin);
    const atFailure = await sideOf(a);
    await after(700);
    const ended = [await sideOf(a), await sideOf(b)];
    const attached = a.connection.getSenders().filter(({ track }) => track !== null).length;
    a.adapter.close();
    b.adapter.close();
    return { played, noticed, tookMs, atFailure, ended, attached };
  },

  /** The worker has the events of its transforms, but the browser does not use them. */
  async transformsIgnored(
    quirk: "no_transforms" | "sends_past_transforms",
    which: "audio" | "video",
  ) {
    const a = await party({
      quirk,
      audio: which === "audio",
      video: which === "video",
    });
    const b = await party();
    await connect(a, b);
    await a.adapter.connected();
    await Promise.all([a.adapter.start(keysOf("s", 0)), b.adapter.start(keysOf("s", 1))]);
    const begin = performance.now();
    const noticed = await until(5_000, () => a.failures.length > 0);
    const tookMs = Math.round(performance.now() - begin);
    const atFailure = await sideOf(a);
    await after(700);
    const ended = [await sideOf(a), await sideOf(b)];
    a.adapter.close();
    b.adapter.close();
    return { noticed, tookMs, atFailure, ended };
  },

  /** A worker that never says that it runs. */
  async muteWorker() {
    const [a, b] = [await party({ quirk: "mute_worker" }), await party()];
    await connect(a, b);
    await a.adapter.connected();
    let outcome = "waits";
    const started = a.adapter.start(keysOf("s", 0)).then(
      () => outcome = "started",
      (error: Error) => outcome = error.message,
    );
    await after(1_000);
    const waiting = outcome;
    const gated = await countsOf(a.connection);
    const tracks = a.connection.getSenders().map(({ track }) => track);
    a.adapter.close();
    await started;
    b.adapter.close();
    return { waiting, gated, tracks, outcome };
  },

  /** Offers that an adapter cannot have made, and waiting for a call that is closed. */
  async refusals() {
    const other = new NativeConnection();
    other.addTransceiver("video");
    await other.setLocalDescription();
    const a = await party();
    const message = (error: Error) => error.message;
    const offer = await a.adapter.createAnswer(other.localDescription!.sdp).then(String, message);
    other.close();
    const b = await party();
    await b.adapter.createOffer();
    const waiting = b.adapter.connected().then(String, message);
    a.adapter.close();
    b.adapter.close();
    return { offer, connected: await waiting, failures: [...a.failures, ...b.failures] };
  },

  /** What the browser's WebCrypto has. */
  async webCrypto() {
    const has = async (name: string, usages: string[]) => {
      try {
        await crypto.subtle.generateKey({ name }, false, usages as KeyUsage[]);
        return true;
      } catch {
        return false;
      }
    };
    return {
      "ML-KEM-768": await has("ML-KEM-768", ["encapsulateBits", "decapsulateBits"]),
      "X25519": await has("X25519", ["deriveBits"]),
      "Ed25519": await has("Ed25519", ["sign", "verify"]),
    };
  },
};

/** The stories, by name. */
export type Stories = typeof stories;

(globalThis as unknown as { stories: Stories }).stories = stories;
