/**
 * The LiveKit adapter: an end-to-end encryption manager for a `Room` of livekit-client, in the place of
 * LiveKit's own. Every sender and receiver of the room gets a transform of our worker.
 *
 *     const manager = livekitManager({ worker, indexOf });
 *     const room = new Room({ encryption: { e2eeManager: manager } });
 *     await room.connect(url, token);
 *     await manager.start(keys);
 *
 * What LiveKit's own manager does, and this one does not:
 *
 * - it switches encryption off and on; here it is always on, and no flag of a server matters;
 * - it leaves the sender of a backup codec without a transform; here that one has one too;
 * - it passes on what the server puts in by itself (silence with a trailer); here it is refused.
 *
 * Data packets are not carried: whatever would be sent is refused, so that none goes in the clear.
 *
 * @module
 */

import { type CallKeys, CTX, type Ctx } from "../../crypto/schedule.ts";
import { type MediaStats } from "../adapter.ts";
import { type LivekitEngine, type LivekitRoom, type LivekitTrack } from "./livekit_room.ts";
import { sfuMedia, type SfuOptions } from "./sfu_media.ts";

export { feedLivekit, type LivekitKeyProvider } from "./livekit_keys.ts";
export { type LivekitEngine, type LivekitRoom, type LivekitTrack } from "./livekit_room.ts";
export { type SfuOptions, type TrackOwner } from "./sfu_media.ts";

/** What a manager is made of. */
export interface LivekitOptions extends SfuOptions {
  /**
   * The roster index of a participant by its LiveKit identity, as the application authenticated it;
   * null for who is not in the roster, and is not heard. A server that names the wrong one gains
   * nothing: frames open under the keys of that index or not at all. It is asked again at each change
   * of keys, and has to know by then who left: somebody else may get their seat.
   */
  readonly indexOf: (identity: string) => number | null;
}

/** A manager of end-to-end encryption for one room: livekit-client's `BaseE2EEManager`. */
export interface LivekitManager {
  /** Always true. */
  readonly isEnabled: boolean;
  /** Always true; refuses to be set to anything else, because data would go in the clear. */
  isDataChannelEncryptionEnabled: boolean;
  /** Called by the room. */
  setup(room: LivekitRoom): void;
  /** Called by the room. */
  setupEngine(engine: LivekitEngine): void;
  /** Called by the room; changes nothing but what the room shows of itself. */
  setParticipantCryptorEnabled(enabled: boolean, participantIdentity: string): void;
  /** Called by the room; has no effect. */
  setSifTrailer(trailer: Uint8Array): void;
  /** Called by the room; refuses. */
  encryptData(data: Uint8Array): Promise<never>;
  /** Called by the room; refuses. */
  handleEncryptedData(
    payload: Uint8Array,
    iv: Uint8Array,
    participantIdentity: string,
    keyIndex: number,
  ): Promise<never>;
  /** Called by the room. */
  // livekit-client types its listeners by event, each by other arguments.
  // deno-lint-ignore no-explicit-any
  on(event: string, listener: (...args: any[]) => void): this;
  /** Opens the gate: frames flow, each under these keys, and their changes are followed. */
  start(keys: CallKeys): Promise<void>;
  /** Counts of frames so far. */
  stats(): Promise<MediaStats>;
  /** Stops all that is sent and shown, and ends the worker; idempotent. The room is not its own. */
  close(): void;
}

/** The media by the names that LiveKit has for them. */
const SOURCES: Readonly<Record<string, Ctx>> = {
  microphone: CTX.mic,
  camera: CTX.camera,
  screen_share: CTX.screen,
  screen_share_audio: CTX.screenAudio,
};

const STATUS_CHANGED = "participantEncryptionStatusChanged";

/** A manager with the gate closed, for one `Room`. */
export function livekitManager(options: LivekitOptions): LivekitManager {
  const media = sfuMedia(options);
  const listeners: ((enabled: boolean, participant: unknown) => void)[] = [];
  let room: LivekitRoom | null = null;

  return {
    isEnabled: true,
    get isDataChannelEncryptionEnabled() {
      return true;
    },
    set isDataChannelEncryptionEnabled(isEnabled) {
      if (!isEnabled) throw new Error("A room takes this manager as `encryption`, not as `e2ee`");
    },
    setup(given) {
      if (room === given) return;
      if (room !== null) throw new Error("A manager is for one room");
      room = given;
      // What is published says that it is encrypted, and servers leave its packets as they are.
      given.localParticipant.setE2EEEnabled(true).catch(() => {});
      given.localParticipant.on("localSenderCreated", protect);
      given.on("trackSubscribed", ({ receiver, source }, _publication, { identity }) => {
        const [index, ctx] = [options.indexOf(identity), SOURCES[source]];
        if (receiver === undefined) return;
        if (index === null || ctx === undefined) return media.receive(receiver, null);
        media.receive(receiver, { index, ctx }, () => options.indexOf(identity) === index);
      });
    },
    setupEngine(engine) {
      const create = engine.createSimulcastSender.bind(engine);
      engine.createSimulcastSender = async (track, ...more) => {
        const sender = await create(track, ...more);
        if (sender !== undefined) protect(sender, track);
        return sender;
      };
    },
    setParticipantCryptorEnabled(_enabled, identity) {
      const participant = room?.getParticipantByIdentity(identity);
      if (participant !== undefined) { for (const tell of listeners) tell(true, participant); }
    },
    setSifTrailer() {},
    encryptData: () => Promise.reject(noData()),
    handleEncryptedData: () => Promise.reject(noData()),
    on(event, listener) {
      if (event === STATUS_CHANGED) listeners.push(listener);
      return this;
    },
    start: media.start,
    stats: media.stats,
    close: media.close,
  };

  function protect(sender: RTCRtpSender, track: LivekitTrack): void {
    media.send(sender, ctxOf(track));
  }
}

/** @throws Error for a track of unknown source: it has no key of its own */
function ctxOf({ source }: LivekitTrack): Ctx {
  const ctx = SOURCES[source];
  if (ctx === undefined) throw new Error("A track has to be of a microphone, a camera or a screen");
  return ctx;
}

function noData(): Error {
  return new Error("Data packets are not carried: they are not protected here");
}
