/**
 * The page of the tests of a call's lines: two adapters in one page, whose tracks and ways change.
 *
 * @module
 */

import { type BrowserAdapter } from "../../../client/adapters/browser.ts";
import { type ClientError } from "../../../client/error.ts";
import { describe } from "../../../client/fingerprint.ts";
import { Reconnection } from "../../../client/reconnection.ts";
import { CTX, type Ctx } from "../../../crypto/schedule.ts";
import { type RestartPayload } from "../../../wire/payload.ts";
import { keysOf } from "../../support/call_keys.ts";
import { after, NativeConnection, type Party, party, plays, sideOf, until } from "./party.ts";

const SETTLED_MS = 1_500;
const PATIENCE_MS = 15_000;

/** Candidates that lead to a relay of the test, which may go away. */
interface Relayed {
  readonly host: string;
  readonly ports: readonly [number, number];
}

async function open(relayed: Relayed | null = null): Promise<readonly [Party, Party]> {
  const [a, b] = [await party(), await party()];
  const through = (sdp: string, port: number): string =>
    relayed === null ? sdp : sdp.replace(/a=candidate:.*\r\n/g, "").replace(
      /(a=ice-ufrag)/g,
      `a=candidate:1 1 UDP 2122187007 ${relayed.host} ${port} typ host\r\n$1`,
    );
  const offer = await a.adapter.createOffer();
  const answer = await b.adapter.createAnswer(through(offer, relayed?.ports[0] ?? 0));
  await a.adapter.acceptAnswer(through(answer, relayed?.ports[1] ?? 0));
  await Promise.all([a.adapter.connected(), b.adapter.connected()]);
  await Promise.all([a.adapter.start(keysOf("s", 0)), b.adapter.start(keysOf("s", 1))]);
  if (!await until(PATIENCE_MS, async () => await plays(a) && await plays(b))) {
    throw new Error(`It does not play: ${JSON.stringify([await sideOf(a), await sideOf(b)])}`);
  }
  return [a, b];
}

const adapterOf = ({ adapter }: Party): BrowserAdapter => adapter;

/** What one line of a side received and sent so far. */
async function lineOf({ connection }: Party, ctx: Ctx) {
  const line = { decoded: 0, energy: 0, sent: 0 };
  const { sender, receiver } = connection.getTransceivers()[ctx]!;
  for (const report of (await receiver.getStats()).values()) {
    if (report.type !== "inbound-rtp") continue;
    line.decoded += report.framesDecoded ?? 0;
    line.energy += report.totalAudioEnergy ?? 0;
  }
  for (const report of (await sender.getStats()).values()) {
    // Padding has no payload.
    if (report.type === "outbound-rtp") line.sent += report.bytesSent;
  }
  return line;
}

/** Whether more and more of a medium is decoded. */
async function grows(side: Party, ctx: Ctx): Promise<boolean> {
  const { decoded, energy } = await lineOf(side, ctx);
  return await until(PATIENCE_MS, async () => {
    const now = await lineOf(side, ctx);
    return now.decoded > decoded + 15 || now.energy > energy + 0.001;
  });
}

/** How much more of a medium is sent and decoded in a second, once it has settled. */
async function later(from: Party, to: Party, ctx: Ctx) {
  await after(SETTLED_MS);
  const [sent, got] = [await lineOf(from, ctx), await lineOf(to, ctx)];
  await after(1_000);
  const [sentLater, gotLater] = [await lineOf(from, ctx), await lineOf(to, ctx)];
  return {
    bytes: sentLater.sent - sent.sent,
    frames: gotLater.decoded - got.decoded,
    energy: gotLater.energy - got.energy,
  };
}

async function end(...parties: readonly Party[]) {
  const sides = await Promise.all(parties.map(sideOf));
  for (const { adapter } of parties) adapter.close();
  return sides.map(({ failures, stats, tracks }) => ({ failures, refused: stats.refused, tracks }));
}

const stories = {
  /** A screen with sound is shared, taken back, and shared again. */
  async screen() {
    const [a, b] = await open();
    const screen = await navigator.mediaDevices.getUserMedia({ audio: true, video: true });
    const before = [...b.tracks];
    await adapterOf(a).share(screen);
    const shown = [await grows(b, CTX.screen), await grows(b, CTX.screenAudio)];
    await adapterOf(a).share(null);
    const stopped = [await later(a, b, CTX.screen), await later(a, b, CTX.screenAudio)];
    await adapterOf(a).share(screen);
    const again = await grows(b, CTX.screen);
    return { before, shown, stopped, again, ended: await end(a, b) };
  },

  /** Both ways to mute, and back. */
  async mute() {
    const [a, b] = await open();
    const { track } = a.connection.getSenders()[CTX.mic]!;
    const { track: picture } = a.connection.getSenders()[CTX.camera]!;
    await adapterOf(a).setTrack(CTX.mic, null);
    await adapterOf(a).setTrack(CTX.camera, null);
    const detached = [await later(a, b, CTX.mic), await later(a, b, CTX.camera)];
    await adapterOf(a).setTrack(CTX.mic, track);
    await adapterOf(a).setTrack(CTX.camera, picture);
    const attached = [await grows(b, CTX.mic), await grows(b, CTX.camera)];
    track!.enabled = picture!.enabled = false;
    const disabled = [await later(a, b, CTX.mic)];
    track!.enabled = picture!.enabled = true;
    const enabled = [await grows(b, CTX.mic), await grows(b, CTX.camera)];
    return { detached, attached, disabled, enabled, ended: await end(a, b) };
  },

  /** Another camera and another microphone. */
  async devices() {
    const [a, b] = await open();
    const other = await navigator.mediaDevices.getUserMedia({
      audio: true,
      video: { width: 160, height: 120 },
    });
    await adapterOf(a).setTrack(CTX.camera, other.getVideoTracks()[0]!);
    await adapterOf(a).setTrack(CTX.mic, other.getAudioTracks()[0]!);
    await after(SETTLED_MS);
    const grown = [await grows(b, CTX.mic), await grows(b, CTX.camera)];
    return { grown, ended: await end(a, b) };
  },

  /** The way of packets is cut; the test says when. */
  async cutOff(host: string, ports: readonly [number, number]) {
    const [a, b] = await open({ host, ports });
    const ufrag = () => /a=ice-ufrag:(\S+)/.exec(a.connection.localDescription!.sdp)![1]!;
    const heard: string[] = [];
    const watch = reconnecting(a, b, (who, what) => heard.push(`${who} ${what}`));
    const before = ufrag();
    await fetch("/cut", { method: "POST" }).catch(() => {});
    const began = performance.now();
    const restored = await until(
      25_000,
      () => heard.filter((one) => one.endsWith("back")).length > 1,
    );
    const tookMs = Math.round(performance.now() - began);
    const media = [await grows(b, CTX.camera), await grows(a, CTX.mic)];
    const changed = ufrag() !== before;
    watch.forEach((each) => each.stop());
    return { restored, tookMs, heard, media, changed, ended: await end(a, b) };
  },

  /** The ways change although nothing was wrong, and the call goes on meanwhile. */
  async restart() {
    const [a, b] = await open();
    const offer = await a.adapter.restart!();
    await a.adapter.acceptAnswer(await b.adapter.createAnswer(offer));
    const media = [await grows(b, CTX.camera), await grows(a, CTX.mic), await grows(b, CTX.mic)];
    const more = offer + offer.slice(offer.indexOf("m=audio"), offer.indexOf("m=video"));
    const refused = await b.adapter.createAnswer(more).catch(({ message }) => message);
    return { media, refused, bytes: offer.length, ended: await end(a, b) };
  },

  /** A description of the session that names another certificate. */
  async otherCertificate(whose: "promised" | "named") {
    const [a, b] = await open();
    const mallory = new NativeConnection();
    for (const kind of ["audio", "video", "video", "audio"]) mallory.addTransceiver(kind);
    await mallory.setLocalDescription();
    const { sdp } = mallory.localDescription!;
    mallory.close();
    const remote = b.connection.remoteDescription!.sdp;
    const failed = Promise.withResolvers<string>();
    const theirs = describe(remote);
    const watch = new Reconnection({
      adapter: b.adapter,
      isCaller: false,
      theirs,
      send: () => Promise.resolve(),
      fail: (error: ClientError) => failed.resolve(error.code),
      onChange: () => {},
    });
    const said = whose === "promised" ? describe(sdp) : { ...theirs, sdp };
    watch.take({ kind: "restart", step: "offer", round: 1, ...said });
    const code = await Promise.race([failed.promise, after(5_000)]) ?? "nothing";
    const untouched = b.connection.remoteDescription!.sdp === remote;
    watch.stop();
    return { code, untouched, ended: await end(a, b) };
  },
};

/** Both sides' reconnections, whose messages cross the page. */
function reconnecting(a: Party, b: Party, hear: (who: string, what: string) => void) {
  const sides: Reconnection[] = [];
  const side = (own: Party, other: Party, i: 0 | 1) =>
    new Reconnection({
      adapter: own.adapter,
      isCaller: i === 0,
      theirs: describe(other.connection.localDescription!.sdp),
      send: (payload: RestartPayload) => {
        hear(`${i}`, payload.step);
        sides[1 - i]!.take(payload);
        return Promise.resolve();
      },
      fail: (error) => hear(`${i}`, error.code),
      onChange: (isInterrupted) => hear(`${i}`, isInterrupted ? "away" : "back"),
    });
  sides.push(side(a, b, 0), side(b, a, 1));
  return sides;
}

/** The stories, by name. */
export type LineStories = typeof stories;

Object.assign(globalThis, stories);
