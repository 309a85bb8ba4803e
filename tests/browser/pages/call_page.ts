/**
 * The page of the call test: an application as small as it gets, with a field for the callee and
 * buttons to call and to hang up, which answers whoever rings.
 *
 * It uses the library as any application would. Beside that it listens: to the peer connections, for
 * the browser's own counts; to the transform worker, for its counts; to the adapter, for the
 * descriptions and the keys that must not be found elsewhere; to WebCrypto, for every other secret.
 *
 * @module
 */

import { browserAdapter } from "../../../client/adapters/browser.ts";
import { type FromWorker, type WorkerCounts } from "../../../client/adapters/browser_messages.ts";
import { type MediaAdapter, type MediaStats } from "../../../client/adapter.ts";
import { type Call, type CallEnd, Client } from "../../../client/mod.ts";
import { indexedDbStore } from "../../../client/store_indexeddb.ts";
import { toHex, utf8 } from "../../../crypto/bytes.ts";
import { hkdfExpand, sha256 } from "../../../crypto/primitives.ts";
import { type CallKeys, CTX } from "../../../crypto/schedule.ts";
import { callKeys } from "../../support/call_keys.ts";
import { tapKeys } from "../../support/key_tap.ts";

/** What the browser counted in the newest call. */
export interface BrowserCounts {
  readonly audioPacketsSent: number;
  readonly audioBytesSent: number;
  readonly videoFramesSent: number;
  readonly framesDecoded: number;
  readonly audioEnergy: number;
  readonly bytesReceived: number;
}

/** What the worker counted in the newest call. */
export interface LineCounts {
  /** Frames that went through the transform of each medium, and their bytes once protected. */
  readonly audioFrames: number;
  readonly audioBytes: number;
  readonly videoFrames: number;
}

/** How the newest call goes, as one side sees it. */
export interface Report {
  readonly state: string;
  readonly browser: BrowserCounts;
  readonly worker: LineCounts;
  readonly stats: MediaStats;
  /** Milliseconds from the press of the button, or from the ring, to the first decoded frame. */
  readonly pictureMs: number | null;
  /** Milliseconds from `connected` to sound and a growing count of decoded frames. */
  readonly playsMs: number | null;
  readonly errors: readonly string[];
}

/** What nobody but the two may know, in hexadecimal where it is bytes. */
export interface Evidence {
  /** This side's own SDP. */
  readonly sdp: string;
  /** `Export("call", "", 32)` of the session. */
  readonly epochSecret: string;
  /** Every other secret that passed WebCrypto in this page. */
  readonly secrets: readonly { readonly name: string; readonly bytes: string }[];
  /** Whether a private key that the page stored can be read by its own scripts. */
  readonly extractable: boolean;
}

/** The page, as the test sees it. */
export interface Phone {
  /** Registers and goes online. @param keys `stranger` hands the stack the keys of another session */
  open(label: string, keys: "own" | "stranger"): Promise<void>;
  /** How the newest call goes; waits for the first one. */
  report(): Promise<Report>;
  evidence(): Promise<Evidence>;
  /** Takes the tracks away and waits until nothing is on its way any more. */
  hush(): Promise<void>;
  ended(): Promise<CallEnd>;
}

interface Line {
  readonly beganMs: number;
  readonly adapter: MediaAdapter;
  readonly connection: RTCPeerConnection;
  sdp: string;
  epochSecret: string;
  sent: WorkerCounts["sent"];
  call: Call | null;
  pictureMs: number | null;
  playsMs: number | null;
}

function phone(): Phone {
  const tap = tapKeys();
  const connections = listenForConnections();
  const errors: string[] = [];
  let ownLabel = "";
  let keysOf: (keys: CallKeys) => CallKeys = (keys) => keys;
  let line: Line | null = null;

  async function open(label: string, keys: "own" | "stranger"): Promise<void> {
    ownLabel = label;
    if (keys === "stranger") keysOf = strangersKeys;
    const client = await Client.open({
      service: location.origin,
      store: await indexedDbStore(label),
    });
    client.onRefused = (error) => errors.push(error.code);
    await client.register(label, `the laptop of ${label}`);
    await client.goOnline();
    void answerAll(client);
    element("call").onclick = ({ timeStamp }) => {
      const { value: callee } = element("callee") as HTMLInputElement;
      begin(timeStamp)
        .then(async (own) => follow(own, await client.call(callee, own.adapter)))
        .catch((error) => errors.push(String(error)));
    };
    element("hangup").onclick = () => void line?.call?.hangUp();
  }

  async function answerAll(client: Client): Promise<void> {
    for await (const incoming of client.incoming()) {
      const own = await begin(performance.now());
      follow(own, await incoming.answer(own.adapter));
    }
  }

  async function begin(beganMs: number): Promise<Line> {
    const media = await navigator.mediaDevices.getUserMedia({
      audio: true,
      video: { width: 320, height: 240 },
    });
    const adapter = browserAdapter({
      worker: () => {
        const worker = new Worker("/worker.js");
        worker.addEventListener("message", ({ data }: MessageEvent<FromWorker>) => {
          if (data.say === "counts") own.sent = data.counts.sent;
        });
        return worker;
      },
      audio: media.getAudioTracks()[0]!,
      video: media.getVideoTracks()[0]!,
      onTrack: play,
    });
    const own: Line = {
      beganMs,
      adapter,
      connection: connections.at(-1)!,
      sdp: "",
      epochSecret: "",
      sent: new Map(),
      call: null,
      pictureMs: null,
      playsMs: null,
    };
    observe(own, keysOf);
    line = own;
    return own;
  }

  function follow(own: Line, call: Call): void {
    own.call = call;
    void watch(own).catch((error) => errors.push(String(error)));
  }

  function current(): Line {
    if (line === null) throw new Error("bug: there is no call yet");
    return line;
  }

  return {
    open,
    async report() {
      while (line === null) await after(10);
      const { call, connection, pictureMs, playsMs, ...own } = current();
      const browser = await countsOf(connection);
      const stats = await own.adapter.stats();
      const worker = {
        audioFrames: own.sent.get(CTX.mic)?.frames ?? 0,
        audioBytes: own.sent.get(CTX.mic)?.bytes ?? 0,
        videoFrames: own.sent.get(CTX.camera)?.frames ?? 0,
      };
      const state = call?.state ?? "none";
      return { state, browser, worker, stats, pictureMs, playsMs, errors: [...errors] };
    },
    async evidence() {
      const { sdp, epochSecret } = current();
      const secrets = tap.secrets.map(({ name, bytes }) => ({ name, bytes: toHex(bytes) }));
      return { sdp, epochSecret, secrets, extractable: await hasExtractableKeys(ownLabel) };
    },
    async hush() {
      const { connection, adapter } = current();
      for (const sender of connection.getSenders()) await sender.replaceTrack(null);
      const look = async () => JSON.stringify([await countsOf(connection), await adapter.stats()]);
      let before = "";
      for (let alike = 0; alike < 3;) {
        await after(300);
        const now = await look();
        alike = now === before ? alike + 1 : 0;
        before = now;
      }
    },
    ended: () => current().call!.ended,
  };
}

/** Keeps every peer connection of the page; to be called before the library makes one. */
function listenForConnections(): readonly RTCPeerConnection[] {
  const connections: RTCPeerConnection[] = [];
  globalThis.RTCPeerConnection = class extends RTCPeerConnection {
    constructor(configuration?: RTCConfiguration) {
      super(configuration);
      connections.push(this);
    }
  };
  return connections;
}

/** Notes what goes in and out of the adapter of a call. */
function observe(own: Line, keysOf: (keys: CallKeys) => CallKeys): void {
  const { adapter } = own;
  const [createOffer, createAnswer, start] = [
    adapter.createOffer.bind(adapter),
    adapter.createAnswer.bind(adapter),
    adapter.start.bind(adapter),
  ];
  adapter.createOffer = async () => own.sdp = await createOffer();
  adapter.createAnswer = async (offer) => own.sdp = await createAnswer(offer);
  adapter.start = async (keys) => {
    own.epochSecret = toHex(keys.exporter("call", new Uint8Array(0), 32));
    await start(keysOf(keys));
  };
}

/** The keys of a session that nobody else is in. */
function strangersKeys({ self }: CallKeys): CallKeys {
  const root = crypto.getRandomValues(new Uint8Array(32));
  return callKeys(
    (label, context, length) => hkdfExpand(sha256(root, utf8(label)), context, length),
    self as 0 | 1,
  );
}

/** Takes the times of a call until it plays or ended. */
async function watch(own: Line): Promise<void> {
  let connectedMs: number | null = null;
  let first: number | null = null;
  while (own.call!.state !== "ended" && own.playsMs === null) {
    if (own.call!.state === "connected") connectedMs ??= performance.now();
    const { framesDecoded, audioEnergy } = await countsOf(own.connection);
    if (framesDecoded > 0) {
      first ??= framesDecoded;
      own.pictureMs ??= performance.now() - own.beganMs;
      if (connectedMs !== null && framesDecoded > first && audioEnergy > 0) {
        own.playsMs = performance.now() - connectedMs;
      }
    }
    await after(10);
  }
}

async function countsOf(connection: RTCPeerConnection): Promise<BrowserCounts> {
  const counts = {
    audioPacketsSent: 0,
    audioBytesSent: 0,
    videoFramesSent: 0,
    framesDecoded: 0,
    audioEnergy: 0,
    bytesReceived: 0,
  };
  (await connection.getStats()).forEach((report) => {
    if (report.type === "outbound-rtp" && report.kind === "audio") {
      counts.audioPacketsSent += report.packetsSent - report.retransmittedPacketsSent;
      counts.audioBytesSent += report.bytesSent - report.retransmittedBytesSent;
    } else if (report.type === "outbound-rtp") {
      counts.videoFramesSent += report.framesSent;
    } else if (report.type === "inbound-rtp") {
      counts.bytesReceived += report.bytesReceived;
      if (report.kind === "audio") counts.audioEnergy += report.totalAudioEnergy;
      else counts.framesDecoded += report.framesDecoded;
    }
  });
  return counts;
}

/** Looks through everything that the library stored, for a private key that could be read. */
async function hasExtractableKeys(name: string): Promise<boolean> {
  const opening = indexedDB.open(name, 1);
  const values = await new Promise<unknown[]>((resolve, reject) => {
    opening.onerror = () => reject(opening.error);
    opening.onsuccess = () => {
      const request = opening.result.transaction("values").objectStore("values").getAll();
      request.onsuccess = () => resolve(request.result);
    };
  });
  opening.result.close();
  let privates = 0;
  const isReadable = (value: unknown): boolean => {
    if (value instanceof CryptoKey) {
      if (value.type === "private") privates++;
      return value.extractable && value.type === "private";
    }
    if (value instanceof Uint8Array || typeof value !== "object" || value === null) return false;
    return Object.values(value).some(isReadable);
  };
  const readable = values.some(isReadable);
  if (privates === 0) throw new Error("bug: there is no private key in the store");
  return readable;
}

/** An element must play the audio for the browser to count its energy. */
function play(track: MediaStreamTrack): void {
  const player = document.createElement(track.kind) as HTMLMediaElement;
  player.srcObject = new MediaStream([track]);
  document.body.append(player);
  player.play().catch(() => {});
}

function element(id: string): HTMLElement {
  return document.getElementById(id)!;
}

function after(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

(globalThis as unknown as { phone: Phone }).phone = phone();
