/**
 * How our signaling compares with other servers, under the same load in one run: messages from one to
 * one, deliveries in rooms of 10 and 50, latency at a moderate pace, connections that enter, and what an
 * idle one weighs.
 *
 *     deno task bench:rooms [trials=3] [ms=1200] [bytes=512] [inFlight=400] [only=countersign,peer]
 *
 * The peers are installed from npm, with their own licences, into `dist/rooms_bench`; they are no part of
 * the lock file or of what is published. Each trial is a server's fresh process and a load generator's;
 * trials go round the servers, so that whatever else the machine does is shared by all, and the median
 * counts. Where there is `taskset` the server has one core and the generator another.
 *
 * @module
 */

import { type Contender } from "./rooms/contender.ts";
import { contenders } from "./rooms/contenders.ts";
import { seedStore, type Settings, type Trial, trial } from "./rooms/trial.ts";
import { table } from "./rooms/table.ts";

const FOLDER = new URL("../dist/rooms_bench/", import.meta.url);
const SOURCES = new URL("rooms/", import.meta.url);

const given = new Map(Deno.args.map((arg) => arg.split("=", 2) as [string, string]));
const number = (name: string, otherwise: number) => Number(given.get(name) ?? otherwise);
const trials = number("trials", 3);
const settings: Settings = {
  folder: FOLDER.pathname,
  ms: number("ms", 1_200),
  bytes: number("bytes", 512),
  inFlight: number("inFlight", 400),
  idle: number("idle", 2_000),
  isPinned: await hasTaskset(),
};
const only = given.get("only")?.split(",");
const measured = contenders.filter(({ name }) => only === undefined || only.includes(name));

await install();
await bundle("load.ts");
await bundle("peer_server.ts");
for (const contender of measured) await seedStore(contender, settings);
const found = new Map<Contender, Trial[]>(measured.map((contender) => [contender, []]));
for (let round = 0; round < trials; round++) {
  for (const [contender, results] of found) {
    try {
      results.push(await trial(contender, settings));
    } catch (error) {
      say(`${contender.name}, trial ${round + 1}: ${error instanceof Error ? error.message : ""}`);
    }
  }
  say(`round ${round + 1} of ${trials}`);
}
for (const line of table(found, settings)) say(line);

/** Installs the peers, or keeps those that are there. */
async function install(): Promise<void> {
  await Deno.mkdir(FOLDER, { recursive: true });
  await Deno.copyFile(new URL("package.json", SOURCES), new URL("package.json", FOLDER));
  // The folder is a project of its own, whose packages npm has put beside it.
  await Deno.writeTextFile(new URL("deno.json", FOLDER), `{ "nodeModulesDir": "manual" }\n`);
  const args = ["install", "--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock"];
  const { success } = await new Deno.Command("npm", { args, cwd: FOLDER, stdout: "null" }).output();
  if (!success) say("npm can't install the peers: those that are missing are not compared");
}

/** Bundles what runs in Node too, with everything of ours in it. */
async function bundle(entry: string): Promise<void> {
  const result = await Deno.bundle({
    entrypoints: [new URL(entry, SOURCES).pathname],
    outputDir: FOLDER.pathname,
    platform: "deno",
    format: "esm",
    write: true,
  });
  if (!result.success) throw new Error(`Cannot bundle ${entry}: ${result.errors[0]?.text}`);
}

async function hasTaskset(): Promise<boolean> {
  if (navigator.hardwareConcurrency < 2) return false;
  try {
    return (await new Deno.Command("taskset", { args: ["-c", "0,1", "true"] }).output()).success;
  } catch {
    return false;
  }
}

function say(line: string): void {
  // deno-lint-ignore no-console
  console.log(line);
}
