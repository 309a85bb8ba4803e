/**
 * Alice, Carol and Bob in one page, each with a stack of their own and a worker in which the relay
 * lies: what the stages of all stacks in a browser have in common.
 *
 * @module
 */

import { type MediaStats } from "../../../client/adapter.ts";
import { type CallKeys } from "../../../crypto/schedule.ts";
import { type Counts, type Relayed, type Relaying } from "../../support/adapter_contract.ts";
import { type RosterKeys, rosterKeys } from "../../support/roster_keys.ts";
import {
  type RelayAnswer,
  type RelayedInto,
  type RelayMessage,
  type RelayOrder,
} from "./liar_worker.ts";
import { after, until } from "./party.ts";

/** One person's adapter. */
export interface StagePerson {
  /** Opens the gate. */
  start(keys: CallKeys): Promise<void>;
  /** Counts of frames. */
  stats(): Promise<MediaStats>;
  /** Closes the adapter. */
  close(): void;
}

/** The people on a stage, in the order of the roster. */
export interface StagePeople {
  /** Sends. */
  readonly alice: StagePerson;
  /** Receives. */
  readonly bob: StagePerson;
  /** Sends. */
  readonly carol: StagePerson;
}

/** What a stack's page gives to its test: the stage of the contract, without its end. */
export interface PageStage {
  /** Connects all of them. */
  open(): Promise<void>;
  /** Opens the gates. */
  start(bobsKeys: "same" | "other"): Promise<void>;
  /** Does so for a while. */
  relay(relaying: Relaying): Promise<Relayed>;
  /** Bob's counts. */
  bob(): Promise<Counts>;
  /** Closes the adapters. */
  close(): Promise<void>;
  /** Changes all keys under way; gives what Bob refused meanwhile, by code. */
  rotate(): Promise<MediaStats["refused"]>;
  /** Holds Alice's and Carol's keys; gives how much left while they were. */
  hold(): Promise<number>;
  /** Lets all through from now on. */
  play(): Promise<void>;
  /** How many video frames Bob's browser decoded, over all connections. */
  decoded(): Promise<number>;
}

const RELAYING_MS = 700;
/** What is under way when the relay falls silent. */
const SETTLING_MS = 3_000;
const PEOPLE = 3;

/** Roster indices. */
export const INDEX: Readonly<Record<string, number>> = { alice: 0, bob: 1, carol: 2 };

const channel = new BroadcastChannel("relay");

/** The worker with the relay in it. */
export function liar(): Worker {
  return new Worker("/worker.js");
}

/** Tracks of the fake devices. */
export async function tracks(): Promise<readonly [MediaStreamTrack, MediaStreamTrack]> {
  const video = { width: 320, height: 240 };
  const media = await navigator.mediaDevices.getUserMedia({ audio: true, video });
  return [media.getAudioTracks()[0]!, media.getVideoTracks()[0]!];
}

/** The connections of a stage, as many as there are by then. */
export interface StageConnections {
  /** Alice's and Carol's. */
  readonly sending: RTCPeerConnection[];
  /** Bob's. */
  readonly receiving: RTCPeerConnection[];
}

/** The stage of one stack. */
export function pageStage(
  set: () => Promise<StagePeople>,
  connections: StageConnections,
): PageStage {
  let isClosed = false;
  let people: StagePeople | null = null;
  let keys: readonly RosterKeys[] = [];

  const counts = async () => {
    const { framesOpened, refused, duplicates } = await people!.bob.stats();
    const all = Object.values(refused).reduce((sum, count) => sum + count, duplicates);
    return { opened: framesOpened, refused: all };
  };
  return {
    async open() {
      people = await set();
    },
    async start(bobsKeys) {
      keys = [
        rosterKeys("call", INDEX["alice"]!),
        rosterKeys(bobsKeys === "same" ? "call" : "another call", INDEX["bob"]!),
        rosterKeys("call", INDEX["carol"]!),
      ];
      const { alice, bob, carol } = people!;
      await bob.start(keys[1]!);
      await Promise.all([alice.start(keys[0]!), carol.start(keys[2]!)]);
    },
    async relay(relaying) {
      if (isClosed) return await leftBehind();
      const before = await counts();
      await order(relaying);
      await after(RELAYING_MS);
      const did = await order("quiet");
      await until(SETTLING_MS, async () => {
        const { opened, refused } = await counts();
        return opened + refused - before.opened - before.refused === did.honest + did.lied;
      });
      const opened = (await counts()).opened - before.opened;
      let { given } = did;
      await until(SETTLING_MS, async () => {
        given += (await order("quiet")).given;
        return given >= opened;
      });
      // What the adapter counts is its own word; this is what it did.
      if (given !== opened) throw new Error(`${given} frames are decoded, and ${opened} opened`);
      const { left, honest, lied } = did;
      return { left, honest, lied };
    },
    bob: counts,
    play: letThrough,
    close() {
      isClosed = true;
      for (const person of Object.values(people!)) person.close();
      return Promise.resolve();
    },
    async rotate() {
      const { refused } = await people!.bob.stats();
      await order("honest");
      for (let i = 0; i < 4; i++) {
        for (const each of keys) await each.install();
        for (const each of keys) await each.use();
        await after(250);
        for (const each of keys) await each.retire();
      }
      const after_ = (await people!.bob.stats()).refused;
      return Object.fromEntries(
        Object.entries(after_).map(([code, count]) => [code, count - (refused[code] ?? 0)]),
      );
    },
    async hold() {
      for (const each of keys) await each.hold();
      // What was in the worker by then.
      await after(100);
      await order("honest");
      await after(500);
      return (await order("quiet")).left;
    },
    async decoded() {
      return await sumOver(connections.receiving, "inbound-rtp", "framesDecoded");
    },
  };

  /** The workers are gone with their relay, so the browser's own count has to say it. */
  async function leftBehind(): Promise<Relayed> {
    const packets = () => sumOver(connections.sending, "outbound-rtp", "packetsSent");
    // What was in the pacer by then.
    await after(200);
    const before = await packets();
    await after(RELAYING_MS);
    return { left: await packets() - before, honest: 0, lied: 0 };
  }
}

async function sumOver(
  connections: readonly RTCPeerConnection[],
  type: string,
  field: string,
): Promise<number> {
  let sum = 0;
  for (const connection of connections) {
    (await connection.getStats()).forEach((report) => {
      if (report.type === type) sum += report[field] ?? 0;
    });
  }
  return sum;
}

/** Has all three relays let everything through from now on. */
export async function letThrough(): Promise<void> {
  await order("honest");
}

let orders = 0;

/** Says it to everybody's relay; gives what they did before that, together. */
async function order(relaying: RelayOrder): Promise<RelayedInto> {
  const message: RelayMessage = { number: ++orders, relaying };
  const did = new Map<string, RelayedInto>();
  channel.onmessage = ({ data }: MessageEvent<RelayAnswer>) => {
    if (data.number === message.number) did.set(data.worker, data.did);
  };
  const isHeard = await until(SETTLING_MS, () => {
    // A worker that is not there yet hears nothing.
    channel.postMessage(message);
    return did.size === PEOPLE;
  });
  if (!isHeard) throw new Error(`${did.size} of the relay's workers answer`);
  const sum = (of: (one: RelayedInto) => number) =>
    [...did.values()].reduce((all, one) => all + of(one), 0);
  return {
    left: sum(({ left }) => left),
    honest: sum(({ honest }) => honest),
    lied: sum(({ lied }) => lied),
    given: sum(({ given }) => given),
  };
}
