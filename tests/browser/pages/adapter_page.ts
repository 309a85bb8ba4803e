/**
 * The page of the browser adapter's tests: two adapters in one page, and stories about them that
 * end in plain data.
 *
 * @module
 */

import { keysOf } from "../../support/call_keys.ts";
import {
  after,
  connect,
  countsOf,
  NativeConnection,
  party,
  plays,
  sideOf,
  until,
} from "./party.ts";

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
