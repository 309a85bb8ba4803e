/**
 * The page of the LiveKit adapter's contract with a real server: three rooms of livekit-client that
 * connect to the server that the page's address names.
 *
 * @module
 */

import { Room, type RoomOptions } from "livekit-client";
import { livekitManager } from "../../../client/adapters/livekit.ts";
import { NativeConnection, until } from "./party.ts";
import { INDEX, liar, pageStage, type StageConnections, type StagePeople } from "./stage.ts";

/** Where to go, and each one's token; stands behind `#` as JSON. */
export interface LivekitPlace {
  /** The server. */
  readonly url: string;
  /** Tokens by identity. */
  readonly tokens: Readonly<Record<string, string>>;
}

const JOINING_MS = 15_000;
const { url, tokens }: LivekitPlace = JSON.parse(decodeURIComponent(location.hash.slice(1)));
const connections: StageConnections = { sending: [], receiving: [] };
let into = connections.receiving;
globalThis.RTCPeerConnection = class extends NativeConnection {
  constructor(configuration?: RTCConfiguration) {
    super(configuration);
    into.push(this);
  }
};

async function member(identity: string) {
  const manager = livekitManager({
    worker: liar,
    indexOf: (identity) => INDEX[identity] ?? null,
    onFailure: (failure) => reportError(new Error(failure)),
  });
  const options: RoomOptions = { encryption: { e2eeManager: manager } };
  const room = new Room(options);
  into = identity === "bob" ? connections.receiving : connections.sending;
  // Bob alone receives: what the others' relays did would be counted with his.
  await room.connect(url, tokens[identity]!, { autoSubscribe: identity === "bob" });
  if (identity !== "bob") {
    await room.localParticipant.setMicrophoneEnabled(true);
    await room.localParticipant.setCameraEnabled(true, {
      resolution: { width: 320, height: 240, frameRate: 30 },
    });
  }
  return { manager, room };
}

async function set(): Promise<StagePeople> {
  const bob = await member("bob");
  const [alice, carol] = [await member("alice"), await member("carol")];
  const arrived = await until(JOINING_MS, () => {
    const publications = [...bob.room.remoteParticipants.values()]
      .flatMap(({ trackPublications }) => [...trackPublications.values()]);
    return publications.filter(({ track }) => track !== undefined).length === 4;
  });
  if (!arrived) throw new Error("The tracks do not arrive");
  return { alice: alice.manager, bob: bob.manager, carol: carol.manager };
}

(globalThis as unknown as { stage: unknown }).stage = pageStage(set, connections);
