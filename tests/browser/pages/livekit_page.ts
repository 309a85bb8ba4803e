/**
 * The page of the LiveKit adapter's contract: three real rooms of livekit-client. There is no server:
 * the connections are plain ones, and the rooms hear of senders and tracks as their engine would
 * tell them.
 *
 * @module
 */

import { Room, type RoomOptions } from "livekit-client";
import { livekitManager } from "../../../client/adapters/livekit.ts";
import { type MediaFailure } from "../../../client/adapter.ts";
import { rosterKeys } from "../../support/roster_keys.ts";
import { after, until } from "./party.ts";
import {
  INDEX,
  letThrough,
  liar,
  pageStage,
  type StageConnections,
  type StagePeople,
  tracks,
} from "./stage.ts";

const SOURCES = { audio: "microphone", video: "camera" } as const;
const connections: StageConnections = { sending: [], receiving: [] };
/** Who has which seat, as the application knows it. */
const seats = new Map(Object.entries(INDEX));

function member(onFailure = (failure: MediaFailure) => reportError(new Error(failure))) {
  const manager = livekitManager({
    worker: liar,
    indexOf: (identity) => seats.get(identity) ?? null,
    onFailure,
  });
  const options: RoomOptions = { encryption: { e2eeManager: manager } };
  return { manager, room: new Room(options) };
}

type Member = ReturnType<typeof member>;

async function publish(from: Member, identity: string, to: Member): Promise<void> {
  const configuration = { encodedInsertableStreams: true } as RTCConfiguration;
  const [out, back] = [new RTCPeerConnection(configuration), new RTCPeerConnection(configuration)];
  connections.sending.push(out);
  connections.receiving.push(back);
  out.onicecandidate = ({ candidate }) => candidate && back.addIceCandidate(candidate);
  back.onicecandidate = ({ candidate }) => candidate && out.addIceCandidate(candidate);
  back.ontrack = ({ receiver, track }) => {
    const remote = { receiver, source: SOURCES[track.kind as "audio" | "video"] };
    to.room.emit("trackSubscribed", remote as never, {} as never, { identity } as never);
  };
  for (const track of await tracks()) {
    const { sender } = out.addTransceiver(track, { direction: "sendonly" });
    const local = { source: SOURCES[track.kind as "audio" | "video"] };
    from.room.localParticipant.emit("localSenderCreated", sender, local as never);
  }
  await out.setLocalDescription();
  await back.setRemoteDescription(out.localDescription!);
  await back.setLocalDescription();
  await out.setRemoteDescription(back.localDescription!);
}

async function set(): Promise<StagePeople> {
  const [alice, bob, carol] = [member(), member(), member()];
  await publish(alice, "alice", bob);
  await publish(carol, "carol", bob);
  return { alice: alice.manager, bob: bob.manager, carol: carol.manager };
}

const stories = {
  /** What a room may not do with its manager. */
  async refusals() {
    const { manager, room } = member();
    const message = (error: Error) => error.message;
    const make = () => {
      try {
        return String(new Room({ e2ee: { e2eeManager: member().manager } }));
      } catch (error) {
        return message(error as Error);
      }
    };
    manager.setParticipantCryptorEnabled(false, "alice");
    manager.setSifTrailer(new Uint8Array(8));
    const refused = {
      e2ee: make(),
      secondRoom: (() => {
        try {
          return String(new Room({ encryption: { e2eeManager: manager } }));
        } catch (error) {
          return message(error as Error);
        }
      })(),
      data: await manager.encryptData(new Uint8Array(1)).catch(message),
      received: await manager.handleEncryptedData(new Uint8Array(1), new Uint8Array(12), "alice", 0)
        .catch(message),
      isEnabled: manager.isEnabled,
      isMarked: room.localParticipant.isE2EEEnabled,
    };
    manager.close();
    return refused;
  },

  /** Somebody whom the application does not know publishes, with the keys of the call. */
  async stranger() {
    const [mallory, bob] = [member(), member(), member()];
    await publish(mallory!, "mallory", bob!);
    await letThrough();
    await bob!.manager.start(rosterKeys("call", INDEX["bob"]!));
    await mallory!.manager.start(rosterKeys("call", INDEX["alice"]!));
    await after(1_000);
    const counts = [await mallory!.manager.stats(), await bob!.manager.stats()];
    let decoded = 0;
    (await connections.receiving[0]!.getStats()).forEach((report) => {
      if (report.type === "inbound-rtp") decoded += report.framesDecoded ?? 0;
    });
    return { left: counts[0]!.framesProtected, opened: counts[1]!.framesOpened, decoded };
  },

  /** Somebody leaves the call and another one has their seat; the server goes on with the old track. */
  async seatOfAnother() {
    const failures: MediaFailure[] = [];
    const [alice, bob] = [member(), member((failure) => failures.push(failure)), member()];
    await publish(alice!, "alice", bob!);
    await letThrough();
    const keys = [rosterKeys("call", INDEX["alice"]!), rosterKeys("call", INDEX["bob"]!)];
    await bob!.manager.start(keys[1]!);
    await alice!.manager.start(keys[0]!);
    const opened = async () => (await bob!.manager.stats()).framesOpened;
    await until(5_000, async () => await opened() > 10);
    seats.delete("alice");
    for (const each of keys) await each.install();
    for (const each of keys) await each.use();
    await after(200);
    const before = [await opened(), (await alice!.manager.stats()).framesProtected];
    await after(1_000);
    const now = [await opened(), (await alice!.manager.stats()).framesProtected];
    return { failures, opened: now[0]! - before[0]!, left: now[1]! - before[1]! };
  },

  /** The page takes a transform away, or the worker is gone, in the middle of a call. */
  async bypass(how: "transform" | "receiver") {
    const failures: MediaFailure[] = [];
    const alice = member((failure) => failures.push(failure));
    const bob = member((failure) => failures.push(failure));
    await publish(alice, "alice", bob);
    await bob.manager.start(rosterKeys("call", INDEX["bob"]!));
    await alice.manager.start(rosterKeys("call", INDEX["alice"]!));
    await after(500);
    const senders = connections.sending[0]!.getSenders();
    const receivers = connections.receiving[0]!.getReceivers();
    if (how === "transform") senders[0]!.transform = null;
    else receivers[0]!.transform = null;
    await until(5_000, () => failures.length > 0);
    await after(100);
    const tracks = how === "transform"
      ? senders.map(({ track }) => track === null)
      : receivers.map(({ track }) => track.readyState === "ended");
    return { failures, isSilent: tracks.every((each) => each) };
  },

  /** The engine makes the sender of a backup codec, as it does without telling anybody. */
  async backup() {
    const { manager, room } = member();
    const connection = new RTCPeerConnection(
      { encodedInsertableStreams: true } as RTCConfiguration,
    );
    const video = (await tracks())[1];
    const engine = room.engine as unknown as {
      createSimulcastTransceiverSender: () => Promise<RTCRtpSender>;
      createSimulcastSender: (track: unknown) => Promise<RTCRtpSender | undefined>;
    };
    engine.createSimulcastTransceiverSender = () =>
      Promise.resolve(connection.addTransceiver(video).sender);
    const sender = await engine.createSimulcastSender({ source: "camera" });
    const isProtected = sender?.transform instanceof RTCRtpScriptTransform;
    manager.close();
    return { isProtected };
  },
};

/** The stories, by name. */
export type LivekitStories = typeof stories;

Object.assign(globalThis, { stories });
(globalThis as unknown as { stage: unknown }).stage = pageStage(set, connections);
