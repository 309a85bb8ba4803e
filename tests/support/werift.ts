/**
 * Calls on werift for tests: two adapters joined without a service, and Mallory, who sits between
 * two stacks and is a real end of DTLS for each.
 *
 * @module
 */

import * as werift from "werift";
import { type MediaAdapter } from "../../client/adapter.ts";
import { type WeriftAdapter, weriftAdapter } from "../../client/adapters/werift.ts";
import { openConnection } from "../../client/adapters/werift_connection.ts";
import { type Bytes } from "../../crypto/bytes.ts";
import { type Ctx } from "../../crypto/schedule.ts";

/** One end of a call on werift, with the frames that it was given. */
export interface Peer {
  /** Its stack. */
  readonly adapter: WeriftAdapter;
  /** Every frame that was opened. */
  readonly frames: { readonly frame: Bytes; readonly ctx: Ctx }[];
}

/** A fresh end. */
export function weriftPeer(): Peer {
  const frames: Peer["frames"] = [];
  const adapter = weriftAdapter({ werift, onFrame: (frame, ctx) => frames.push({ frame, ctx }) });
  return { adapter, frames };
}

/** Exchanges offer and answer, and waits for DTLS; gives what each side saw of the other. */
export async function join(caller: MediaAdapter, callee: MediaAdapter): Promise<Joined> {
  const offer = await caller.createOffer();
  const answer = await callee.createAnswer(offer);
  await caller.acceptAnswer(answer);
  const [seenByCaller, seenByCallee] = await Promise.all([caller.connected(), callee.connected()]);
  return { offer, answer, seenByCaller, seenByCallee };
}

/** What became of a `join`. */
export interface Joined {
  /** The caller's SDP. */
  readonly offer: string;
  /** The callee's SDP. */
  readonly answer: string;
  /** Hashes of the certificates that the caller saw. */
  readonly seenByCaller: readonly Bytes[];
  /** Hashes of the certificates that the callee saw. */
  readonly seenByCallee: readonly Bytes[];
}

/** Waits until something holds. @throws Error when it does not within the time */
export async function eventually(holds: () => boolean, withinMs = 3_000): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (!holds()) {
    if (performance.now() > deadline) throw new Error("It did not happen in time");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Somebody between two stacks: each connects to her and takes her for the other. */
export interface Mallory {
  /** The payloads that reached her, out of SRTP, from either victim. */
  readonly payloads: readonly Bytes[];
  /** An offer of her own, to be put in the place of the caller's. */
  createOffer(): Promise<string>;
  /** Takes the callee's answer to her offer. */
  acceptAnswer(answer: string): Promise<void>;
  /** Her own answer to the caller's offer. */
  createAnswer(offer: string): Promise<string>;
  /** Waits until both victims are connected to her, so that she drops nothing. */
  connected(): Promise<void>;
  /** Goes away. */
  close(): void;
}

/** What Mallory does to a packet: the packets that she hands on instead. */
export type Meddling = (packet: werift.RtpPacket) => readonly werift.RtpPacket[];

/**
 * A Mallory with two certificates of her own.
 *
 * @param meddle by default she changes nothing
 * @param lines `crossed` hands on the packets of each medium on the line of the other
 */
export async function mallory(
  meddle: Meddling = (packet) => [packet],
  lines: "straight" | "crossed" = "straight",
): Promise<Mallory> {
  const [towardsCaller, towardsCallee] = [await open(), await open()];
  const payloads: Bytes[] = [];
  let handedOn = 0;

  function handOn(from: werift.RTCPeerConnection, to: werift.RTCPeerConnection): void {
    for (const [i, { receiver }] of from.getTransceivers().entries()) {
      for (const track of receiver.tracks) {
        track.onReceiveRtp.subscribe((packet) => {
          payloads.push(new Uint8Array(packet.payload));
          for (const each of meddle(packet)) {
            // Fresh numbers, so that nothing below SFrame takes a packet for a repeated one.
            each.header.sequenceNumber = handedOn++ % 2 ** 16;
            const line = lines === "straight" ? i : 1 - i;
            void to.getTransceivers()[line]?.sender.sendRtp(each);
          }
        });
      }
    }
  }

  return {
    payloads,
    async createOffer() {
      for (const kind of ["audio", "video"] as const) {
        towardsCallee.addTransceiver(kind, { direction: "sendrecv" });
      }
      await towardsCallee.setLocalDescription();
      return towardsCallee.localDescription!.sdp;
    },
    async acceptAnswer(answer) {
      await towardsCallee.setRemoteDescription({ type: "answer", sdp: answer });
      handOn(towardsCallee, towardsCaller);
    },
    async createAnswer(offer) {
      await towardsCaller.setRemoteDescription({ type: "offer", sdp: offer });
      for (const line of towardsCaller.getTransceivers()) line.setDirection("sendrecv");
      handOn(towardsCaller, towardsCallee);
      await towardsCaller.setLocalDescription();
      return towardsCaller.localDescription!.sdp;
    },
    async connected() {
      const both = [towardsCaller, towardsCallee];
      await eventually(() => both.every((each) => each.connectionState === "connected"));
    },
    close() {
      for (const connection of [towardsCaller, towardsCallee]) void connection.close();
    },
  };
}

/**
 * A victim's stack as Mallory left it: the SDP that its client checked never reaches it, hers does.
 * Wrapping both ends puts her into the middle; wrapping one leaves the other end waiting.
 */
export function tamperedAdapter(real: MediaAdapter, between: Mallory): MediaAdapter {
  let offered = "";
  return {
    async createOffer() {
      offered = await real.createOffer();
      return offered;
    },
    async createAnswer(_offer) {
      const answer = await real.createAnswer(await between.createOffer());
      await between.acceptAnswer(answer);
      return answer;
    },
    async acceptAnswer(_answer) {
      await real.acceptAnswer(await between.createAnswer(offered));
    },
    connected: () => real.connected(),
    start: (keys) => real.start(keys),
    stats: () => real.stats(),
    get onFailure() {
      return real.onFailure;
    },
    set onFailure(take) {
      real.onFailure = take;
    },
    close: () => real.close(),
  };
}

/** A connection of werift as the adapter opens its own. */
async function open(): Promise<werift.RTCPeerConnection> {
  return await openConnection(werift, []) as werift.RTCPeerConnection;
}
