/**
 * Up to 256 neighbouring log entries in one file (C2SP tlog-tiles, "Log entries").
 *
 *     bundle = v16(entry) ...        the entries under one tile of level 0, in order
 *
 * Like a tile it only grows at its end, and proves nothing: what does is that `leafHash` of every
 * entry is the hash which the tree has there.
 *
 * @module
 */

import { type Bytes } from "./bytes.ts";
import { Reader, Writer } from "./codec.ts";

/** The bytes of some entries, each shorter than 65,536. */
export function encodeEntryBundle(entries: readonly Bytes[]): Bytes {
  const writer = new Writer();
  for (const entry of entries) writer.v16(entry);
  return writer.bytes();
}

/** Reads a bundle of so many entries. @throws CryptoError `malformed` */
export function decodeEntryBundle(bundle: Bytes, width: number): readonly Bytes[] {
  const reader = new Reader(bundle, "a bundle of entries");
  const entries = Array.from({ length: width }, () => reader.v16());
  reader.end();
  return entries;
}
