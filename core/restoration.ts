/**
 * Records that the log holds and the store forgot: a store that was restored from a backup has rows for
 * less than was committed to.
 *
 * The prefix tree still says which commitment stands under a name's next version. Since openings are
 * derived (`claim.ts`), the record that its owner brings again opens that commitment or does not; so
 * the log decides, and neither the date of the record nor an authorization counts any more.
 *
 * @module
 */

import { type Bytes, equal } from "../crypto/bytes.ts";
import { decodeBatch } from "../crypto/log_entry.ts";
import { leafUnder } from "../crypto/prefix_tree.ts";
import { readEntry } from "../kv/entries.ts";
import { readHead } from "../kv/head.ts";
import { type PoolEntry } from "../kv/pool.ts";
import { type Context } from "./context.ts";
import { readPrefix } from "./prefix_store.ts";

/** What the log has under a record's index: nothing, the record in a BATCH, or another record. */
export type Committed =
  | { readonly kind: "nothing" }
  | { readonly kind: "record"; readonly batchIndex: number }
  | { readonly kind: "other" };

/** Looks for a record in the log's newest prefix tree. */
export async function findCommitted(
  ctx: Context,
  { vrfOutput, commitment }: Pick<PoolEntry, "vrfOutput" | "commitment">,
): Promise<Committed> {
  const head = await readHead(ctx);
  if (head === null) throw new Error("bug: a log without a head");
  const tiles = await readPrefix(ctx, head.value.size - 1, [vrfOutput], ctx.prefixCache);
  const leaf = leafUnder(tiles, vrfOutput);
  if (leaf === null) return { kind: "nothing" };
  if (!equal(leaf.commitment, commitment)) return { kind: "other" };
  return { kind: "record", batchIndex: await batchOf(ctx, vrfOutput, head.value.size) };
}

/** The BATCH that inserted a leaf: a leaf stays, so halving finds the first tree that has it. */
async function batchOf(ctx: Context, vrfOutput: Bytes, size: number): Promise<number> {
  let [without, holding] = [0, (size - 1) / 2];
  while (holding - without > 1) {
    const epoch = Math.floor((without + holding) / 2);
    // Old trees are nobody else's need: they are not kept at hand.
    const tiles = await readPrefix(ctx, 2 * epoch, [vrfOutput]);
    if (leafUnder(tiles, vrfOutput) === null) without = epoch;
    else holding = epoch;
  }
  const batchIndex = 2 * holding - 1;
  const entry = await readEntry(ctx, batchIndex);
  if (entry === null) throw new Error("bug: the log lost an entry");
  if (decodeBatch(entry).some((pair) => equal(pair.vrfOutput, vrfOutput))) return batchIndex;
  throw new Error("bug: a leaf of the prefix tree that no BATCH inserted");
}
