/**
 * One trial: a server in a fresh process, a load generator in another, and all that is measured of the
 * server, one after the other.
 *
 * @module
 */

import { type Contender } from "./contender.ts";
import { type Order, type Report } from "./load.ts";
import { type Child, start } from "./child.ts";

/** What all trials have in common. */
export interface Settings {
  /** Where the peers and the bundles are. */
  readonly folder: string;
  /** How long each load is measured. */
  readonly ms: number;
  /** What a message carries, before base64url. */
  readonly bytes: number;
  /** How many deliveries are on their way at any time. */
  readonly inFlight: number;
  /** How many idle connections are weighed. */
  readonly idle: number;
  /** Whether the server and the generator have a core each. */
  readonly isPinned: boolean;
}

/** A kind of load: so many rooms of one size. */
export interface Load {
  readonly name: string;
  readonly rooms: number;
  readonly size: number;
}

/** The loads, in the order of the report. */
export const LOADS: readonly Load[] = [
  { name: "1:1", rooms: 50, size: 2 },
  { name: "room 10", rooms: 10, size: 10 },
  { name: "room 50", rooms: 4, size: 50 },
];

/** What one trial found. */
export interface Trial {
  /** Connections that entered a room. */
  readonly joins: Report;
  /** Memory of an idle connection, bytes. */
  readonly idleBytes: number;
  /** By load, in the order of `LOADS`. */
  readonly floods: readonly Report[];
  /** At `PACE_PER_SECOND`. */
  readonly latency: Report;
}

/** The moderate load of the latency, messages a second. */
export const PACE_PER_SECOND = 2_000;
const SEED = "seed";
const STORE = "store";
const WARM_MS = 800;
const SETTLE_MS = 300;
const SERVER_CORE = "0";
const LOAD_CORE = "1";

/** How many connections there are at once at most. */
export const mostConnections = ({ idle }: Settings): number => idle + idle / 2;

/** Makes the store of which each trial has a copy. */
export async function seedStore(contender: Contender, settings: Settings): Promise<void> {
  if (contender.seed === undefined) return;
  await emptyFolder(`${settings.folder}${SEED}`);
  const port = freePort();
  const command = commandOf(contender, port, `${settings.folder}${SEED}`);
  const server = start(command, settings.folder);
  try {
    await server.answer();
    await contender.seed(`http://127.0.0.1:${port}`, mostConnections(settings));
  } finally {
    await server.end();
  }
}

/** A copy of the store, as the last trial did not leave it. */
async function freshStore({ folder }: Settings): Promise<string> {
  await emptyFolder(`${folder}${STORE}`);
  for await (const { name } of Deno.readDir(`${folder}${SEED}`)) {
    await Deno.copyFile(`${folder}${SEED}/${name}`, `${folder}${STORE}/${name}`);
  }
  return `${folder}${STORE}`;
}

async function emptyFolder(path: string): Promise<void> {
  await Deno.remove(path, { recursive: true }).catch(() => {});
  await Deno.mkdir(path, { recursive: true });
}

/** Measures one server once. */
export async function trial(contender: Contender, settings: Settings): Promise<Trial> {
  const port = freePort();
  const pin = (core: string) => settings.isPinned ? ["taskset", "-c", core] : [];
  const store = contender.seed === undefined ? "" : await freshStore(settings);
  const server = start(
    [...pin(SERVER_CORE), ...commandOf(contender, port, store)],
    settings.folder,
  );
  try {
    if (await server.answer() !== "ready") throw new Error("the server did not start");
    const args = ["node", "load.js", contender.name, String(port), String(server.pid)];
    const load = start([...pin(LOAD_CORE), ...args], settings.folder);
    try {
      return await measure(server, load, settings);
    } finally {
      await load.end();
    }
  } finally {
    await server.end();
  }
}

async function measure(server: Child, load: Child, settings: Settings): Promise<Trial> {
  const { ms, bytes, inFlight, idle } = settings;
  const order = async (what: Order): Promise<Report> => {
    const report = JSON.parse(await load.ask(JSON.stringify(what)));
    if (report.error !== undefined) throw new Error(report.error);
    return report;
  };
  const weigh = async () => Number(await server.ask("weigh"));
  const crowds = [...LOADS, { name: "", rooms: 50, size: 2 }];

  // Those who come first pay for what is loaded and compiled late, and use up the memory that starting
  // has left behind; they stay, and only those who come then are weighed and timed. All is prepared before.
  await order({ do: "prepare", connections: mostConnections(settings) });
  await order({ do: "enter", rooms: idle / 4, size: 2, bytes });
  await pause(SETTLE_MS);
  const before = await weigh();
  const joins = await order({ do: "enter", rooms: idle / 2, size: 2, bytes });
  await pause(SETTLE_MS);
  const idleBytes = (await weigh() - before) / idle;
  await order({ do: "leave" });

  const floods: Report[] = [];
  for (const { rooms, size } of LOADS) {
    await order({ do: "prepare", connections: rooms * size });
    await order({ do: "enter", rooms, size, bytes });
    const each = Math.max(1, Math.round(inFlight / rooms / (size - 1)));
    floods.push(await order({ do: "flood", inFlight: each, warmMs: WARM_MS, ms }));
    await order({ do: "leave" });
  }
  const { rooms, size } = crowds.at(-1)!;
  await order({ do: "prepare", connections: rooms * size });
  await order({ do: "enter", rooms, size, bytes });
  const latency = await order({ do: "pace", perSecond: PACE_PER_SECOND, ms });
  return { joins, idleBytes, floods, latency };
}

/** What runs a server, in the folder of the peers. */
function commandOf({ name, runtime }: Contender, port: number, store: string): string[] {
  if (runtime === "node") return ["node", "--expose-gc", "peer_server.js", name, String(port)];
  const flags = ["run", "--quiet", "--allow-all", "--v8-flags=--expose-gc"];
  if (name !== "countersign") {
    return [Deno.execPath(), ...flags, "--no-lock", "peer_server.js", name, String(port)];
  }
  const config = new URL("../../deno.json", import.meta.url).pathname;
  const script = new URL("countersign_server.ts", import.meta.url).pathname;
  const args = [String(port), `${store}/store.sqlite`];
  return [Deno.execPath(), ...flags, `--config=${config}`, script, ...args];
}

/** A port that nobody listens on. */
function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
