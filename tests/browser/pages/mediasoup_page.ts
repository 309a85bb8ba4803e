/**
 * The page of the mediasoup adapter's contract: real devices and transports of mediasoup-client. There
 * is no server: mediasoup-client makes up the remote descriptions that a server would have, and a
 * switchboard puts in the place of each the one of the transport at the other end.
 *
 * @module
 */

import { Device, type types } from "mediasoup-client";
import { mediasoupMedia } from "../../../client/adapters/mediasoup.ts";
import { CTX } from "../../../crypto/schedule.ts";
import { NativeConnection } from "./party.ts";
import {
  INDEX,
  liar,
  pageStage,
  type StageConnections,
  type StagePeople,
  tracks,
} from "./stage.ts";

const CODECS = {
  audio: { kind: "audio", mimeType: "audio/opus", clockRate: 48_000, channels: 2 },
  video: { kind: "video", mimeType: "video/VP8", clockRate: 90_000 },
} as const;
const PAYLOAD_TYPES = { audio: 100, video: 101 } as const;
const MEDIA = { audio: CTX.mic, video: CTX.camera } as const;

const ROUTER: types.RtpCapabilities = {
  codecs: (["audio", "video"] as const).map((kind) => ({
    ...CODECS[kind],
    preferredPayloadType: PAYLOAD_TYPES[kind],
    parameters: {},
    rtcpFeedback: kind === "video" ? [{ type: "nack" }, { type: "nack", parameter: "pli" }] : [],
  })),
  headerExtensions: [],
};

/** What a server would say of itself; nothing of it reaches a connection. */
const TRANSPORT: types.TransportOptions = {
  id: "transport",
  iceParameters: { usernameFragment: "nobody", password: "nobody's password, 22+", iceLite: true },
  iceCandidates: [],
  dtlsParameters: {
    role: "auto",
    fingerprints: [{ algorithm: "sha-256", value: "00:".repeat(31) + "00" }],
  },
};

const connections: StageConnections = { sending: [], receiving: [] };

/** A line of the switchboard: the descriptions that cross it, one offer and one answer at a time. */
class Line {
  offer = Promise.withResolvers<string>();
  answer = Promise.withResolvers<string>();
}

/** The end of a line: descriptions with all candidates in them. */
class Switched extends NativeConnection {
  readonly #line: Line;
  constructor(line: Line, configuration?: RTCConfiguration) {
    super(configuration);
    this.#line = line;
  }
  override async setLocalDescription(description?: RTCLocalSessionDescriptionInit): Promise<void> {
    await super.setLocalDescription(description);
    if (description?.type !== "answer") return;
    this.#line.answer.resolve(await this.#gathered());
    this.#line.offer = Promise.withResolvers<string>();
  }
  override async setRemoteDescription({ type }: RTCSessionDescriptionInit): Promise<void> {
    const line = this.#line;
    if (type === "offer") {
      return await super.setRemoteDescription({ type, sdp: await line.offer.promise });
    }
    line.answer = Promise.withResolvers<string>();
    line.offer.resolve(await this.#gathered());
    await super.setRemoteDescription({ type, sdp: await line.answer.promise });
  }
  async #gathered(): Promise<string> {
    while (this.iceGatheringState !== "complete") {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    return this.localDescription!.sdp;
  }
}

/** The transports that are made meanwhile have their connection on this line. */
function onLine<T>(line: Line, into: RTCPeerConnection[], make: () => T): T {
  globalThis.RTCPeerConnection = class extends Switched {
    constructor(configuration?: RTCConfiguration) {
      super(line, configuration);
      into.push(this);
    }
  };
  try {
    return make();
  } finally {
    globalThis.RTCPeerConnection = NativeConnection;
  }
}

async function member() {
  const media = mediasoupMedia({
    worker: liar,
    onFailure: (failure) => reportError(new Error(failure)),
  });
  const device = new Device({ handlerName: "Chrome111" });
  await device.load({ routerRtpCapabilities: ROUTER });
  return { media, device };
}

type Member = Awaited<ReturnType<typeof member>>;

async function publish(from: Member, index: number, to: Member): Promise<void> {
  const line = new Line();
  const options = { ...TRANSPORT, ...from.media.transport };
  const out = onLine(line, connections.sending, () => from.device.createSendTransport(options));
  const back = onLine(line, connections.receiving, () => to.device.createRecvTransport(options));
  for (const transport of [out, back]) {
    transport.on("connect", (_parameters, done) => done());
  }
  out.on("produce", ({ kind }, done) => done({ id: `${index} ${kind}` }));
  for (const track of await tracks()) {
    const kind = track.kind as "audio" | "video";
    const { kind: _, ...codec } = CODECS[kind];
    await Promise.all([
      out.produce({ track, onRtpSender: from.media.onRtpSender(MEDIA[kind]) }),
      back.consume({
        id: `${index} ${kind} consumed`,
        producerId: `${index} ${kind}`,
        kind,
        rtpParameters: {
          mid: kind === "audio" ? "0" : "1",
          codecs: [{
            ...codec,
            payloadType: PAYLOAD_TYPES[kind],
            parameters: {},
            rtcpFeedback: [],
          }],
          headerExtensions: [],
          encodings: [{ ssrc: 1 + MEDIA[kind] }],
          rtcp: { cname: "nobody" },
        },
        onRtpReceiver: to.media.onRtpReceiver({ index, ctx: MEDIA[kind] }),
      }),
    ]);
  }
}

async function set(): Promise<StagePeople> {
  const [alice, bob, carol] = await Promise.all([member(), member(), member()]);
  await publish(alice, INDEX["alice"]!, bob);
  await publish(carol, INDEX["carol"]!, bob);
  return { alice: alice.media, bob: bob.media, carol: carol.media };
}

(globalThis as unknown as { stage: unknown }).stage = pageStage(set, connections);
