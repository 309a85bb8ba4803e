/**
 * The composition root: reads the environment, opens the store and the secret, serves, and stops in
 * order. The only file that reads the environment.
 *
 *     COUNTERSIGN_HOST             127.0.0.1        where to listen
 *     COUNTERSIGN_PORT             8787             0 takes any free port
 *     COUNTERSIGN_DATA             ./data           folder of the store and the secret
 *     COUNTERSIGN_KV               <data>/countersign.sqlite    another file, or `:memory:`
 *     COUNTERSIGN_SECRET           <data>/secret    32 bytes, base64url; the file is made if missing
 *     COUNTERSIGN_ORIGIN           localhost/kt/1   the log's origin; never changes for a store
 *     COUNTERSIGN_PUBLIC_URL       what requests say    scheme and host behind a proxy
 *     COUNTERSIGN_ALLOWED_ORIGINS  none             other sites that may open sockets, with commas
 *
 * A store in a file belongs to one process: two would not tell each other what they write.
 *
 * @module
 */

import { fromBase64Url, toBase64Url } from "./crypto/base64.ts";
import { isKeyName } from "./crypto/note_key.ts";
import { randomBytes } from "./crypto/primitives.ts";
import { Secret } from "./crypto/secret.ts";
import { openService, type Service } from "./routes/app.ts";
import { readPages } from "./routes/page.ts";

const SECRET_BYTES = 32;
/** How long the last answers may take; whoever stops us kills us after 5 s. */
const SHUTDOWN_MS = 1_500;

/** Something that the operator has to put right. */
class SetupError extends Error {}

interface Settings {
  readonly hostname: string;
  readonly port: number;
  readonly data: string;
  /** A file, or `:memory:`. */
  readonly store: string;
  /** Base64url, or null for the file. */
  readonly secret: string | null;
  readonly origin: string;
  readonly publicOrigin: string | null;
  readonly allowedOrigins: readonly string[];
}

function readSettings(env: (name: string) => string | undefined): Settings {
  const data = env("COUNTERSIGN_DATA") || "./data";
  const origin = env("COUNTERSIGN_ORIGIN") || "localhost/kt/1";
  if (!isKeyName(origin) || !/^[^/]+\/kt\/[0-9]+$/.test(origin) || origin.length > 255) {
    throw new SetupError("COUNTERSIGN_ORIGIN has to look like example.org/kt/1");
  }
  const publicUrl = env("COUNTERSIGN_PUBLIC_URL") || null;
  return {
    hostname: env("COUNTERSIGN_HOST") || "127.0.0.1",
    port: portOf(env("COUNTERSIGN_PORT") || "8787"),
    data,
    store: env("COUNTERSIGN_KV") || `${data}/countersign.sqlite`,
    secret: env("COUNTERSIGN_SECRET") || null,
    origin,
    publicOrigin: publicUrl === null ? null : originOf(publicUrl, "COUNTERSIGN_PUBLIC_URL"),
    allowedOrigins: (env("COUNTERSIGN_ALLOWED_ORIGINS") ?? "").split(",")
      .map((text) => text.trim())
      .filter((text) => text !== "")
      .map((text) => originOf(text, "COUNTERSIGN_ALLOWED_ORIGINS")),
  };
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
  const text = settings.secret ?? await readOrMakeSecret(path);
  const bytes = fromBase64Url(text.trim());
  if (bytes?.length === SECRET_BYTES) return new Secret(bytes);
  const where = settings.secret === null ? path : "COUNTERSIGN_SECRET";
  throw new SetupError(`${where} has to hold 32 bytes in base64url`);
}

async function readOrMakeSecret(path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  const text = toBase64Url(randomBytes(SECRET_BYTES));
  // Never over one that exists: a log signed with another secret is another log.
  await Deno.writeTextFile(path, `${text}\n`, { mode: 0o600, createNew: true });
  return text;
}

/** Opens the store. The lock on the file beside it is held until the process ends. */
async function openStore(path: string): Promise<Deno.Kv> {
  if (path !== ":memory:") {
    const lock = await Deno.open(`${path}.lock`, { create: true, write: true });
    if (!await lock.tryLock(true)) {
      throw new SetupError(`Another process uses ${path}: a store in a file belongs to one`);
    }
  }
  return await Deno.openKv(path);
}

async function start(settings: Settings): Promise<Service> {
  const isKept = settings.store !== ":memory:" || settings.secret === null;
  if (isKept) await Deno.mkdir(settings.data, { recursive: true });
  const kv = await openStore(settings.store);
  return await openService({
    kv,
    secret: await readSecret(settings),
    origin: settings.origin,
    publicOrigin: settings.publicOrigin,
    allowedOrigins: settings.allowedOrigins,
    pages: await readPages(new URL("./dist/", import.meta.url)),
    now: () => Date.now(),
    log: (line) => console.error(line),
  });
}

function listen({ hostname, port }: Settings, service: Service): Deno.HttpServer<Deno.NetAddr> {
  const onListen = (at: Deno.NetAddr) => {
    const host = at.hostname.includes(":") ? `[${at.hostname}]` : at.hostname;
    console.log(`Countersign listens on http://${host}:${at.port}`);
  };
  return Deno.serve({ hostname, port, onListen }, (request) => service.fetch(request));
}

/** What stopped the start, in one sentence. */
function sentenceOf(error: unknown): string {
  if (error instanceof Deno.errors.AddrInUse) return "The port is already in use";
  if (error instanceof Deno.errors.AddrNotAvailable) {
    return "COUNTERSIGN_HOST is not of this machine";
  }
  return error instanceof Error ? error.message : String(error);
}

function afterMs(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

async function main(): Promise<void> {
  let service: Service;
  let server: Deno.HttpServer<Deno.NetAddr>;
  try {
    const settings = readSettings((name) => Deno.env.get(name));
    service = await start(settings);
    server = listen(settings, service);
  } catch (error) {
    console.error(`Countersign can't start: ${sentenceOf(error)}`);
    Deno.exit(1);
  }
  let isStopping = false;
  const stop = async () => {
    if (isStopping) return;
    isStopping = true;
    // Sockets first, since the server would wait for them; the store last, since requests need it.
    await service.drain();
    await Promise.race([server.shutdown(), afterMs(SHUTDOWN_MS)]);
    await service.close();
    Deno.exit(0);
  };
  for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(signal, stop);
}

if (import.meta.main) await main();
