/**
 * A store in one JSON file, for Deno and Node. The only file of the SDK that is not portable.
 *
 * Private keys lie in it as PKCS #8, readable by whoever can read the file: it is created with mode
 * 0600, and its folder is yours to protect. One process at a time. A change is written beside the
 * file, synced and renamed over it, so a crash leaves the old state or the new one.
 *
 * @module
 */

import { open, readFile, rename } from "node:fs/promises";
import { fromBase64, toBase64 } from "../crypto/base64.ts";
import { type Store, type Stored } from "./store.ts";

/** Opens, or creates, a store in this file. */
export async function fileStore(path: string): Promise<Store> {
  const values = await load(path);
  let queue: Promise<unknown> = Promise.resolve();
  return {
    extractable: true,
    update: (keys, decide) => {
      const turn = queue.then(async () => {
        const { changes, result } = decide(keys.map((key) => values.get(key) ?? null));
        if (Object.keys(changes).length === 0) return result;
        const next = new Map(values);
        for (const [key, value] of Object.entries(changes)) {
          if (value === null) next.delete(key);
          else next.set(key, value);
        }
        await save(path, next);
        for (const [key, value] of Object.entries(changes)) {
          if (value === null) values.delete(key);
          else values.set(key, value);
        }
        return result;
      });
      queue = turn.catch(() => {});
      return turn;
    },
    close: () => {},
  };
}

async function load(path: string): Promise<Map<string, Stored>> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return new Map();
    throw error;
  }
  try {
    const values = JSON.parse(text);
    if (typeof values !== "object" || values === null || Array.isArray(values)) throw damaged();
    const entries: [string, unknown][] = Object.entries(values);
    return new Map(
      await Promise.all(entries.map(async ([key, value]) => [key, await thaw(value)] as const)),
    );
  } catch (cause) {
    // Never an empty store in its place: that would lose the keys at the next write.
    throw damaged(cause);
  }
}

async function save(path: string, values: ReadonlyMap<string, Stored>): Promise<void> {
  const frozen: Record<string, unknown> = {};
  for (const [key, value] of values) frozen[key] = await freeze(value);
  const file = await open(`${path}.new`, "w", 0o600);
  try {
    await file.writeFile(JSON.stringify(frozen));
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(`${path}.new`, path);
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

function damaged(cause?: unknown): Error {
  return new Error("The store's file is damaged", { cause });
}
