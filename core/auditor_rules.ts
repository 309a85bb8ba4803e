/**
 * What an auditor requires of a log's entries, one after the other.
 *
 *     CONFIG  names this log
 *     BATCH   1 to 128 pairs, ascending, none of them in the prefix tree already
 *     ROOT    a time that is not before the last, and the root of the prefix tree that all BATCHes so
 *             far make
 *
 * Each names the entry that breaks it.
 *
 * @module
 */

import { type Bytes, equal } from "../crypto/bytes.ts";
import { CryptoError } from "../crypto/error.ts";
import {
  type BatchPair,
  decodeBatch,
  decodeConfig,
  decodeEpochRoot,
  type LogConfig,
} from "../crypto/log_entry.ts";
import { leafUnder, type PrefixTiles } from "../crypto/prefix_tree.ts";

/** A BATCH and its ROOT. */
export interface AuditedEntries {
  /** What the BATCH inserts. */
  readonly pairs: readonly BatchPair[];
  /** The ROOT's time, Unix milliseconds. */
  readonly timestampMs: number;
  /** The prefix tree's root, as the ROOT says it. */
  readonly prefixRoot: Bytes;
}

/** Reads CONFIG. @throws CryptoError */
export function configOf(entry: Bytes, origin: string): LogConfig {
  const config = named(0, () => decodeConfig(entry));
  if (config.origin !== origin) throw broken(0, "names another log");
  return config;
}

/**
 * Reads a BATCH and its ROOT, as far as they can be judged without the prefix tree.
 *
 * @param index the BATCH's
 * @param lastMs the time of the ROOT before it
 * @throws CryptoError
 */
export function epochOf(
  index: number,
  batch: Bytes,
  root: Bytes,
  lastMs: number,
): AuditedEntries {
  const pairs = named(index, () => decodeBatch(batch));
  const { timestampMs, prefixRoot } = named(index + 1, () => decodeEpochRoot(root));
  if (timestampMs < lastMs) throw broken(index + 1, "goes back in time");
  return { pairs, timestampMs, prefixRoot };
}

/** Requires that a BATCH inserts nothing a second time. @throws CryptoError */
export function requireAbsent(index: number, tiles: PrefixTiles, keys: readonly Bytes[]): void {
  if (keys.some((key) => leafUnder(tiles, key) !== null)) {
    throw broken(index, "inserts an index a second time");
  }
}

/** Requires that a ROOT says what its BATCHes make. @throws CryptoError */
export function requirePrefixRoot(index: number, computed: Bytes, said: Bytes): void {
  if (!equal(computed, said)) {
    throw broken(index, "is not the root of the tree that the BATCHes make");
  }
}

function named<T>(index: number, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof CryptoError) throw broken(index, `is refused: ${error.message}`);
    throw error;
  }
}

function broken(index: number, what: string): CryptoError {
  return new CryptoError("bad_checkpoint", `Entry ${index} of the log ${what}`);
}
