/**
 * Building a lookup's proof: plan the versions, read their values and the ways to them in the prefix
 * tree, put the proof together.
 *
 * Everything is of one published head. The tree says which versions there are: where it has more than the
 * store can open, the store lost a record, and only the record's owner can bring it again.
 *
 * @module
 */

import { type AccountLabel } from "../crypto/account_label.ts";
import { type Bytes, equal } from "../crypto/bytes.ts";
import { checkCommitment, vrfInput } from "../crypto/commitment.ts";
import { CryptoError } from "../crypto/error.ts";
import { decodeEpochRoot } from "../crypto/log_entry.ts";
import {
  encodeLookupProof,
  type LookupScope,
  MAX_HISTORY,
  planLookup,
} from "../crypto/lookup_proof.ts";
import { ABSENT } from "../crypto/prefix_hash.ts";
import {
  buildPrefixProof,
  leafUnder,
  prefixRoot,
  type PrefixTiles,
} from "../crypto/prefix_tree.ts";
import { decodeRecord } from "../crypto/record.ts";
import { type VrfKey, vrfOutputOf, vrfProve } from "../crypto/vrf.ts";
import { readCovered, readValue, type RecordValue } from "../kv/records.ts";
import { type Context } from "./context.ts";
import { ServiceError } from "./error.ts";
import { changedRow } from "./log_proof.ts";
import { readPrefix } from "./prefix_store.ts";

/** Which records of a name somebody asks for. */
export interface LookupQuery {
  /** The version that the client knows, or null. */
  readonly known: number | null;
  /** The last of the earlier records, or null for the one before the greatest. */
  readonly through: number | null;
}

/** Asks for everything. */
export const WHOLE_LOOKUP: LookupQuery = { known: null, through: null };

/** The published tree that a lookup is under. */
export interface LookupTree {
  /** Its entries. */
  readonly size: number;
  /** The last of them, a ROOT or CONFIG, which is proved to be that. */
  readonly latestLeaf: Bytes;
}

/** A version's index with what proves it. */
interface Indexed {
  readonly vrfProof: Bytes;
  readonly vrfOutput: Bytes;
}

/**
 * The bytes of a lookup proof under a published head.
 *
 * @throws ServiceError `record_lost` where the store cannot open what the log holds
 * @throws Error where a row is not what the log committed to
 */
export async function proveName(
  ctx: Context,
  label: AccountLabel,
  { size, latestLeaf }: LookupTree,
  query: LookupQuery,
): Promise<Bytes> {
  const greatest = (await readCovered(ctx, label, size))?.version ?? null;
  const scope = await scopeOf(ctx, label, greatest, query);
  const plan = planLookup(scope);
  const [values, opened] = await Promise.all([
    valuesOf(ctx, label, plan.searched),
    valuesOf(ctx, label, plan.opened),
  ]);
  const indexed = new Map(plan.searched.map((version, i) => {
    return [version, indexOf(ctx.keys.vrf, label, version, values[i] ?? null)] as const;
  }));
  const keys = plan.searched.map((version) => indexed.get(version)!.vrfOutput);
  const tiles = await readPrefix(ctx, size - 1, keys, ctx.prefixCache);
  const committed = size === 1 ? ABSENT : decodeEpochRoot(latestLeaf).prefixRoot;
  if (!equal(prefixRoot(tiles), committed)) throw changedRow();
  const leaves = leavesOf(tiles, plan.searched, keys, greatest);
  return encodeLookupProof({
    latestLeaf,
    scope,
    vrfProofs: plan.vrf.map((version) => indexed.get(version)!.vrfProof),
    commitments: plan.committed.map((version) => leaves.get(version)!),
    records: plan.opened.map((version, i) => {
      const value = opened[i] ?? null;
      if (value === null) throw lost();
      return openingOf(label, version, value, leaves.get(version)!);
    }),
    prefix: buildPrefixProof(tiles, keys),
  });
}

/** Chooses the history: as much as one proof takes, ending where it was asked to. */
async function scopeOf(
  ctx: Context,
  label: AccountLabel,
  greatest: number | null,
  { known: asked, through }: LookupQuery,
): Promise<LookupScope> {
  // What the client knows and the log does not have is not built upon: the client will see.
  const known = asked !== null && greatest !== null && asked <= greatest ? asked : null;
  const least = known === null ? 0 : known + 1;
  const last = Math.min(through ?? Infinity, (greatest ?? 0) - 1);
  const count = Math.max(0, Math.min(MAX_HISTORY, last - least + 1));
  const none = { greatest, known, count: 0, first: 0 };
  if (greatest === null || count === 0) return none;
  const target = await readValue(ctx, label, greatest);
  // What came before the end of a name is erased.
  if (target !== null && decodeRecord(target.record).kind === "retire") return none;
  return { greatest, known, count, first: last - count + 1 };
}

function valuesOf(
  ctx: Context,
  label: AccountLabel,
  versions: readonly number[],
): Promise<(RecordValue | null)[]> {
  return Promise.all(versions.map((version) => readValue(ctx, label, version)));
}

/** What opens a leaf of the tree. @throws Error where the value is not what the log committed to */
function openingOf(
  label: AccountLabel,
  version: number,
  { opening, record }: RecordValue,
  commitment: Bytes,
): { readonly opening: Bytes; readonly record: Bytes } {
  try {
    checkCommitment(commitment, opening, { label, version, value: record });
    return { opening, record };
  } catch (error) {
    if (error instanceof CryptoError) throw changedRow();
    throw error;
  }
}

/** Where a version stands; what is stored with a value needs no computing. */
function indexOf(
  key: VrfKey,
  label: AccountLabel,
  version: number,
  value: RecordValue | null,
): Indexed {
  const vrfProof = value?.vrfProof ?? vrfProve(key, vrfInput(label, version));
  return { vrfProof, vrfOutput: vrfOutputOf(vrfProof) };
}

/** The commitments in the tree by version. @throws ServiceError `record_lost` */
function leavesOf(
  tiles: PrefixTiles,
  versions: readonly number[],
  keys: readonly Bytes[],
  greatest: number | null,
): ReadonlyMap<number, Bytes> {
  const leaves = new Map<number, Bytes>();
  versions.forEach((version, i) => {
    const leaf = leafUnder(tiles, keys[i]!);
    if (leaf !== null) leaves.set(version, leaf.commitment);
    const isExpected = version <= (greatest ?? -1);
    if (isExpected && leaf === null) throw new Error("bug: the prefix tree lost a leaf");
    if (!isExpected && leaf !== null) throw lost();
  });
  return leaves;
}

function lost(): ServiceError {
  return new ServiceError(
    "record_lost",
    "The service lost this record: its owner has to bring it again",
  );
}
