/**
 * What anybody may read of the log: the published head, and the tree and the entries that are
 * committed, which a witness needs before a head is published.
 *
 * A tile is there as soon as the committed tree has it at that width, and never changes after that.
 * So what is read here may be cached for good, but for the heads themselves.
 *
 * @module
 */

import { type Bytes } from "../crypto/bytes.ts";
import { encodeEntryBundle } from "../crypto/entry_bundle.ts";
import { CryptoError } from "../crypto/error.ts";
import { decodeBatch } from "../crypto/log_entry.ts";
import { encodeTransition } from "../crypto/prefix_transition.ts";
import { buildTransition } from "../crypto/prefix_tree.ts";
import { formatTlogProof } from "../crypto/proof.ts";
import { sliceTile, TILE_WIDTH, type TileRef, tileWidth } from "../crypto/tile.ts";
import { type EpochAnswer, isRootIndex, verifyTransition } from "../crypto/transition_audit.ts";
import { readEntries } from "../kv/entries.ts";
import { readHead } from "../kv/head.ts";
import { type LogStore } from "../kv/log_key.ts";
import { type Published, readAudited, readPublished } from "../kv/published.ts";
import { readTile } from "../kv/tiles.ts";
import { type Context } from "./context.ts";
import { ServiceError } from "./error.ts";
import { changedRow, proveConsistency, proveEntry, treeBelow, type TreeHead } from "./log_proof.ts";
import { readPrefix } from "./prefix_store.ts";

/** The published head. @throws ServiceError `unavailable` before witnesses cosigned a first one */
export async function publishedHead(log: LogStore): Promise<Published> {
  const published = await readPublished(log);
  if (published === null) {
    throw new ServiceError("unavailable", "The log waits for its witnesses: it has no head yet");
  }
  return published.value;
}

/** Requires that a client's head is not beyond ours. @throws ServiceError `head_unknown` */
export function requireKnown(from: number | null, head: Published): void {
  if (from === null || from <= head.size) return;
  throw new ServiceError("head_unknown", "The head that you trust is larger than this log");
}

/** The newest published head that an auditor cosigned. @throws ServiceError `not_found` */
export async function auditedHead(log: LogStore): Promise<Published> {
  const audited = await readAudited(log);
  if (audited === null) throw absent("audited head");
  return audited.value;
}

/** A tlog-proof text whose extra is CONFIG, entry 0. */
export async function configProof(ctx: Context): Promise<string> {
  const head = await publishedHead(ctx);
  const { entry: extra, hashes } = await proveEntry(ctx, 0, head);
  return formatTlogProof({ extra, index: 0, hashes, checkpoint: head.note });
}

/** The first hashes of a tile. @throws ServiceError `not_found` */
export async function tileAt(log: LogStore, ref: TileRef): Promise<Bytes> {
  const { level, index, width } = ref;
  if (tileWidth(ref, (await committedHead(log)).size) < width) throw absent("tile");
  const data = await readTile(log, { level, index });
  if (data === null) throw new Error("bug: the store lost a tile");
  return sliceTile({ level, index, data }, width).data;
}

/** The first entries of those under a tile of level 0, as a bundle. @throws ServiceError `not_found` */
export async function bundleAt(log: LogStore, index: number, width: number): Promise<Bytes> {
  if (tileWidth({ level: 0, index }, (await committedHead(log)).size) < width) {
    throw absent("bundle");
  }
  const entries = await readEntries(log, index * TILE_WIDTH, width);
  if (entries.length !== width) throw new Error("bug: the store lost an entry");
  return encodeEntryBundle(entries);
}

/**
 * Proves that the tree of `to` entries extends the tree of `from`.
 *
 * @throws ServiceError `malformed` where it would shrink, `head_unknown` where the log is smaller
 */
export async function consistencyOf(
  log: LogStore,
  from: number,
  to: number,
): Promise<readonly Bytes[]> {
  if (from > to) throw new ServiceError("malformed", "'from' is larger than 'to'");
  const head = await committedHead(log);
  if (to > head.size) throw new ServiceError("head_unknown", "The log is smaller than 'to'");
  return await proveConsistency(log, from, await treeBelow(log, to, head));
}

/**
 * Proves what one epoch did: its entries in a published tree, and the transition of the prefix tree.
 *
 * @param index the entry that closes the epoch, a ROOT
 * @param size of the tree, or null for the published one
 * @throws ServiceError `not_found`; `head_unknown` where that tree is not published
 */
export async function epochOf(
  ctx: Pick<Context, "kv" | "origin" | "prefixCache">,
  index: number,
  size: number | null,
): Promise<{ readonly size: number; readonly answer: EpochAnswer }> {
  const published = await publishedHead(ctx);
  const to = size ?? published.size;
  if (to > published.size) throw new ServiceError("head_unknown", "The log is smaller than 'size'");
  if (!isRootIndex(index) || index >= to) throw absent("epoch");
  const first = index - 2;
  const tree = await treeBelow(ctx, to, published);
  const [before, batch, root] = await Promise.all([
    proveEntry(ctx, first, tree),
    proveEntry(ctx, first + 1, tree),
    proveEntry(ctx, index, tree),
  ]);
  const pairs = decodeBatch(batch.entry);
  const keys = pairs.map(({ vrfOutput }) => vrfOutput);
  const tiles = await readPrefix(ctx, first, keys, ctx.prefixCache);
  const transition = encodeTransition(buildTransition(tiles, pairs));
  const answer = { before, batch, root, transition };
  requireShown(tree, index, answer);
  return { size: to, answer };
}

/** What the log itself committed to is shown, whatever it says; what shows nothing is damage of ours. */
function requireShown(tree: TreeHead, index: number, answer: EpochAnswer): void {
  try {
    verifyTransition(tree, index, answer);
  } catch (error) {
    if (!(error instanceof CryptoError)) throw error;
    if (error.code !== "bad_epoch") throw changedRow();
  }
}

async function committedHead(log: LogStore): Promise<TreeHead> {
  const head = await readHead(log);
  if (head === null) throw new Error("bug: the log was opened but never founded");
  return head.value;
}

function absent(what: string): ServiceError {
  return new ServiceError("not_found", `The log has no such ${what}`);
}
