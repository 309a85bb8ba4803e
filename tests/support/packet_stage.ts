/**
 * The stage of the adapters' contract for stacks that send packets: Bob has one connection to Alice
 * and one to Carol, and Mallory sits in each as a real end of DTLS.
 *
 * @module
 */

import { type RtpPacket } from "werift";
import { type PacketAdapter } from "../../client/adapters/packet_media.ts";
import { type Bytes, utf8 } from "../../crypto/bytes.ts";
import { CTX } from "../../crypto/schedule.ts";
import { type Relaying, type Stage } from "./adapter_contract.ts";
import { keysOf } from "./call_keys.ts";
import { join, mallory, tamperedAdapter } from "./werift.ts";

/** An adapter, and how many frames it gave its application. */
export interface PacketPeer {
  /** The adapter. */
  readonly adapter: PacketAdapter;
  /** Every frame that was opened. */
  readonly frames: readonly unknown[];
}

/** How many frames each sends on each medium for one relaying: an even number. */
const FRAMES = 20;
/** For what is refused to be counted; nothing says when it is. */
const SETTLING_MS = 150;

/** Sets the stage of one stack. @param openPeer opens an end on it */
export async function packetStage(openPeer: () => PacketPeer): Promise<Stage> {
  let relaying: Relaying = "honest";
  let left = 0;
  let honest = 0;
  let lied = 0;
  /** By side, then by line: payloads that wait to go out on the other side, and packets held back. */
  const swapped = [new Map<string, Bytes[]>(), new Map<string, Bytes[]>()] as const;
  const held = [new Map<string, RtpPacket>(), new Map<string, RtpPacket>()] as const;

  const meddler = (side: 0 | 1) => (packet: RtpPacket): readonly RtpPacket[] => {
    left++;
    const line = String(packet.header.ssrc);
    switch (relaying) {
      case "honest":
        honest++;
        return [packet];
      case "replay":
        honest++;
        lied++;
        return [packet, packet.clone()];
      case "reorder": {
        const earlier = held[side].get(line);
        held[side].delete(line);
        if (earlier === undefined) held[side].set(line, packet);
        else honest += 2;
        return earlier === undefined ? [] : [packet, earlier];
      }
      case "drop":
        return [];
      case "swap": {
        const kind = packet.payload.length > 200 ? "video" : "audio";
        push(swapped[side], kind, new Uint8Array(packet.payload));
        const other = swapped[side === 0 ? 1 : 0].get(kind)?.shift();
        if (other === undefined) return [];
        lied++;
        packet.payload = Buffer.from(other);
        return [packet];
      }
      case "flip":
        lied++;
        packet.payload[packet.payload.length - 20]! ^= 1;
        return [packet];
      case "plaintext":
        lied++;
        packet.payload = Buffer.from(utf8("\x10this is what a frame in the clear may look like"));
        return [packet];
    }
  };

  const hers = [await mallory(meddler(0)), await mallory(meddler(1))] as const;
  const [alice, carol, bobA, bobC] = [openPeer(), openPeer(), openPeer(), openPeer()];
  const all = [alice!, carol!, bobA!, bobC!];
  await Promise.all([
    join(tamperedAdapter(alice!.adapter, hers[0]), tamperedAdapter(bobA!.adapter, hers[0])),
    join(tamperedAdapter(carol!.adapter, hers[1]), tamperedAdapter(bobC!.adapter, hers[1])),
    ...hers.map((her) => her.connected()),
  ]);

  const counts = async () => {
    const stats = await Promise.all([bobA!, bobC!].map(({ adapter }) => adapter.stats()));
    const refused = stats.flatMap((each) => [each.duplicates, ...Object.values(each.refused)]);
    return {
      opened: bobA!.frames.length + bobC!.frames.length,
      refused: refused.reduce((sum, count) => sum + count, 0),
    };
  };

  return {
    async start(bobsKeys) {
      await alice!.adapter.start(keysOf("with Alice", 0));
      await carol!.adapter.start(keysOf("with Carol", 0));
      const other = bobsKeys === "same" ? "" : ", but not this one";
      await bobA!.adapter.start(keysOf(`with Alice${other}`, 1));
      await bobC!.adapter.start(keysOf(`with Carol${other}`, 1));
    },
    async relay(how) {
      relaying = how;
      [left, honest, lied] = [0, 0, 0];
      const before = await counts();
      for (let i = 0; i < FRAMES; i++) {
        for (const { adapter } of [alice!, carol!]) {
          await adapter.send(CTX.mic, new Uint8Array(80).fill(i));
          await adapter.send(CTX.camera, new Uint8Array(300).fill(i), i === 0 ? "key" : "delta");
        }
      }
      const isDealtWith = async () => {
        const { opened, refused } = await counts();
        return left === 4 * FRAMES &&
          opened + refused - before.opened - before.refused === honest + lied;
      };
      let isOver = false;
      for (let i = 0; i < 20 && !isOver; i++) {
        isOver = await isDealtWith();
        await pause(10);
      }
      await pause(SETTLING_MS);
      for (const side of [0, 1] as const) {
        held[side].clear();
        swapped[side].clear();
      }
      return { left, honest, lied };
    },
    bob: counts,
    close() {
      for (const { adapter } of all) adapter.close();
      return Promise.resolve();
    },
    [Symbol.asyncDispose]() {
      for (const { adapter } of all) adapter.close();
      for (const her of hers) her.close();
      return Promise.resolve();
    },
  };
}

function push(queues: Map<string, Bytes[]>, line: string, payload: Bytes): void {
  const queue = queues.get(line) ?? [];
  queue.push(payload);
  queues.set(line, queue);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
