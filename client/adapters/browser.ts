/**
 * The browser adapter: microphone, camera and a shared screen with its sound, every frame through an
 * encoded transform.
 *
 * No track is attached before its transform answered and the worker holds the keys, so a browser
 * that leaves a transform out has nothing to leak. Measured on Chromium 156:
 *
 * - `RTCRtpScriptTransform` works on a connection made with `encodedInsertableStreams: true`. There,
 *   a sender without a transform, with a late one, or with one set back to null sends 0 packets.
 * - Without that option, a transform set after the local description is ignored, and everything is
 *   sent in the clear, although the worker has its `rtctransform` event: that proves nothing. One
 *   set before the local description works with the option and without it.
 *
 * So the option is set, the transforms are set before the local description, and a watchdog looks
 * whether the encoder's frames really reach the worker.
 *
 * @module
 */

import { type Codec } from "../../crypto/envelope.ts";
import { type CallKeys, CTX, type Ctx } from "../../crypto/schedule.ts";
import { type MediaAdapter, type MediaFailure } from "../adapter.ts";
import { awaitCertificates, describe, openConnection } from "./browser_connection.ts";
import {
  addTransceivers,
  attachLines,
  checkLines,
  CODECS,
  isScreen,
  layer,
  type MediaLine,
  negotiatedCodecs,
} from "./browser_lines.ts";
import { type BrowserMedia, browserMedia } from "./browser_media.ts";
import { type WorkerCounts } from "./browser_messages.ts";
import { type MediaPath, NO_PATH, pathOf } from "./browser_path.ts";
import { hasArrived, LOOK_MS, senderCount, watchLine } from "./browser_watchdog.ts";
import { followKeys } from "./key_following.ts";
import { NO_STATS } from "./media_stats.ts";

export { type MediaPath } from "./browser_path.ts";
export { type Codec } from "../../crypto/envelope.ts";
export {
  type BrowserMedia,
  browserMedia,
  type MediaEvents,
  type MediaPart,
} from "./browser_media.ts";
export { type Gate, type SentCount, type WorkerCounts } from "./browser_messages.ts";
export { type KeyHolder, type Retired } from "./key_following.ts";

/** What a browser adapter is made of. */
export interface BrowserAdapterOptions {
  /**
   * Starts `browser_worker.ts` as a dedicated worker, which the adapter ends; or the worker of all
   * connections of this participant, which whoever made it ends.
   */
  readonly worker: (() => Worker) | BrowserMedia;
  /** What to send as `CTX.mic`; it stays the caller's to stop. */
  readonly audio?: MediaStreamTrack | null;
  /** What to send as `CTX.camera`; it stays the caller's to stop. */
  readonly video?: MediaStreamTrack | null;
  /** Takes each track of the peer: as soon as the gate is open, or once they share their screen. */
  readonly onTrack: (track: MediaStreamTrack, ctx: Ctx) => void;
  /** For three seconds no frame of a medium could be opened for want of its key. */
  readonly onMissingKey?: (ctx: Ctx) => void;
  /**
   * The codecs to offer and to accept, of audio and of video, the preferred first; those that the
   * browser lacks are left out. `opus`, `vp8`, `vp9`, `av1` and `h264` by default. `red` needs `opus`
   * behind it.
   */
  readonly codecs?: readonly Codec[];
  /**
   * The layers of the video that one sends, as `scalabilityMode` of WebRTC-SVC names them (`L1T3`); none by
   * default. Where a codec does not have them it sends without.
   */
  readonly scalabilityMode?: string;
  /** STUN and TURN servers; none by default. */
  readonly iceServers?: readonly RTCIceServer[];
}

/**
 * A `MediaAdapter` whose tracks may change during the call. None of it needs another description, and
 * nothing that is attached here leaves before the gate is open.
 */
export interface BrowserAdapter extends MediaAdapter {
  /**
   * Sends another track of a medium, such as that of another camera, or null to send none: muted. To mute
   * for a moment, `track.enabled = false` does it too: it sends silence or black, encrypted.
   *
   * @throws Error where the peer has no line for the medium, or the track is of another kind
   */
  setTrack(ctx: Ctx, track: MediaStreamTrack | null): Promise<void>;
  /**
   * Shares what `getDisplayMedia` gave, its sound too where it has one; null shares no more. The tracks
   * stay the caller's to stop.
   *
   * @throws Error where the peer has no line for it
   */
  share(screen: MediaStream | null): Promise<void>;
  /** Which way the media go at the moment, and in which codecs, for people to look at. */
  path(): Promise<MediaPath>;
}

/** A `MediaAdapter` on the browser's own WebRTC, for one call. */
export function browserAdapter(options: BrowserAdapterOptions): BrowserAdapter {
  const codecs = options.codecs ?? CODECS;
  const { worker } = options;
  const isOwn = typeof worker === "function";
  const media = isOwn ? browserMedia(worker) : worker;
  if (media?.connect === undefined) throw new TypeError("`worker` starts it, or is browserMedia()");
  const connection = openConnection(options.iceServers ?? []);
  let keys: CallKeys | null = null;
  const part = media.connect({
    onFailure: () => fail("transport_failed", "The worker could not be loaded, or broke"),
    onWanted: (kid) => keys?.requestKey(kid),
    onMissing: (_, ctx) => options.onMissingKey?.(ctx),
  });
  /** Rejects when the media ends, whatever is waited for. */
  const over = Promise.withResolvers<never>();
  over.promise.catch(() => {});
  /** What is to be sent; attached once the gate is open. */
  const tracks = new Map<Ctx, MediaStreamTrack | null>([
    [CTX.mic, options.audio ?? null],
    [CTX.camera, options.video ?? null],
  ]);
  const announced = new Set<Ctx>();
  let lines: readonly MediaLine[] = [];
  let isOpen = false;
  let stats = NO_STATS;
  let state: "gated" | "started" | "failed" | "closed" = "gated";

  connection.onconnectionstatechange = () => {
    const { connectionState: now } = connection;
    const listener = isOpen ? adapter.onInterruption ?? null : null;
    if (now === "connected") listener?.(false);
    else if (listener !== null && (now === "disconnected" || now === "failed")) listener(true);
    else if (now === "failed") fail("transport_failed");
  };

  const adapter: BrowserAdapter = {
    onFailure: null,
    onInterruption: null,
    async createOffer() {
      attach(addTransceivers(connection));
      return await describe(connection, over.promise);
    },
    async restart() {
      connection.restartIce();
      return await describe(connection, over.promise);
    },
    async createAnswer(offer) {
      if (lines.length > 0) {
        checkLines(connection.localDescription!.sdp, offer);
        await connection.setRemoteDescription({ type: "offer", sdp: offer });
        return await describe(connection, over.promise);
      }
      // Transceivers of one's own would not be matched to its m-lines (RFC 8829, section 5.10).
      await connection.setRemoteDescription({ type: "offer", sdp: offer });
      attach(connection.getTransceivers());
      return await describe(connection, over.promise);
    },
    async acceptAnswer(answer) {
      checkLines(connection.localDescription!.sdp, answer);
      await connection.setRemoteDescription({ type: "answer", sdp: answer });
      // Programs turn down what they have no use for.
      lines = lines.filter(({ transceiver }) => transceiver.currentDirection !== "stopped");
    },
    connected: () => awaitCertificates(connection, lines, over.promise),
    async start(given, peer = 1 - given.self) {
      if (state !== "gated") throw new Error("bug: media is started twice, or after its end");
      state = "started";
      keys = given;
      await Promise.race([part.running(), over.promise]);
      await followKeys(keys, peer, lines.map(({ ctx }) => ctx), media);
      part.open({ peer, codecs: negotiatedCodecs(lines) });
      await counts();
      isOpen = true;
      const { scalabilityMode } = options;
      // No track is attached to what has failed meanwhile.
      if (scalabilityMode !== undefined) {
        await Promise.race([layer(lines, scalabilityMode), over.promise]);
      }
      await Promise.race([over.promise, replaceTracks(({ ctx }) => tracks.get(ctx) ?? null)]);
      watch();
      for (const line of lines) if (!isScreen(line)) announce(line);
    },
    async stats() {
      if (state === "started") await counts().catch(() => {});
      return stats;
    },
    async setTrack(ctx, track) {
      const line = lines.find((each) => each.ctx === ctx);
      if (line === undefined && lines.length > 0) throw new Error("The peer has no such line");
      tracks.set(ctx, track);
      // Before the gate is open it is only remembered, and after the end it is forgotten.
      if (isOpen && state === "started") await line!.transceiver.sender.replaceTrack(track);
    },
    async share(screen) {
      await adapter.setTrack(CTX.screen, screen?.getVideoTracks()[0] ?? null);
      await adapter.setTrack(CTX.screenAudio, screen?.getAudioTracks()[0] ?? null);
    },
    async path() {
      if (state !== "started") return NO_PATH;
      return pathOf(new Map((await connection.getStats()).entries()));
    },
    close() {
      if (state === "closed") return;
      state = "closed";
      over.reject(new Error("The media was closed"));
      connection.close();
      if (keys !== null) keys.onChange = null;
      part.close();
      if (isOwn) media.close();
    },
  };
  return adapter;

  function attach(transceivers: readonly RTCRtpTransceiver[]): void {
    lines = attachLines(transceivers, part, codecs, () => fail("bypass_detected"));
  }

  async function counts(): Promise<WorkerCounts> {
    const said = await Promise.race([part.counts(), over.promise]);
    stats = said.stats;
    return said;
  }

  async function watch(): Promise<void> {
    const watched = lines.map((line) => ({ line, bypassed: watchLine(line) }));
    try {
      while (state === "started") {
        const seen = await Promise.all(lines.map((line) => senderCount(line.transceiver.sender)));
        const { sent } = await counts();
        const verdicts = watched.map(({ line, bypassed }, i) =>
          bypassed(seen[i]!, sent.get(line.ctx)!)
        );
        if (verdicts.includes(true)) fail("bypass_detected");
        await lookForScreen();
        await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
      }
    } catch {
      // Whoever cannot look must not send.
      fail("transport_failed");
    }
  }

  async function lookForScreen(): Promise<void> {
    for (const line of lines) {
      if (isScreen(line) && !announced.has(line.ctx) && await hasArrived(line)) announce(line);
    }
  }

  function announce({ ctx, transceiver }: MediaLine): void {
    if (state !== "started") return;
    announced.add(ctx);
    options.onTrack(transceiver.receiver.track, ctx);
  }

  function fail(failure: MediaFailure, why = "The media transport failed"): void {
    if (state === "failed" || state === "closed") return;
    state = "failed";
    over.reject(new Error(why));
    replaceTracks(() => null).catch(() => {});
    adapter.onFailure?.(failure);
  }

  async function replaceTracks(choose: (line: MediaLine) => MediaStreamTrack | null) {
    await Promise.all(lines.map((line) => line.transceiver.sender.replaceTrack(choose(line))));
  }
}
