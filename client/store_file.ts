/**
 * A store in one JSON file, for Deno and Node. The only file of the SDK that is not portable.
 *
 * Give it a key, from the system's key ring or derived from a passphrase with Argon2id or scrypt, and
 * all of the file is sealed under it (`sealed_file.ts`). **Without one private keys lie in it as PKCS #8,
 * readable by whoever can read the file**, its backups included: it is created with mode 0600, and its
 * folder is yours to protect.
 *
 * One store on a file at a time, in all processes together: one that finds that somebody else has written
 * the file since refuses to write over it. A change is written beside the file, synced and renamed over
 * it, so a crash leaves the old state or the new one.
 *
 * @module
 */

import { open, readFile, rename } from "node:fs/promises";
import { fromBase64, toBase64 } from "../crypto/base64.ts";
import {
  damaged,
  type FileKey,
  fileKeyOf,
  isSealed,
  locked,
  openFile,
  sealFile,
} from "./sealed_file.ts";
import { ClientError } from "./error.ts";
import { type Store, type Stored } from "./store.ts";

export { type FileKey };

/** A store in a file. */
export interface FileStore extends Store {
  /**
   * Whether what lies in the file is sealed. False without a key, and with one for a file that was there
   * before it, until the next write: an application that has always given a key refuses such a file,
   * since somebody else may have put it there.
   */
  readonly isProtected: boolean;
  /** Seals the file under another key from now on; what earlier copies hold stays as it is. */
  changeKey(key: FileKey): Promise<void>;
}

/** What a store in a file may be given. */
export interface FileStoreOptions {
  /** What the file is sealed under; without it whoever reads the file has the keys. */
  readonly key?: FileKey | undefined;
}

/**
 * Opens, or creates, a store in this file.
 *
 * @throws ClientError `store_locked` where the file is sealed under another key, or a key is missing;
 * `store_failed` where it was damaged or changed; `bad_option` where the key is none
 */
export async function fileStore(path: string, options: FileStoreOptions = {}): Promise<FileStore> {
  let key = options.key === undefined ? null : await fileKeyOf(options.key);
  const loaded = await load(path, key);
  let { values, text } = loaded;
  let isProtected = key !== null && !loaded.isPlain;
  let queue: Promise<unknown> = Promise.resolve();

  /** One write at a time; one that fails stops none behind it. */
  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = queue.then(work);
    queue = turn.catch(() => {});
    return turn;
  }

  return {
    extractable: true,
    get isProtected() {
      return isProtected;
    },
    changeKey: (next) =>
      inTurn(async () => {
        const handle = await fileKeyOf(next);
        text = await save(path, values, handle, text);
        [key, isProtected] = [handle, true];
      }),
    update: (names, decide) =>
      inTurn(async () => {
        const { changes, result } = decide(names.map((name) => values.get(name) ?? null));
        if (Object.keys(changes).length === 0) return result;
        const next = new Map(values);
        for (const [name, value] of Object.entries(changes)) {
          if (value === null) next.delete(name);
          else next.set(name, value);
        }
        text = await save(path, next, key, text);
        [values, isProtected] = [next, key !== null];
        return result;
      }),
    close: () => {},
  };
}

/** What a file holds, and whether that lay there unsealed. */
interface Loaded {
  /** The file as it was, or null where there was none. */
  readonly text: string | null;
  readonly values: ReadonlyMap<string, Stored>;
  readonly isPlain: boolean;
}

async function load(path: string, key: CryptoKey | null): Promise<Loaded> {
  const text = await readText(path);
  if (text === null) return { text, values: new Map(), isPlain: false };
  // Never an empty store in place of one that can't be read: the next write would lose its keys.
  const isPlain = !isSealed(text);
  if (!isPlain && key === null) throw locked();
  const json = isPlain || key === null ? text : await openFile(key, text);
  return { text, values: await thawAll(parse(json)), isPlain };
}

async function readText(path: string): Promise<string | null> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
    throw error;
  }
}

function parse(text: string): object {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // Without its cause, which would cite what it could not read.
    throw damaged();
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw damaged();
  return value;
}

async function thawAll(values: object): Promise<Map<string, Stored>> {
  try {
    const entries = Object.entries(values).map(async ([name, value]) => {
      return [name, await thaw(value)] as const;
    });
    return new Map(await Promise.all(entries));
  } catch (cause) {
    throw damaged(cause);
  }
}

/** Writes the file, where it is what it was, and gives what it is now. @throws ClientError `in_use` */
async function save(
  path: string,
  values: ReadonlyMap<string, Stored>,
  key: CryptoKey | null,
  before: string | null,
): Promise<string> {
  const frozen: Record<string, unknown> = {};
  for (const [name, value] of values) frozen[name] = await freeze(value);
  const text = JSON.stringify(frozen);
  const written = key === null ? text : await sealFile(key, text);
  if (await readText(path) !== before) {
    throw new ClientError("in_use", "Somebody else has written the store's file");
  }
  const file = await open(`${path}.new`, "w", 0o600);
  try {
    await file.writeFile(written);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(`${path}.new`, path);
  return written;
}

async function freeze(value: Stored): Promise<unknown> {
  if (value instanceof Uint8Array) return { $bytes: toBase64(value) };
  if (value instanceof CryptoKey) {
    const pkcs8 = new Uint8Array(await crypto.subtle.exportKey("pkcs8", value));
    return { $key: toBase64(pkcs8), algorithm: value.algorithm.name, usages: value.usages };
  }
  if (Array.isArray(value)) return await Promise.all(value.map(freeze));
  if (typeof value === "object" && value !== null) {
    const fields = Object.entries(value).map(async ([k, v]) => [k, await freeze(v)] as const);
    return Object.fromEntries(await Promise.all(fields));
  }
  return value;
}

async function thaw(value: unknown): Promise<Stored> {
  if (Array.isArray(value)) return await Promise.all(value.map(thaw));
  if (typeof value !== "object" || value === null) return value as Stored;
  const tagged = value as Record<string, unknown>;
  if (typeof tagged.$bytes === "string") return decode(tagged.$bytes);
  if (typeof tagged.$key === "string") {
    const algorithm = String(tagged.algorithm);
    const usages = tagged.usages as KeyUsage[];
    return await crypto.subtle.importKey("pkcs8", decode(tagged.$key), algorithm, true, usages);
  }
  const fields = Object.entries(tagged).map(async ([k, v]) => [k, await thaw(v)] as const);
  return Object.fromEntries(await Promise.all(fields));
}

function decode(text: string): Uint8Array<ArrayBuffer> {
  const bytes = fromBase64(text);
  if (bytes === null) throw damaged();
  return bytes;
}
