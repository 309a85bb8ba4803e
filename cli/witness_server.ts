/**
 * What `witness` and `audit` have in common: keys, a store of their own, and serving until a signal.
 *
 * @module
 */

import { witnessApp, type WitnessAppParts } from "../routes/witness.ts";
import { type Cosigner } from "../crypto/cosignature.ts";
import { CryptoError } from "../crypto/error.ts";
import {
  formatVerifierKey,
  NOTE_KEY_TYPE,
  parseVerifierKey,
  type VerifierKey,
} from "../crypto/note_key.ts";
import { createStoreFile, lockStore } from "../kv/store_file.ts";
import { CommandError, type OptionKind, type OptionValues, UsageError } from "./command.ts";
import { readKey } from "./key_file.ts";
import { shown } from "./shown.ts";

/** Options that both commands take. */
export const SERVER_OPTIONS = {
  key: "texts",
  log: "texts",
  store: "text",
  host: "text",
  port: "text",
} as const satisfies Readonly<Record<string, OptionKind>>;

/** Their values. */
type ServerValues = OptionValues<typeof SERVER_OPTIONS>;

/** The usage of those options. */
export const SERVER_USAGE =
  `  --key <path>     a secret key to cosign with, of \`countersign keys new\`; may be there twice,
                   once of type cosignature and once of type mldsa
  --store <path>   the store's file, made where there is none. To lose it, or to go back to a copy of
                   it, is to cosign two histories: it belongs to these keys, and is not restored
  --host <host>    where to listen, 127.0.0.1 by default; TLS is for a proxy in front
  --port <port>    the port, 7380 by default; 0 takes any free one`;

const DEFAULT_PORT = "7380";

/** How long requests under way may take once it is told to stop, in milliseconds. */
const SHUTDOWN_MS = 3_000;

/** The keys to cosign with. @throws CommandError, UsageError */
export async function cosignersOf({ key: paths }: ServerValues): Promise<Cosigner[]> {
  if (paths.length === 0) throw new UsageError("--key is missing");
  const cosigners: Cosigner[] = [];
  for (const path of paths) {
    const { cosigner } = await readKey(path);
    if (cosigner === null) {
      throw new CommandError(
        `${path} is a log's key: a witness needs one of type cosignature or mldsa`,
      );
    }
    if (cosigners.some(({ key }) => key.type === cosigner.key.type)) {
      throw new CommandError("Two keys of one type: a witness has one of each at most");
    }
    cosigners.push(cosigner);
  }
  return cosigners;
}

/** The keys of logs. @throws CommandError, UsageError */
export function logKeysOf({ log: texts }: ServerValues): VerifierKey[] {
  if (texts.length === 0) throw new UsageError("--log is missing");
  return texts.map((text) => {
    let key: VerifierKey;
    try {
      key = parseVerifierKey(text);
    } catch (error) {
      if (!(error instanceof CryptoError)) throw error;
      throw new CommandError("--log has to be a verifier key: name+hash+key");
    }
    if (key.type === NOTE_KEY_TYPE.ed25519 || key.type === NOTE_KEY_TYPE.mlDsa44) return key;
    throw new CommandError("--log has to be the key of a log: of type 0x01 or 0x06");
  });
}

/** The store, which no other process may use. @throws CommandError, UsageError */
export async function openStore({ store: path }: ServerValues): Promise<Deno.Kv> {
  if (path === undefined) throw new UsageError("--store is missing");
  try {
    await createStoreFile(path);
  } catch {
    throw new CommandError(`${path} can't be written`);
  }
  if (!await lockStore(path)) throw new CommandError(`Another process uses ${path}`);
  return await Deno.openKv(path);
}

/** Serves until SIGINT or SIGTERM. @throws CommandError, UsageError */
export async function serveUntilSignal(
  values: ServerValues,
  kv: Deno.Kv,
  cosigners: readonly Cosigner[],
  parts: Pick<WitnessAppParts, "role" | "mirror">,
): Promise<number> {
  const { host: hostname = "127.0.0.1" } = values;
  const port = portOf(values.port ?? DEFAULT_PORT);
  const verifierKeys = cosigners.map(({ key }) => formatVerifierKey(key));
  const app = witnessApp({ ...parts, verifierKeys, log: reportLine });
  let server: Deno.HttpServer<Deno.NetAddr>;
  try {
    server = Deno.serve({ hostname, port, onListen: () => {} }, app);
  } catch {
    throw new CommandError(`Nothing can listen on port ${port} of ${hostname}`);
  }
  const host = server.addr.hostname.includes(":")
    ? `[${server.addr.hostname}]`
    : server.addr.hostname;
  console.log(`Listening on http://${host}:${server.addr.port}`);
  for (const key of verifierKeys) console.log(`Key: ${key}`);
  await signalled();
  const late = new Promise((resolve) => setTimeout(resolve, SHUTDOWN_MS));
  await Promise.race([server.shutdown(), late]);
  kv.close();
  return 0;
}

/** Prints what the operator is told. */
export function reportLine(line: string): void {
  // A fault's frames stand on lines of their own.
  for (const one of line.split("\n")) console.error(shown(one));
}

function signalled(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) {
      Deno.addSignalListener(signal, () => resolve());
    }
  });
}

function portOf(text: string): number {
  const port = /^[0-9]{1,5}$/.test(text) ? Number(text) : NaN;
  if (!(port <= 65_535)) throw new UsageError("--port has to be a number up to 65535");
  return port;
}
