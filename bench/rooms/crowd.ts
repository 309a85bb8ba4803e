/**
 * Many clients of one server: they enter rooms, and say things there as fast as they are heard, or at a
 * pace.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { type Entry, ID_HOLE, type Protocol, type Seat } from "./contender.ts";
import { frameOf, openRaw, type RawSocket } from "./raw_socket.ts";

/** A crowd that is in its rooms. */
export interface Crowd {
  /** How long it took until all were in, from the first connect, in milliseconds. */
  readonly enteredMs: number;
  /** Starts to say things, with so many messages of each room on their way. */
  flood(inFlight: number): void;
  /** Says things at a pace, one room after the other. @returns milliseconds to each delivery */
  pace(perSecond: number, ms: number): Promise<readonly number[]>;
  /** How many deliveries to others there were, echoes left out. */
  heard(): number;
  /** Cuts all off. */
  leave(): void;
}

/** What a crowd is made of. */
export interface CrowdOptions {
  readonly protocol: Protocol;
  readonly port: number;
  readonly rooms: readonly string[];
  readonly size: number;
  /** What is said. */
  readonly payload: string;
  /** The first connection's index. */
  readonly firstIndex: number;
}

interface Place extends Seat {
  mates: readonly Place[];
  readonly group: Group;
  socket: RawSocket | null;
  /** Frames to be sent at once, and where their number goes, or -1. */
  said: readonly { readonly frame: Buffer; readonly hole: number }[];
  readonly unsent: Buffer[];
  /** When the messages were sent that are to be heard next. */
  readonly sentMs: number[];
}

interface Group {
  readonly places: Place[];
  turn: number;
  heard: number;
}

/** How many enter at once. */
const ENTERING = 64;
const PATIENCE_MS = 20_000;

/** Lets a crowd in. @throws where somebody is refused */
export async function enter(options: CrowdOptions): Promise<Crowd> {
  const { protocol, port, rooms, size, payload } = options;
  const groups = rooms.map((): Group => ({ places: [], turn: 0, heard: 0 }));
  const places = rooms.flatMap((room, r) =>
    Array.from({ length: size }, (_, i): Place => {
      const group = groups[r]!;
      const index = options.firstIndex + r * size + i;
      const place = {
        ...{ index, room, mates: group.places, group, name: "", heard: 0 },
        ...{ socket: null, said: [], unsent: [], sentMs: [] },
      };
      group.places.push(place);
      return place;
    })
  );
  const deliveriesOfOne = protocol.echoes === true ? size : size - 1;
  let fail: (why: unknown) => void = () => {};
  // Not withResolvers: the Node of long-term support may lack it.
  const failed = new Promise<never>((_, reject) => fail = reject);
  failed.catch(() => {});
  let isLeaving = false;
  let isFlooding = false;
  let number = 0;
  const tookMs: number[] = [];
  /** Those that something is to be sent for, after what came in together was looked at. */
  const waiting: Place[] = [];

  function open(place: Place): Promise<void> {
    return new Promise((resolve) => {
      let entry: Entry | null = protocol.enter(place);
      openRaw({ port, path: protocol.path(place), subprotocol: protocol.subprotocol }, {
        opened(socket) {
          place.socket = socket;
          for (const text of entry!.first) socket.send(frameOf(text));
        },
        frame(socket, buffer, start, end) {
          if (entry === null) return heardBy(place, buffer, start, end);
          try {
            const say = (text: string) => socket.send(frameOf(text));
            if (!entry.take(buffer.toString("utf8", start, end), say)) return;
          } catch (error) {
            return fail(error);
          }
          entry = null;
          resolve();
        },
        drained: flush,
        closed: (why) => {
          if (!isLeaving) fail(new Error(why));
        },
      });
    });
  }

  function heardBy(place: Place, buffer: Buffer, start: number, end: number): void {
    // Whatever is shorter than what is said is no delivery: confirmations, presence, pings.
    if (end - start < payload.length) return;
    place.heard++;
    const sent = place.sentMs.shift();
    if (sent !== undefined) tookMs.push(performance.now() - sent);
    const reply = protocol.acknowledge?.(place, buffer.subarray(start, end)) ?? null;
    if (reply !== null) queue(place, frameOf(reply));
    if (++place.group.heard % deliveriesOfOne === 0 && isFlooding) sayNext(place.group);
  }

  function sayNext(group: Group): void {
    const place = group.places[group.turn++ % size]!;
    for (const { frame, hole } of place.said) {
      if (hole < 0) {
        queue(place, frame);
        continue;
      }
      const own = Buffer.from(frame);
      own.write(String(++number).padStart(ID_HOLE.length, "0"), hole, "latin1");
      queue(place, own);
    }
  }

  function queue(place: Place, frame: Buffer): void {
    if (place.unsent.push(frame) === 1) waiting.push(place);
  }

  function flush(): void {
    for (const { unsent, socket } of waiting.splice(0)) {
      socket!.send(unsent.length === 1 ? unsent[0]! : Buffer.concat(unsent));
      unsent.length = 0;
    }
  }

  const startedMs = performance.now();
  let next = 0;
  const worker = async () => {
    while (next < places.length) await open(places[next++]!);
  };
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error("not everybody came in")), PATIENCE_MS);
  });
  await Promise.race([
    failed,
    late,
    Promise.all(Array.from({ length: ENTERING }, worker)),
  ]);
  clearTimeout(timer);
  const enteredMs = performance.now() - startedMs;
  for (const place of places) {
    place.said = protocol.messages(place, payload).map((text) => {
      const frame = frameOf(text);
      return { frame, hole: frame.indexOf(`"${ID_HOLE}"`) + (text.includes(ID_HOLE) ? 1 : 0) };
    });
  }

  return {
    enteredMs,
    heard() {
      const all = places.reduce((sum, { heard }) => sum + heard, 0);
      return all * (size - 1) / deliveriesOfOne;
    },
    flood(inFlight) {
      isFlooding = true;
      for (const group of groups) for (let i = 0; i < inFlight; i++) sayNext(group);
      flush();
    },
    async pace(perSecond, ms) {
      tookMs.length = 0;
      const begunMs = performance.now();
      let said = 0;
      for (;;) {
        const nowMs = performance.now();
        if (nowMs - begunMs >= ms) break;
        for (; said < (nowMs - begunMs) / 1_000 * perSecond; said++) {
          const group = groups[said % groups.length]!;
          const from = group.places[group.turn % size]!;
          for (const mate of group.places) {
            if (mate !== from || protocol.echoes === true) mate.sentMs.push(nowMs);
          }
          sayNext(group);
        }
        flush();
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
      await new Promise((resolve) => setTimeout(resolve, 200));
      const lost = places.reduce((sum, { sentMs }) => sum + sentMs.length, 0);
      if (lost > 0) throw new Error(`${lost} messages at a moderate pace did not arrive`);
      return tookMs;
    },
    leave() {
      isLeaving = true;
      isFlooding = false;
      for (const { socket } of places) socket?.cut();
    },
  };
}
