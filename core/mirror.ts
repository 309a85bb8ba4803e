/**
 * A mirror of a log, read through once and proved: all its entries make the tree of a head that the
 * log's own key signed. What it says then is what the log said.
 *
 *     bundles -> leaf hashes -> root = the signed one
 *
 * @module
 */

import { type Bytes, equal, toHex } from "../crypto/bytes.ts";
import { type Checkpoint } from "../crypto/checkpoint.ts";
import { CryptoError } from "../crypto/error.ts";
import { decodeBatch, decodeConfig, type LogConfig } from "../crypto/log_entry.ts";
import { TILE_WIDTH, tileWidth } from "../crypto/tile.ts";
import { append, emptyFrontier, frontierRoot, leafHash } from "../crypto/tree.ts";
import { type LogSource } from "./log_source.ts";

/** Where the log committed to what. */
export interface LoggedPair {
  /** 32 bytes. */
  readonly commitment: Bytes;
  /** The BATCH that holds it. */
  readonly batchIndex: number;
}

/** A mirror that was read and proved. */
export interface ReadMirror {
  /** The log's first entry. */
  readonly config: LogConfig;
  /** Every pair of the log, by its index in hexadecimal. */
  readonly pairs: ReadonlyMap<string, LoggedPair>;
  /** The roots of the trees that were asked for, by size. */
  readonly roots: ReadonlyMap<number, Bytes>;
}

/** The mirror is not of this log, or contradicts it: one sentence for the operator. */
export class RecoveryError extends Error {
  override readonly name = "RecoveryError";
}

/**
 * Reads a mirror up to a head.
 *
 * @param sizes of trees whose roots are asked for; those beyond the head have none
 * @throws RecoveryError where the mirror does not make the head, or nobody can read it; LogSourceError
 */
export async function readMirror(
  source: LogSource,
  head: Checkpoint,
  sizes: readonly number[],
): Promise<ReadMirror> {
  const pairs = new Map<string, LoggedPair>();
  const roots = new Map<number, Bytes>();
  let frontier = emptyFrontier();
  let config: LogConfig | null = null;
  for (let index = 0; index * TILE_WIDTH < head.size; index++) {
    const width = tileWidth({ level: 0, index }, head.size);
    for (const entry of await source.bundle(index, width)) {
      const at = frontier.size;
      frontier = append(frontier, leafHash(entry)).frontier;
      if (sizes.includes(frontier.size)) roots.set(frontier.size, frontierRoot(frontier));
      // What an entry says counts once the root is proved.
      if (at === 0) config = readable(decodeConfig, entry);
      if (at % 2 === 0) continue;
      for (const { vrfOutput, commitment } of readable(decodeBatch, entry)) {
        pairs.set(toHex(vrfOutput), { commitment, batchIndex: at });
      }
    }
  }
  if (config === null || !equal(frontierRoot(frontier), head.root)) {
    throw new RecoveryError("The mirror's entries are not those of its own checkpoint");
  }
  return { config, pairs, roots };
}

function readable<T>(decode: (entry: Bytes) => T, entry: Bytes): T {
  try {
    return decode(entry);
  } catch (error) {
    if (!(error instanceof CryptoError)) throw error;
    throw new RecoveryError("The mirror has an entry that can't be read");
  }
}
