/**
 * The load generator: a process of its own, told by lines of JSON what to do, which answers each with one.
 *
 *     load.js <contender> <port> <pid of the server>
 *
 * It reports how busy it was itself, so that nobody takes its own limit for a server's.
 *
 * @module
 */

import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { Buffer } from "node:buffer";
import { openRoomId } from "../../wire/room_id.ts";
import { contenders } from "./contenders.ts";
import { type Crowd, enter } from "./crowd.ts";

/** What the generator is asked to do. */
export type Order =
  | { readonly do: "prepare"; readonly connections: number }
  | { readonly do: "enter"; readonly rooms: number; readonly size: number; readonly bytes: number }
  | {
    readonly do: "flood";
    readonly inFlight: number;
    readonly warmMs: number;
    readonly ms: number;
  }
  | { readonly do: "pace"; readonly perSecond: number; readonly ms: number }
  | { readonly do: "leave" };

/** What it answers, as far as it was asked. */
export interface Report {
  readonly error?: string;
  /** Connections that entered a room, or deliveries, a second. */
  readonly perSecond: number;
  /** The same for each second of the server's processor time, null where that can't be read. */
  readonly perBusySecond: number | null;
  /** Which part of the time the generator's main thread and all else of it was busy. */
  readonly loadBusy: number;
  /** The same of the server. */
  readonly serverBusy: number | null;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
}

const { process } = globalThis as unknown as {
  process: { argv: string[]; cpuUsage(): { user: number; system: number } };
};
const [name, port, pid] = process.argv.slice(2) as [string, string, string];
const { protocol } = contenders.find((one) => one.name === name)!;
/** The kernel's clock of processor time. */
const TICKS_PER_SECOND = 100;
/** All that are in their rooms; the last that came is the one that speaks. */
let crowds: Crowd[] = [];
let entered = 0;
let standing = 0;

for await (
  const line of createInterface({ input: (process as unknown as { stdin: never }).stdin })
) {
  let report: Partial<Report>;
  try {
    report = await obey(JSON.parse(line));
  } catch (error) {
    report = { error: error instanceof Error ? error.message : String(error) };
  }
  // deno-lint-ignore no-console
  console.log(JSON.stringify(report));
}

async function obey(order: Order): Promise<Partial<Report>> {
  switch (order.do) {
    case "prepare":
      await protocol.prepare?.(`http://127.0.0.1:${port}`, order.connections, standing);
      return {};
    case "enter": {
      const { rooms: count, size, bytes } = order;
      const rooms = Array.from({ length: count }, openRoomId);
      const payload = random(bytes);
      return await measured(async () => {
        const options = { protocol, port: Number(port), rooms, size, payload, firstIndex: entered };
        const crowd = await enter(options);
        crowds.push(crowd);
        entered += count * size;
        standing += count * size;
        return { count: count * size, ms: crowd.enteredMs };
      });
    }
    case "flood": {
      const { inFlight, warmMs, ms } = order;
      const crowd = crowds.at(-1)!;
      crowd.flood(inFlight);
      await pause(warmMs);
      return await measured(async () => {
        const [before, startedMs] = [crowd.heard(), performance.now()];
        await pause(ms);
        return { count: crowd.heard() - before, ms: performance.now() - startedMs };
      });
    }
    case "pace": {
      const took = (await crowds.at(-1)!.pace(order.perSecond, order.ms)).toSorted((a, b) => a - b);
      const at = (part: number) => took[Math.floor(took.length * part)]!;
      return { p50: at(0.5), p99: at(0.99) };
    }
    case "leave":
      for (const crowd of crowds) crowd.leave();
      crowds = [];
      standing = 0;
      await pause(500);
      return {};
  }
}

async function measured(
  act: () => Promise<{ readonly count: number; readonly ms: number }>,
): Promise<Partial<Report>> {
  const [own, server, startedMs] = [ownSeconds(), serverSeconds(), performance.now()];
  const { count, ms } = await act();
  const wall = (performance.now() - startedMs) / 1_000;
  const loadBusy = (ownSeconds() - own) / wall;
  const after = serverSeconds();
  const used = server === null || after === null ? null : after - server;
  return {
    perSecond: count / ms * 1_000,
    perBusySecond: used === null ? null : count / used,
    loadBusy,
    serverBusy: used === null ? null : used / wall,
  };
}

function ownSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

/** Processor time of the server, all threads (proc(5), fields 14 and 15), or null where there is no /proc. */
function serverSeconds(): number | null {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, "latin1").split(") ")[1]!.split(" ");
    return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
  } catch {
    return null;
  }
}

function random(bytes: number): string {
  return Buffer.from(crypto.getRandomValues(new Uint8Array(bytes))).toString("base64url");
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
