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
import { type Bytes } from "../crypto/bytes.ts";
import { vrfInput } from "../crypto/commitment.ts";
import {
  encodeLookupProof,
  type LookupScope,
  MAX_HISTORY,
  planLookup,
} from "../crypto/lookup_proof.ts";
import { buildPrefixProof, leafUnder, type PrefixTiles } from "../crypto/prefix_tree.ts";
import { decodeRecord } from "../crypto/record.ts";
import { type VrfKey, vrfProofToHash, vrfProve } from "../crypto/vrf.ts";
import { readEntry } from "../kv/entries.ts";
import { type Published } from "../kv/published.ts";
import { readCovered, readValue, type RecordValue } from "../kv/records.ts";
import { type Context } from "./context.ts";
import { ServiceError } from "./error.ts";
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

/** A version's index with what proves it. */
interface Indexed {
  readonly vrfProof: Bytes;
  readonly vrfOutput: Bytes;
}

/**
 * The bytes of a lookup proof under a published head.
 *
 * @throws ServiceError `record_lost` where the store cannot open what the log holds
 */
export async function proveName(
  ctx: Context,
  label: AccountLabel,
  head: Published,
  query: LookupQuery,
): Promise<Bytes> {
  const greatest = (await readCovered(ctx, label, head.size))?.version ?? null;
  const scope = await scopeOf(ctx, label, greatest, query);
  const plan = planLookup(scope);
  const [latestLeaf, values, opened] = await Promise.all([
    readEntry(ctx, head.size - 1),
    valuesOf(ctx, label, plan.searched),
    valuesOf(ctx, label, plan.opened),
  ]);
  if (latestLeaf === null) throw new Error("bug: the log lost an entry");
  const indexed = new Map(plan.searched.map((version, i) => {
    return [version, indexOf(ctx.keys.vrf, label, version, values[i] ?? null)] as const;
  }));
  const keys = plan.searched.map((version) => indexed.get(version)!.vrfOutput);
  const tiles = await readPrefix(ctx, head.size - 1, keys, ctx.prefixCache);
  const leaves = leavesOf(tiles, plan.searched, keys, greatest);
  return encodeLookupProof({
    latestLeaf,
    scope,
    vrfProofs: plan.vrf.map((version) => indexed.get(version)!.vrfProof),
    commitments: plan.committed.map((version) => leaves.get(version)!),
    records: opened.map((value) => {
      if (value === null) throw lost();
      return { opening: value.opening, record: value.record };
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

/** Where a version stands; what is stored with a value needs no computing. */
function indexOf(
  key: VrfKey,
  label: AccountLabel,
  version: number,
  value: RecordValue | null,
): Indexed {
  const vrfProof = value?.vrfProof ?? vrfProve(key, vrfInput(label, version));
  return { vrfProof, vrfOutput: vrfProofToHash(vrfProof).slice(0, 32) };
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
