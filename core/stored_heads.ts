/**
 * The heads of a store of which nobody knows whether it is whole, for a recovery that has to go back
 * behind none of them.
 *
 *     a note that the log's key signed     the head that it says, whatever its row says
 *     a row whose note is damaged          the head that the row says
 *     a row of another form                none: nothing shows that anything was signed
 *
 * @module
 */

import { equal } from "../crypto/bytes.ts";
import { openCheckpoint } from "../crypto/checkpoint.ts";
import { CryptoError } from "../crypto/error.ts";
import { formatVerifierKey } from "../crypto/note_key.ts";
import { type LogPolicy, policyVerifiers } from "../crypto/policy.ts";
import { hashesFromTiles, planTiles } from "../crypto/tile.ts";
import { buildRoot, planRoot } from "../crypto/tree.ts";
import { type Head, readHead } from "../kv/head.ts";
import { type LogStore } from "../kv/log_key.ts";
import { type Published, publishedOf, readPublishedRow } from "../kv/published.ts";
import { wellFormed } from "../kv/row_shape.ts";
import { readSigned, type SignedHead } from "../kv/signed_head.ts";
import { readTiles } from "../kv/tiles.ts";
import { type TreeHead } from "./log_proof.ts";

/** A head that this store signed. */
export interface StoredHead extends TreeHead {
  /** Whether its row is what its note says. */
  readonly isWhole: boolean;
}

/** The heads of a store, each null where there is none. */
export interface StoredHeads {
  /** The committed one. */
  readonly committed: Head | null;
  /** The published one. */
  readonly published: StoredHead | null;
  /** The newest that an auditor cosigned. */
  readonly audited: StoredHead | null;
  /** The largest that was signed. */
  readonly signed: StoredHead | null;
}

/** Reads the heads. @throws StoreError */
export async function readStoredHeads(log: LogStore, policy: LogPolicy): Promise<StoredHeads> {
  const shown = async (table: "published" | "audited"): Promise<StoredHead | null> => {
    const row = wellFormed(table, await readPublishedRow(log, table));
    return await openStored(log, policy, row === null ? null : publishedOf(row));
  };
  return {
    committed: wellFormed("head", await readHead(log)),
    published: await shown("published"),
    audited: await shown("audited"),
    signed: await openStored(log, policy, wellFormed("signed", await readSigned(log))),
  };
}

async function openStored(
  log: LogStore,
  policy: LogPolicy,
  row: Published | SignedHead | null,
): Promise<StoredHead | null> {
  if (row === null) return null;
  const isOurs = !("verifierKey" in row) ||
    policy.logs.some((key) => formatVerifierKey(key) === row.verifierKey);
  try {
    const { size, root } = await openCheckpoint(row.note, log.origin, policyVerifiers(policy));
    return { size, root, isWhole: isOurs && size === row.size && equal(root, row.root) };
  } catch (error) {
    if (!(error instanceof CryptoError)) throw error;
    return { size: row.size, root: row.root, isWhole: false };
  }
}

/** Whether the committed tree continues all these heads. @throws StoreError */
export async function isContinued(
  log: LogStore,
  head: TreeHead,
  all: readonly TreeHead[],
): Promise<boolean> {
  for (const { size, root } of [head, ...all]) {
    if (size > head.size) return false;
    try {
      const refs = planRoot(size);
      const tiles = await readTiles(log, planTiles(refs, size));
      if (!equal(buildRoot(size, hashesFromTiles(refs, tiles)), root)) return false;
    } catch (error) {
      // A tile that is missing or too short.
      if (error instanceof CryptoError) return false;
      throw error;
    }
  }
  return true;
}
