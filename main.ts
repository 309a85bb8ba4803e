/**
 * The composition root: reads the environment, opens the store and the secret, serves, and stops in
 * order. The only file that reads the environment; `routes/settings.ts` says which variables.
 *
 * The secret is never made anew beside a store that exists: a log goes on under its own only.
 *
 * @module
 */

import { CLUSTER_TIMING } from "./core/cluster/timing.ts";
import { readNamePolicy } from "./core/name_settings.ts";
import { jsonLine, type Report } from "./core/report.ts";
import { readPushSettings } from "./core/push_settings.ts";
import { readEmbedder } from "./core/room_settings.ts";
import { SECRET_BYTES } from "./core/service_keys.ts";
import { readTurnSettings } from "./core/turn.ts";
import { readWitnessSettings } from "./core/witness_settings.ts";
import { fromBase64Url, toBase64Url } from "./crypto/base64.ts";
import { utf8 } from "./crypto/bytes.ts";
import { randomBytes } from "./crypto/primitives.ts";
import { Secret } from "./crypto/secret.ts";
import { openRemoteStore } from "./kv/remote_store.ts";
import { createStoreFile, lockStore } from "./kv/store_file.ts";
import { openService, type Service } from "./routes/app.ts";
import { type Listener, listenNative } from "./routes/listener.ts";
import { listenNode } from "./routes/node_listener.ts";
import { type Pages, readPages } from "./routes/page.ts";
import { readSettings, type Settings } from "./routes/settings.ts";

/** How long the last answers may take; whoever stops us kills us after 5 s. */
const SHUTDOWN_MS = 1_500;

/** How the operator is told: sentences, or lines of JSON. */
function reportAs(form: string): Report {
  if (form === "text") return (sentence) => console.error(sentence);
  if (form !== "json") throw new Error("COUNTERSIGN_LOG has to be text or json");
  return (sentence, facts) => console.error(jsonLine(sentence, facts, Date.now()));
}

async function readSecret(settings: Settings): Promise<Secret> {
  const path = `${settings.data}/secret`;
  const text = settings.secret ?? await readOrMakeSecret(settings, path);
  const bytes = fromBase64Url(text.trim());
  if (bytes?.length === SECRET_BYTES) return new Secret(bytes);
  const where = settings.secret === null ? path : "COUNTERSIGN_SECRET";
  throw new Error(`${where} has to hold ${SECRET_BYTES} bytes in base64url`);
}

async function readOrMakeSecret(settings: Settings, path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  if (settings.isShared) {
    throw new Error(
      `COUNTERSIGN_SECRET or ${path} is needed, the same ${SECRET_BYTES} bytes for all instances of a store`,
    );
  }
  if (settings.store !== ":memory:" && await exists(settings.store!)) {
    throw new Error(`${path} is missing: ${settings.store} can't be continued without it`);
  }
  const text = toBase64Url(randomBytes(SECRET_BYTES));
  // Never over one that exists, and on the disk before the log that it founds.
  using file = await Deno.open(path, { write: true, createNew: true, mode: 0o600 });
  await file.write(utf8(`${text}\n`));
  await file.sync();
  return text;
}

async function exists(path: string): Promise<boolean> {
  try {
    return (await Deno.stat(path)).isFile;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Opens the store. Where it is a file, its lock is held until the process ends. */
async function openStore({ store: path, isShared }: Settings): Promise<Deno.Kv> {
  if (path === null) return await Deno.openKv();
  if (isShared) return await openRemoteStore(path);
  if (path !== ":memory:") {
    await createStoreFile(path);
    if (!await lockStore(path)) {
      throw new Error(
        `Another process uses ${path}: several work together on a denokv server, whose URL is ` +
          "COUNTERSIGN_KV; a log of its own needs another COUNTERSIGN_DATA and COUNTERSIGN_PORT",
      );
    }
  }
  return await Deno.openKv(path);
}

async function start(settings: Settings, pages: Pages, report: Report): Promise<Service> {
  const readText = (path: string) => Deno.readTextFile(path);
  const names = await readNamePolicy(settings.names, readText);
  const embedder = await readEmbedder(settings.rooms, settings.origin, readText);
  const witnesses = await readWitnessSettings(settings.witnesses, readText);
  const push = readPushSettings(settings.push);
  const turn = await readTurnSettings(settings.turn, readText);
  const isFile = settings.store !== ":memory:" && !settings.isShared;
  const isKept = isFile || settings.secret === null;
  if (isKept) await Deno.mkdir(settings.data, { recursive: true, mode: 0o700 });
  // The secret first: a store without one can't be continued.
  const secret = await readSecret(settings);
  return await openService({
    kv: await openStore(settings),
    // The store's lock says so, or that it is in memory.
    isAlone: !settings.isShared,
    cluster: settings.isShared ? CLUSTER_TIMING : null,
    secret,
    origin: settings.origin,
    publicOrigin: settings.publicOrigin,
    allowedOrigins: settings.allowedOrigins,
    trustedProxies: settings.trustedProxies,
    names,
    embedder,
    ...witnesses === null ? {} : { witnesses },
    isPostQuantum: settings.isPostQuantum,
    push,
    turn,
    pages,
    now: () => Date.now(),
    hasMetrics: settings.hasMetrics,
    log: report,
  });
}

async function listenAs(
  settings: Settings,
  service: Service,
  report: Report,
): Promise<Listener> {
  try {
    if (settings.isNative) return listenNative(service, settings, report);
    return await listenNode(service, settings, report);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : null;
    if (code === "EADDRINUSE") {
      throw new Error(`Port ${settings.port} is in use: set COUNTERSIGN_PORT to another`);
    }
    if (code === "EADDRNOTAVAIL") throw new Error("COUNTERSIGN_HOST is not of this machine");
    throw error;
  }
}

/** What stopped the start, in one sentence. */
function sentenceOf(error: unknown): string {
  if (error instanceof Deno.errors.NotCapable) {
    const what = error.message.replace(/, run again.*/, "");
    return `${what}: \`deno task start\` has ./data alone, \`deno task countersign serve\` has all`;
  }
  return error instanceof Error ? error.message : String(error);
}

/** Settings that nobody reads: a slip of the pen, mostly. */
async function unreadSettings(read: ReadonlySet<string>): Promise<readonly string[]> {
  // Whoever allows single variables is not asked for all of them.
  const { state } = await Deno.permissions.query({ name: "env" });
  if (state !== "granted") return [];
  return Object.keys(Deno.env.toObject())
    .filter((name) => name.startsWith("COUNTERSIGN_") && !read.has(name)).sort();
}

function afterMs(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Serves until it is told to stop. */
export async function main(): Promise<void> {
  let service: Service;
  let listener: Listener;
  let settings: Settings;
  let pages: Pages;
  let report: Report = reportAs("text");
  const form = Deno.env.get("COUNTERSIGN_LOG") || "text";
  const isJson = form === "json";
  const read = new Set(["COUNTERSIGN_LOG"]);
  try {
    report = reportAs(form);
    settings = readSettings((name) => {
      read.add(name);
      return Deno.env.get(name);
    });
    for (const name of await unreadSettings(read)) {
      report(`${name} is not a setting`, { level: "warn", event: "unknown_setting", name });
    }
    pages = await readPages(new URL("./dist/", import.meta.url));
    service = await start(settings, pages, report);
    listener = await listenAs(settings, service, report);
  } catch (error) {
    const facts = { level: "error", event: "start_failed" } as const;
    report(`Countersign can't start: ${sentenceOf(error)}`, facts);
    Deno.exit(1);
  }
  const { hostname, port } = listener.at;
  const host = hostname.includes(":") ? `[${hostname}]` : hostname;
  const say = isJson ? report : (sentence: string) => console.log(sentence);
  const url = `http://${host}:${port}`;
  say(`Countersign listens on ${url}`, { level: "info", event: "listening", url });
  const { logKey } = service;
  say(`Log key: ${logKey}`, { level: "info", event: "log_key", key: logKey });
  if (settings.isShared) {
    const sentence = "It is one of several instances, which share their store";
    say(sentence, { level: "info", event: "clustered" });
  }
  const { publicOrigin } = settings;
  if (publicOrigin !== null) {
    const facts = { level: "info", event: "public_url", url: publicOrigin } as const;
    say(`Clients reach it as ${publicOrigin}`, facts);
  }
  if (pages.size === 0) {
    const sentence = "No pages at /, /log and /docs: `deno task build` makes them";
    say(sentence, { level: "info", event: "no_pages" });
  }
  let isStopping = false;
  const stop = async () => {
    if (isStopping) return;
    isStopping = true;
    if (isJson) report("Countersign stops", { level: "info", event: "stopping" });
    // Sockets first, since the server would wait for them; the store last, since requests need it.
    await service.drain();
    await Promise.race([listener.stop(), afterMs(SHUTDOWN_MS)]);
    await service.close();
    Deno.exit(0);
  };
  for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(signal, stop);
}

if (import.meta.main) await main();
