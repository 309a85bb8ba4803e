/**
 * Media through an SFU in a browser, on connections that a stack makes: every sender and receiver of
 * one participant gets a transform of the same worker, and only of it. The stack's adapters say which
 * sender or receiver there is, and when; all the rest is here.
 *
 * An SFU forwards many people's tracks on one connection. Whose a track is and what it shows is the
 * application's to say, from what the roster authenticates; a frame of anybody else, or of another
 * medium, does not open. What the SFU says is a claim that its frames have to bear out.
 *
 * Nothing is sent before `start`: the worker drops it. A sender that goes past its transform is
 * stopped with all others, as in a call between two.
 *
 * @module
 */

import { type CallKeys, CTX, type Ctx } from "../../crypto/schedule.ts";
import { type MediaFailure, type MediaStats } from "../adapter.ts";
import { guardTransform } from "./browser_guard.ts";
import { browserMedia, type MediaPart } from "./browser_media.ts";
import { type WorkerCounts } from "./browser_messages.ts";
import { LOOK_MS, senderCount, watchLine } from "./browser_watchdog.ts";
import { NO_STATS, sumOfStats } from "./media_stats.ts";
import { followSfuKeys, type KeyedLine } from "./sfu_keys.ts";

/** Whose a track is, and what it shows. */
export interface TrackOwner {
  /** The participant's place in the roster. */
  readonly index: number;
  /** The medium. */
  readonly ctx: Ctx;
}

/** What media through an SFU is made of. */
export interface SfuOptions {
  /** Starts `browser_worker.ts` as a dedicated worker; `close` ends it. */
  readonly worker: () => Worker;
  /** Called at most once: nothing is sent or opened any more. */
  readonly onFailure?: (failure: MediaFailure) => void;
  /** For three seconds no frame of a participant's medium could be opened for want of a key. */
  readonly onMissingKey?: (owner: TrackOwner) => void;
}

/** One participant's media through an SFU. */
export interface SfuMedia {
  /** Sets the transform of a sender, before anything is negotiated for it. @throws Error at the end */
  send(sender: RTCRtpSender, ctx: Ctx): void;
  /**
   * Sets the transform of a receiver, instead of the one that it had. With null, nothing is heard or
   * seen of it: it is nobody's whom the application knows.
   *
   * @param isStill whether the seat is still theirs, asked at each change of keys; where it is not, the
   * receiver is nobody's from then on
   * @throws Error at the end
   */
  receive(receiver: RTCRtpReceiver, owner: TrackOwner | null, isStill?: () => boolean): void;
  /** Opens the gate: frames flow, each under these keys, and their changes are followed. */
  start(keys: CallKeys): Promise<void>;
  /** Counts of frames so far. */
  stats(): Promise<MediaStats>;
  /** Stops all senders, and the tracks of all receivers, and ends the worker; idempotent. */
  close(): void;
}

/** A sender or a receiver, with what the worker has of it. */
interface Line extends KeyedLine {
  readonly end: RTCRtpSender | RTCRtpReceiver;
  readonly part: MediaPart;
  /** Whether its seat is still that of whom it was. */
  readonly isStill: () => boolean;
  /** Whether frames went past the transform; give each look's counts. */
  readonly bypassed: ReturnType<typeof watchLine>;
  /** What was counted of it at last. */
  stats: MediaStats;
  /** How many codecs the worker knows of it, or -1 before its gate is open. */
  codecs: number;
}

/** Media with the gate closed and nothing attached. */
export function sfuMedia(options: SfuOptions): SfuMedia {
  const media = browserMedia(options.worker);
  const lines = new Map<RTCRtpSender | RTCRtpReceiver, Line>();
  /** Of lines that are gone. */
  let past = NO_STATS;
  let keys: CallKeys | null = null;
  let state: "gated" | "started" | "over" = "gated";
  let nextLook: ReturnType<typeof setTimeout> | undefined;
  /** Brings the keys of lines to the worker; null before there are any. */
  let bring: ReturnType<typeof followSfuKeys> | null = null;

  return {
    send: (sender, ctx) => attach(sender, ctx, null),
    receive: (receiver, owner, isStill) =>
      attach(receiver, owner?.ctx ?? CTX.mic, owner?.index ?? null, isStill),
    async start(given) {
      if (state !== "gated") throw new Error("bug: media is started twice, or after its end");
      state = "started";
      keys = given;
      bring = followSfuKeys(given, present, media);
      await begin([...lines.values()]).catch((error) => {
        fail("transport_failed");
        throw error;
      });
      watch();
    },
    async stats() {
      const all = [...lines.values()];
      if (state !== "over") await Promise.all(all.map(count)).catch(() => {});
      return all.reduce((sum, { stats }) => sumOfStats(sum, stats), past);
    },
    close: end,
  };

  function attach(
    end: Line["end"],
    ctx: Ctx,
    index: number | null,
    isStill: Line["isStill"] = () => true,
  ): void {
    if (state === "over") {
      silence(end);
      throw new Error("The media was closed");
    }
    release(lines.get(end));
    const part = media.connect({
      onFailure: () => fail("transport_failed"),
      onWanted: want,
      onMissing: (index, ctx) => options.onMissingKey?.({ index, ctx }),
    });
    const transform = part.transform(isSender(end) ? "send" : "recv", ctx);
    const isIntact = guardTransform(end, transform, () => fail("bypass_detected"));
    const line: Line = {
      end,
      ctx,
      index,
      isSending: isSender(end),
      part,
      isStill,
      bypassed: watchLine({ kind: kindOf(ctx), isIntact }),
      stats: NO_STATS,
      codecs: -1,
    };
    lines.set(end, line);
    if (bring !== null) begin([line]).catch(() => fail("transport_failed"));
  }

  /** Opens the gates of lines, once the worker has them and their keys. */
  async function begin(added: readonly Line[]): Promise<void> {
    await Promise.all(added.map(({ part }) => part.running()));
    await bring!(added);
    if (state !== "started") throw new Error("The media was closed");
    for (const line of added) open(line);
  }

  /** All lines, after those whose seat has gone to somebody else became nobody's. */
  function present(): readonly Line[] {
    for (const line of [...lines.values()]) {
      if (!line.isStill()) attach(line.end, line.ctx, null);
    }
    return [...lines.values()];
  }

  async function want(kid: number): Promise<void> {
    try {
      const key = await keys?.recvKey(kid) ?? null;
      if (key === null) return keys?.requestKey(kid);
      present();
      media.add([key]);
    } catch {
      // The call's secrets are erased, and nothing waits for a key any more.
    }
  }

  /** Opens a line's gate, or tells its codecs anew once more of them are negotiated. */
  function open(line: Line): void {
    const peer = line.isSending ? keys!.self : line.index;
    if (peer === null) return;
    const codecs = new Map(
      line.end.getParameters().codecs.map((each) => [each.payloadType, each.mimeType]),
    );
    if (codecs.size <= line.codecs) return;
    line.codecs = codecs.size;
    line.part.open({ peer, codecs });
  }

  async function watch(): Promise<void> {
    try {
      while (state === "started") {
        for (const line of [...lines.values()]) if (isThere(line)) await look(line);
        await new Promise((resolve) => nextLook = setTimeout(resolve, LOOK_MS));
      }
    } catch {
      // Whoever cannot look must not send.
      fail("transport_failed");
    }
  }

  async function look(line: Line): Promise<void> {
    const { end, ctx } = line;
    if (end.transport?.state === "closed") return release(line);
    const seen = isSender(end) ? await senderCount(end) : { encoded: 0, bytes: 0 };
    // Another one may have taken its place meanwhile, also below.
    if (!isThere(line)) return;
    const sent = (await count(line)).get(ctx) ?? { frames: 0, bytes: 0 };
    if (!isThere(line)) return;
    if (line.bypassed(seen, sent)) fail("bypass_detected");
    else open(line);
  }

  function isThere(line: Line): boolean {
    return lines.get(line.end) === line;
  }

  async function count(line: Line): Promise<WorkerCounts["sent"]> {
    const { stats, sent } = await line.part.counts();
    line.stats = stats;
    return sent;
  }

  function release(line: Line | undefined): void {
    if (line === undefined) return;
    lines.delete(line.end);
    const counted = count(line).catch(() => {});
    // At once: no frame that waits for a key opens on it any more.
    line.part.close();
    counted.then(() => past = sumOfStats(past, line.stats));
  }

  function fail(failure: MediaFailure): void {
    if (state === "over") return;
    end();
    options.onFailure?.(failure);
  }

  function end(): void {
    if (state === "over") return;
    state = "over";
    if (keys !== null) keys.onChange = null;
    for (const { end } of lines.values()) silence(end);
    clearTimeout(nextLook);
    media.close();
  }
}

function isSender(end: RTCRtpSender | RTCRtpReceiver): end is RTCRtpSender {
  return "replaceTrack" in end;
}

/** For good: what is sent ends, or what is shown. */
function silence(end: RTCRtpSender | RTCRtpReceiver): void {
  if (isSender(end)) end.replaceTrack(null).catch(() => {});
  else end.track.stop();
}

function kindOf(ctx: Ctx): "audio" | "video" {
  return ctx === CTX.mic || ctx === CTX.screenAudio ? "audio" : "video";
}
