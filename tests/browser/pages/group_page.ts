/**
 * The page of the group test: somebody in a group call, with fake devices and a small picture.
 *
 * @module
 */

import {
  browserAdapter,
  type BrowserMedia,
  browserMedia,
} from "../../../client/adapters/browser.ts";
import { Client, type GroupCall, memoryStore } from "../../../client/mod.ts";

/** What is seen of one other participant. */
export interface Seen {
  readonly state: string;
  readonly framesDecoded: number;
  readonly audioEnergy: number;
  /** Frames that were refused, by code. */
  readonly refused: Readonly<Record<string, number>>;
}

/** How a call goes for one page. */
export interface GroupReport {
  readonly state: string;
  readonly generation: { readonly epoch: number; readonly step: number } | null;
  readonly others: Readonly<Record<string, Seen>>;
  /** Pictures decoded on all connections that there ever were. */
  readonly framesDecoded: number;
  readonly events: readonly string[];
  readonly errors: readonly string[];
}

/** What the test asks of a page. */
export interface GroupPage {
  /** Registers and goes online. */
  open(label: string): Promise<void>;
  /** Makes a room with a call, and gives its link. */
  begin(): Promise<string>;
  /** Joins the call of a room. */
  join(link: string): Promise<void>;
  report(): Promise<GroupReport>;
  /** Leaves the room, and keeps its connections and keys. */
  slipOut(): Promise<void>;
  leave(): Promise<void>;
}

const VIDEO = { width: 160, height: 120, frameRate: 5 };

function groupPage(): GroupPage {
  const errors: string[] = [];
  const events: string[] = [];
  const connections = new Map<string, RTCPeerConnection>();
  const all: RTCPeerConnection[] = [];
  listen((connection) => all.push(connection));
  let client: Client | null = null;
  let call: GroupCall | null = null;
  let leaveRoom: () => Promise<void> = () => Promise.resolve();
  let media: BrowserMedia | null = null;

  async function start(meeting: Awaited<ReturnType<Client["createRoom"]>>): Promise<void> {
    const stream = await navigator.mediaDevices.getUserMedia({ audio: true, video: VIDEO });
    media = browserMedia(() => new Worker("/worker.js"));
    leaveRoom = () => meeting.leave();
    call = await client!.joinCall(meeting, {
      adapter: ({ peer }) => {
        const adapter = browserAdapter({
          worker: media!,
          audio: stream.getAudioTracks()[0]!,
          video: stream.getVideoTracks()[0]!,
          codecs: ["opus", "vp8"],
          onTrack: play,
        });
        connections.set(peer.label, all.at(-1)!);
        return adapter;
      },
    });
    for await (const event of call.events()) {
      if (event.kind !== "room") events.push(JSON.stringify(event));
    }
  }

  return {
    async open(label) {
      client = await Client.open({ service: location.origin, store: memoryStore() });
      client.onRefused = (error) => errors.push(`${error.code}: ${error.message}`);
      await client.register(label);
      await client.goOnline();
    },
    async begin() {
      const meeting = await client!.createRoom();
      start(meeting).catch((error) => errors.push(String(error)));
      return await meeting.invite({ uses: 20 });
    },
    async join(link) {
      const meeting = await client!.joinRoom(link);
      start(meeting).catch((error) => errors.push(String(error)));
    },
    async report() {
      const others: Record<string, Seen> = {};
      for (const { id, peer, state } of call?.participants() ?? []) {
        const counts = await countsOf(connections.get(peer.label));
        others[peer.label] = {
          state,
          ...counts,
          refused: (await call!.stats(id))?.refused ?? {},
        };
      }
      const decoded = await Promise.all(all.map(countsOf));
      return {
        state: call?.state ?? "none",
        generation: call?.generation ?? null,
        others,
        framesDecoded: decoded.reduce((sum, each) => sum + each.framesDecoded, 0),
        events: events.slice(-8),
        errors: errors.slice(-8),
      };
    },
    slipOut: () => leaveRoom(),
    async leave() {
      await call!.leave();
      media!.close();
    },
  };
}

function listen(take: (connection: RTCPeerConnection) => void): void {
  globalThis.RTCPeerConnection = class extends RTCPeerConnection {
    constructor(configuration?: RTCConfiguration) {
      super(configuration);
      take(this);
    }
  };
}

async function countsOf(
  connection: RTCPeerConnection | undefined,
): Promise<Pick<Seen, "framesDecoded" | "audioEnergy">> {
  const counts = { framesDecoded: 0, audioEnergy: 0 };
  (await connection?.getStats())?.forEach((report) => {
    if (report.type !== "inbound-rtp") return;
    if (report.kind === "audio") counts.audioEnergy += report.totalAudioEnergy;
    else counts.framesDecoded += report.framesDecoded;
  });
  return counts;
}

/** An element must play the audio for the browser to count its energy. */
function play(track: MediaStreamTrack): void {
  const player = document.createElement(track.kind) as HTMLMediaElement;
  player.srcObject = new MediaStream([track]);
  document.body.append(player);
  player.play().catch(() => {});
}

Object.assign(globalThis, { group: groupPage() });
