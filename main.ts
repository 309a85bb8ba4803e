/**
 * The composition root: reads the environment, opens the store and the secret, serves, and stops in
 * order. The only file that reads the environment.
 *
 *     COUNTERSIGN_HOST             127.0.0.1        where to listen
 *     COUNTERSIGN_PORT             8787             0 takes any free port
 *     COUNTERSIGN_DATA             ./data           folder of the store and the secret
 *     COUNTERSIGN_KV               <data>/countersign.sqlite    another file, `:memory:`, or the URL of
 *                                                   a denokv server, which several instances share
 *     DENO_KV_ACCESS_TOKEN         none             the token for that server; Deno itself reads it
 *     COUNTERSIGN_SECRET           <data>/secret    32 bytes, base64url; the file is made if missing
 *     COUNTERSIGN_ORIGIN           localhost/kt/1   the log's origin; never changes for a store
 *     COUNTERSIGN_PUBLIC_URL       as it listens        the clients' URL; needed beyond loopback
 *     COUNTERSIGN_ALLOWED_ORIGINS  none             other sites that may open sockets, with commas
 *     COUNTERSIGN_TRUSTED_PROXIES  none             who is believed about `X-Forwarded-For`, with commas
 *     COUNTERSIGN_SOCKETS          ws               whose WebSockets: ws, or native as on Deno Deploy
 *     COUNTERSIGN_NAMES            open             who may take a name: open, grant or oidc
 *     COUNTERSIGN_NAMES_JWKS       none             keys of who vouches for names: URL, file or JSON
 *     COUNTERSIGN_NAMES_ISSUER     none             the `iss` of their tokens
 *     COUNTERSIGN_NAMES_AUDIENCE   none             the `aud` of ID tokens
 *     COUNTERSIGN_NAMES_CLAIM      email            the claim of ID tokens that is the name
 *     COUNTERSIGN_ROOMS_JWKS       none             keys of who makes room tokens: URL, file or JSON
 *     COUNTERSIGN_ROOMS_ISSUER     none             the `iss` of those tokens
 *     COUNTERSIGN_WITNESS_POLICY   none             a file: who cosigns the log's heads (C2SP tlog-policy)
 *     COUNTERSIGN_AUDITORS         none             which of them are auditors, by name, with commas
 *     COUNTERSIGN_CONTACT          none             whom push services may write to; no Web Push without
 *     COUNTERSIGN_PUSH_HOSTS       the browsers'    push services, with commas
 *     COUNTERSIGN_TURN_URLS        none             turn:, turns:, stun: and stuns: URLs, with commas
 *     COUNTERSIGN_TURN_SECRET      none             what the TURN servers share with this service
 *     COUNTERSIGN_TURN_SECRET_FILE none             a file that holds it
 *     COUNTERSIGN_PQ               none             1: heads are signed with ML-DSA-44 too
 *     COUNTERSIGN_METRICS          none             1: /metrics is served, to whoever reaches it
 *     COUNTERSIGN_LOG              text             json: one line of JSON for each event
 *
 * The secret is never made anew beside a store that exists: a log goes on under its own only.
 *
 * @module
 */

import { CLUSTER_TIMING } from "./core/cluster/timing.ts";
import { type NameSettings, readNamePolicy } from "./core/name_settings.ts";
import { jsonLine, type Report } from "./core/report.ts";
import { type PushTexts, readPushSettings } from "./core/push_settings.ts";
import { readEmbedder, type RoomSettings } from "./core/room_settings.ts";
import { SECRET_BYTES } from "./core/service_keys.ts";
import { readTurnSettings, type TurnTexts } from "./core/turn.ts";
import { readWitnessSettings, type WitnessTexts } from "./core/witness_settings.ts";
import { fromBase64Url, toBase64Url } from "./crypto/base64.ts";
import { utf8 } from "./crypto/bytes.ts";
import { MAX_ORIGIN_BYTES } from "./crypto/checkpoint.ts";
import { isKeyName } from "./crypto/note_key.ts";
import { randomBytes } from "./crypto/primitives.ts";
import { Secret } from "./crypto/secret.ts";
import { openRemoteStore } from "./kv/remote_store.ts";
import { createStoreFile, lockStore } from "./kv/store_file.ts";
import { openService, type Service } from "./routes/app.ts";
import { readProxies, type TrustedProxies } from "./routes/client_address.ts";
import { type Listener, listenNative } from "./routes/listener.ts";
import { listenNode } from "./routes/node_listener.ts";
import { type Pages, readPages } from "./routes/page.ts";

/** How long the last answers may take; whoever stops us kills us after 5 s. */
const SHUTDOWN_MS = 1_500;

/** Something that the operator has to put right. */
class SetupError extends Error {}

interface Settings {
  readonly hostname: string;
  readonly port: number;
  readonly data: string;
  /** A file, `:memory:`, the URL of a server, or null for the platform's own. */
  readonly store: string | null;
  /** Whether several instances work on the store. */
  readonly isShared: boolean;
  /** Base64url, or null for the file. */
  readonly secret: string | null;
  readonly origin: string;
  readonly publicOrigin: string | null;
  readonly allowedOrigins: readonly string[];
  readonly trustedProxies: TrustedProxies;
  readonly isNative: boolean;
  readonly names: NameSettings;
  readonly rooms: RoomSettings;
  readonly witnesses: WitnessTexts;
  readonly isPostQuantum: boolean;
  readonly hasMetrics: boolean;
  readonly push: PushTexts;
  readonly turn: TurnTexts;
}

function readSettings(env: (name: string) => string | undefined): Settings {
  const data = env("COUNTERSIGN_DATA") || "./data";
  const origin = env("COUNTERSIGN_ORIGIN") || "localhost/kt/1";
  if (
    !isKeyName(origin) || !/^[^/]+\/kt\/[0-9]+$/.test(origin) || origin.length > MAX_ORIGIN_BYTES
  ) {
    throw new SetupError("COUNTERSIGN_ORIGIN has to look like example.org/kt/1");
  }
  const hostname = env("COUNTERSIGN_HOST") || "127.0.0.1";
  const publicUrl = env("COUNTERSIGN_PUBLIC_URL") || null;
  if (publicUrl === null && !/^(localhost|127(\.[0-9]{1,3}){3}|::1)$/.test(hostname)) {
    throw new SetupError("COUNTERSIGN_PUBLIC_URL is needed where COUNTERSIGN_HOST is not loopback");
  }
  // Deno Deploy has one store for all isolates, and says in either of these that it is it.
  const isDeploy = Boolean(env("DENO_DEPLOYMENT_ID") || env("DENO_DEPLOY"));
  const store = env("COUNTERSIGN_KV") || (isDeploy ? null : `${data}/countersign.sqlite`);
  const isServer = store !== null && /^https?:/i.test(store);
  if (isServer) requireStoreUrl(store, env("DENO_KV_ACCESS_TOKEN"));
  return {
    hostname,
    port: portOf(env("COUNTERSIGN_PORT") || "8787"),
    data,
    store,
    isShared: isServer || store === null,
    secret: env("COUNTERSIGN_SECRET") || null,
    origin,
    publicOrigin: publicUrl === null ? null : originOf(publicUrl, "COUNTERSIGN_PUBLIC_URL"),
    allowedOrigins: (env("COUNTERSIGN_ALLOWED_ORIGINS") ?? "").split(",")
      .map((text) => text.trim())
      .filter((text) => text !== "")
      .map((text) => originOf(text, "COUNTERSIGN_ALLOWED_ORIGINS")),
    trustedProxies: proxiesOf(env("COUNTERSIGN_TRUSTED_PROXIES") ?? ""),
    isNative: isNative(env("COUNTERSIGN_SOCKETS") || null, env("DENO_DEPLOYMENT_ID")),
    names: {
      names: env("COUNTERSIGN_NAMES"),
      jwks: env("COUNTERSIGN_NAMES_JWKS"),
      issuer: env("COUNTERSIGN_NAMES_ISSUER"),
      audience: env("COUNTERSIGN_NAMES_AUDIENCE"),
      claim: env("COUNTERSIGN_NAMES_CLAIM"),
    },
    rooms: {
      jwks: env("COUNTERSIGN_ROOMS_JWKS"),
      issuer: env("COUNTERSIGN_ROOMS_ISSUER"),
    },
    witnesses: {
      policy: env("COUNTERSIGN_WITNESS_POLICY"),
      auditors: env("COUNTERSIGN_AUDITORS"),
    },
    isPostQuantum: isOn(env("COUNTERSIGN_PQ") || "0", "COUNTERSIGN_PQ"),
    hasMetrics: isOn(env("COUNTERSIGN_METRICS") || "0", "COUNTERSIGN_METRICS"),
    push: { contact: env("COUNTERSIGN_CONTACT"), hosts: env("COUNTERSIGN_PUSH_HOSTS") },
    turn: {
      urls: env("COUNTERSIGN_TURN_URLS"),
      secret: env("COUNTERSIGN_TURN_SECRET"),
      secretFile: env("COUNTERSIGN_TURN_SECRET_FILE"),
    },
  };
}

function proxiesOf(text: string): TrustedProxies {
  const proxies = readProxies(text);
  if (proxies !== null) return proxies;
  throw new SetupError(
    "COUNTERSIGN_TRUSTED_PROXIES has to be addresses, or networks like 10.0.0.0/8, with commas",
  );
}

function isNative(text: string | null, deployment: string | undefined): boolean {
  if (text === null) return deployment !== undefined;
  if (text !== "ws" && text !== "native") {
    throw new SetupError("COUNTERSIGN_SOCKETS has to be ws or native");
  }
  return text === "native";
}

/** Requires a denokv server that nobody listens in on. */
function requireStoreUrl(text: string, token: string | undefined): void {
  const url = URL.parse(text);
  const isSafe = url !== null &&
    (url.protocol === "https:" || /^(localhost|127(\.[0-9]{1,3}){3}|\[::1\])$/.test(url.hostname));
  if (!isSafe) {
    throw new SetupError("COUNTERSIGN_KV has to be https:// where the server is not on loopback");
  }
  if (!token) throw new SetupError("DENO_KV_ACCESS_TOKEN is needed for a denokv server");
}

function isOn(text: string, name: string): boolean {
  if (text !== "0" && text !== "1") throw new SetupError(`${name} has to be 0 or 1`);
  return text === "1";
}

/** How the operator is told: sentences, or lines of JSON. */
function reportAs(form: string): Report {
  if (form === "text") return (sentence) => console.error(sentence);
  if (form !== "json") throw new SetupError("COUNTERSIGN_LOG has to be text or json");
  return (sentence, facts) => console.error(jsonLine(sentence, facts, Date.now()));
}

function portOf(text: string): number {
  const port = /^[0-9]{1,5}$/.test(text) ? Number(text) : NaN;
  if (!(port <= 65_535)) throw new SetupError("COUNTERSIGN_PORT has to be a number up to 65535");
  return port;
}

function originOf(text: string, name: string): string {
  const url = URL.parse(text);
  const isOrigin = url !== null && /^https?:$/.test(url.protocol) && url.username === "" &&
    url.pathname === "/" && url.search === "" && url.hash === "";
  if (!isOrigin) throw new SetupError(`${name} has to be like https://example.org, without a path`);
  return url.origin;
}

async function readSecret(settings: Settings): Promise<Secret> {
  const path = `${settings.data}/secret`;
  const text = settings.secret ?? await readOrMakeSecret(settings, path);
  const bytes = fromBase64Url(text.trim());
  if (bytes?.length === SECRET_BYTES) return new Secret(bytes);
  const where = settings.secret === null ? path : "COUNTERSIGN_SECRET";
  throw new SetupError(`${where} has to hold ${SECRET_BYTES} bytes in base64url`);
}

async function readOrMakeSecret(settings: Settings, path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  if (settings.isShared) {
    throw new SetupError(
      `COUNTERSIGN_SECRET or ${path} is needed, the same ${SECRET_BYTES} bytes for all instances of a store`,
    );
  }
  if (settings.store !== ":memory:" && await exists(settings.store!)) {
    throw new SetupError(`${path} is missing: ${settings.store} can't be continued without it`);
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
      throw new SetupError(
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
      throw new SetupError(`Port ${settings.port} is in use: set COUNTERSIGN_PORT to another`);
    }
    if (code === "EADDRNOTAVAIL") throw new SetupError("COUNTERSIGN_HOST is not of this machine");
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
