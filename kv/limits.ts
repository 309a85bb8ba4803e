/**
 * What one atomic commit may weigh, and how to weigh it before it is made.
 *
 *     platform      1,000 mutations, 800 KiB in all, 80 KiB of keys, 10 checks, 64 KiB a value
 *     this service    900 mutations, 600 KiB in all, 60 KiB of keys, 10 checks, 64 KiB a value
 *
 * Keys are weighed exactly; values are never weighed too light.
 *
 * @module
 */

import { utf8 } from "../crypto/bytes.ts";

/** Most mutations of one commit. */
export const MAX_COMMIT_MUTATIONS = 900;
/** Most bytes of one commit, keys and values together. */
const MAX_COMMIT_BYTES = 600 * 1024;
/** Most bytes of keys in one commit. */
const MAX_COMMIT_KEY_BYTES = 60 * 1024;
/** Most bytes of one value. */
const MAX_VALUE_BYTES = 64 * 1024;
/** Most checks of one commit. */
export const MAX_COMMIT_CHECKS = 10;

/** What mutations weigh. */
export interface Cost {
  /** How many there are. */
  readonly mutations: number;
  /** Keys and values, in bytes. */
  readonly bytes: number;
  /** Keys alone, in bytes. */
  readonly keyBytes: number;
}

/** The weight of some mutations. */
export function costOf(mutations: readonly Deno.KvMutation[]): Cost {
  let bytes = 0;
  let keyBytes = 0;
  for (const mutation of mutations) {
    const key = bytesOfKey(mutation.key);
    keyBytes += key;
    bytes += key + (mutation.type === "set" ? bytesOfValue(mutation.value) : 0);
  }
  return { mutations: mutations.length, bytes, keyBytes };
}

/** Both weights together. */
export function addCost(a: Cost, b: Cost): Cost {
  return {
    mutations: a.mutations + b.mutations,
    bytes: a.bytes + b.bytes,
    keyBytes: a.keyBytes + b.keyBytes,
  };
}

/** Whether one commit may weigh so much. */
export function fits(cost: Cost): boolean {
  return cost.mutations <= MAX_COMMIT_MUTATIONS && cost.bytes <= MAX_COMMIT_BYTES &&
    cost.keyBytes <= MAX_COMMIT_KEY_BYTES;
}

/** Whether the store takes each value: no splitting of a commit helps one that is too long. */
export function valuesFit(mutations: readonly Deno.KvMutation[]): boolean {
  return mutations.every((mutation) =>
    mutation.type !== "set" || bytesOfValue(mutation.value) <= MAX_VALUE_BYTES
  );
}

/** A tag in front of each part; behind strings and bytes a terminator, zeros within doubled. */
function bytesOfKey(key: Deno.KvKey): number {
  let total = 0;
  for (const part of key) {
    if (typeof part === "string") total += 2 + escapedText(part);
    else if (part instanceof Uint8Array) total += 2 + escaped(part);
    else total += 9;
  }
  return total;
}

/** Without encoding it where it is ASCII, as almost every key is. */
function escapedText(text: string): number {
  let length = text.length;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 0x7f) return escaped(utf8(text));
    if (code === 0) length++;
  }
  return length;
}

function escaped(bytes: Uint8Array): number {
  let length = bytes.length;
  for (const byte of bytes) if (byte === 0) length++;
  return length;
}

/** At least what V8's serializer makes of a value. */
function bytesOfValue(value: unknown): number {
  if (value instanceof Uint8Array) return value.length + 32;
  if (typeof value === "string") return value.length * 2 + 16;
  if (typeof value !== "object" || value === null) return 16;
  let total = 32;
  for (const [name, inner] of Object.entries(value)) {
    total += name.length * 2 + 16 + bytesOfValue(inner);
  }
  return total;
}
