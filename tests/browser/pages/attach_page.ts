/**
 * The page of the attach matrix: an adapter calls a receiver without keys, and something is done to its
 * transforms, its worker, its tracks or its codecs.
 *
 * @module
 */

import { CTX } from "../../../crypto/schedule.ts";
import { keysOf } from "../../support/call_keys.ts";
import { type Arrived, type BareReceiver, bareReceiver } from "./bare_receiver.ts";
import { after, NativeConnection, type Party, party, until } from "./party.ts";

/** How one case ended. */
export interface Ended extends Arrived {
  readonly failures: readonly string[];
  /** Frames of audio and of video that came in its last second. */
  readonly last: readonly [number, number];
  readonly refused: Readonly<Record<string, number>>;
  /** Why the browser could not do it, or empty. */
  readonly unsupported: string;
}

interface Stage {
  readonly own: Party;
  readonly other: BareReceiver;
  readonly worker: Worker;
  readonly startError: string;
}

const FLOWS_MS = 12_000;
const STOPS_MS = 14_000;

/** Makes the adapter's transforms real only when told to; it does not notice. */
function deferring(): { readonly apply: () => void; readonly undo: () => void } {
  const prototypes = [RTCRtpSender.prototype, RTCRtpReceiver.prototype];
  const natives = prototypes.map((each) => Object.getOwnPropertyDescriptor(each, "transform")!);
  const kept: (() => void)[] = [];
  const values = new WeakMap<object, unknown>();
  for (const [i, prototype] of prototypes.entries()) {
    Object.defineProperty(prototype, "transform", {
      configurable: true,
      get(this: object) {
        return values.get(this) ?? null;
      },
      set(this: object, value) {
        values.set(this, value);
        kept.push(() => natives[i]!.set!.call(this, value));
      },
    });
  }
  return {
    apply: () => kept.splice(0).forEach((set) => set()),
    undo: () =>
      prototypes.forEach((each, i) => Object.defineProperty(each, "transform", natives[i]!)),
  };
}

async function open(
  workerScript = "/worker.js",
  prepare: (own: Party) => void = () => {},
  described: () => void = () => {},
): Promise<Stage> {
  const NativeWorker = Worker;
  let worker: Worker | null = null;
  globalThis.Worker = class extends NativeWorker {
    constructor(url: string) {
      super(url);
      worker = this;
    }
  } as typeof Worker;
  const own = await party({ worker: workerScript });
  globalThis.Worker = NativeWorker;
  prepare(own);
  const offer = await own.adapter.createOffer();
  described();
  const other = bareReceiver();
  await own.adapter.acceptAnswer(await other.answer(offer));
  await own.adapter.connected();
  const startError = await own.adapter.start(keysOf("s", 0)).then(() => "", String);
  return { own, other, worker: worker!, startError };
}

async function flows({ other }: Stage): Promise<boolean> {
  const [audio, video] = (await other.look()).sealed;
  return await until(FLOWS_MS, async () => {
    const { sealed } = await other.look();
    return sealed[0] > audio + 20 && sealed[1] > video + 10;
  });
}

async function end(stage: Stage, unsupported = stage.startError): Promise<Ended> {
  const { own, other } = stage;
  await after(300);
  const before = await other.look();
  await after(1_000);
  const now = await other.look();
  const total = ({ clear, sealed }: Arrived, i: 0 | 1) => clear[i] + sealed[i];
  const last = [total(now, 0) - total(before, 0), total(now, 1) - total(before, 1)] as const;
  const { refused } = await own.adapter.stats();
  own.adapter.close();
  other.close();
  return { ...now, last, refused, failures: [...own.failures], unsupported };
}

/** Something is done to a call that flows; it goes on, or it stops. */
async function disturbed(
  disturb: (stage: Stage) => unknown,
  outcome: "flows" | "stops",
  workerScript?: string,
): Promise<Ended> {
  const stage = await open(workerScript);
  if (!await flows(stage)) throw new Error(`It does not flow: ${JSON.stringify(await end(stage))}`);
  let unsupported = "";
  try {
    await disturb(stage);
  } catch (error) {
    unsupported = `${error}`;
  }
  if (outcome === "flows") await flows(stage);
  else await until(STOPS_MS, () => stage.own.failures.length > 0);
  return await end(stage, unsupported);
}

async function renegotiate({ own: { connection }, other }: Stage): Promise<void> {
  await connection.setLocalDescription();
  const answer = await other.answer(connection.localDescription!.sdp);
  await connection.setRemoteDescription({ type: "answer", sdp: answer });
}

async function late(when: "described" | "ontrack"): Promise<Ended> {
  const { apply, undo } = deferring();
  try {
    const stage = await open(
      "/worker.js",
      ({ connection }) => connection.ontrack = when === "ontrack" ? apply : null,
      () => {
        // The receiver's own are real at once.
        undo();
        if (when === "described") apply();
      },
    );
    await Promise.race([flows(stage), until(STOPS_MS, () => stage.own.failures.length > 0)]);
    return await end(stage);
  } finally {
    undo();
  }
}

function prefer({ own: { connection } }: Stage, ctx: 0 | 1, mimeType: string): void {
  const transceiver = connection.getTransceivers()[ctx]!;
  const all = RTCRtpReceiver.getCapabilities(ctx === 0 ? "audio" : "video")!.codecs;
  transceiver.setCodecPreferences(
    all.filter((codec) => codec.mimeType.toLowerCase() === mimeType.toLowerCase()),
  );
}

const cases = {
  early: () => disturbed(() => {}, "flows"),
  late: () => late("described"),
  ontrack: () => late("ontrack"),
  workerKilled: () => disturbed(({ worker }) => worker.terminate(), "stops"),
  workerThrows: () => disturbed(() => fail("throw"), "stops", "/failing_worker.js"),
  pipeThrows: () => disturbed(() => fail("break"), "stops", "/failing_worker.js"),
  transformNull: () =>
    disturbed(({ own }) => {
      for (const sender of own.connection.getSenders()) sender.transform = null;
    }, "stops"),
  transformReplaced: () =>
    disturbed(({ own }) => {
      const other = new RTCRtpScriptTransform(new Worker("/clear_worker.js"), { ctx: 0 });
      own.connection.getSenders()[0]!.transform = other;
    }, "stops"),
  aroundTheGuard: () =>
    disturbed(({ own }) => {
      const { set } = Object.getOwnPropertyDescriptor(RTCRtpSender.prototype, "transform")!;
      for (const sender of own.connection.getSenders()) set!.call(sender, null);
    }, "stops"),
  renegotiation: () =>
    disturbed(async (stage) => {
      await renegotiate(stage);
      const { own: { adapter }, other } = stage;
      await adapter.acceptAnswer(await other.answer(await adapter.restart!()));
    }, "flows"),
  replaceTrack: () =>
    disturbed(async ({ own: { adapter, connection } }) => {
      const devices = await navigator.mediaDevices.getUserMedia({ audio: true, video: true });
      const [audio] = devices.getAudioTracks();
      const [video] = devices.getVideoTracks();
      await adapter.setTrack(CTX.mic, audio!);
      await adapter.setTrack(CTX.camera, null);
      await after(700);
      await adapter.setTrack(CTX.camera, video!);
      // Around the adapter too.
      await connection.getSenders()[0]!.replaceTrack(null);
      await connection.getSenders()[0]!.replaceTrack(audio!);
    }, "flows"),
  backupCodec: () =>
    disturbed(async ({ own: { connection } }) => {
      const sender = connection.getSenders()[1]!;
      const parameters = sender.getParameters();
      const codec = parameters.codecs.find(({ mimeType }) => mimeType === "video/VP9");
      Object.assign(parameters.encodings[0]!, { codec });
      await sender.setParameters(parameters);
    }, "flows"),
  preferredCodec: () =>
    disturbed(async (stage) => {
      prefer(stage, 1, "video/VP9");
      await renegotiate(stage);
    }, "flows"),
  codecWithoutEnvelope: () =>
    disturbed(async (stage) => {
      prefer(stage, 0, "audio/PCMU");
      await renegotiate(stage);
      await after(1_000);
    }, "flows"),

  /** The same receiver, of a sender without any transform: it sees what is in the clear. */
  async control(): Promise<Ended> {
    const other = bareReceiver();
    const sender = new NativeConnection();
    const media = await navigator.mediaDevices.getUserMedia({ audio: true, video: true });
    for (const kind of ["audio", "video"] as const) {
      sender.addTransceiver(media.getTracks().find((track) => track.kind === kind)!);
    }
    await sender.setLocalDescription();
    while (sender.iceGatheringState !== "complete") await after(20);
    const answer = await other.answer(sender.localDescription!.sdp);
    await sender.setRemoteDescription({ type: "answer", sdp: answer });
    await until(FLOWS_MS, async () => {
      const { clear, decoded } = await other.look();
      return clear[0] > 20 && clear[1] > 20 && decoded > 10;
    });
    const seen = await other.look();
    sender.close();
    other.close();
    return { ...seen, last: [0, 0], failures: [], refused: {}, unsupported: "" };
  },
};

function fail(how: "throw" | "break"): void {
  const channel = new BroadcastChannel("fail");
  channel.postMessage(how);
  channel.close();
}

/** The cases, by name. */
export type AttachCases = typeof cases;

Object.assign(globalThis, cases);
