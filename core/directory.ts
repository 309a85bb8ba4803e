/**
 * The directory: names, their records in the log, and their devices' prekeys.
 *
 * An answer speaks of the published head alone: what is committed and not published yet is not
 * there.
 *
 * @module
 */

import { type AccountLabel } from "../crypto/account_label.ts";
import { type Bundle } from "../crypto/bundle.ts";
import { equal } from "../crypto/bytes.ts";
import { deviceEntryHash } from "../crypto/device_entry.ts";
import { type LookupAnswer } from "../crypto/lookup.ts";
import { oneTimePrekey, PREKEY_CLOCK_SKEW_MS } from "../crypto/prekey.ts";
import { formatTlogProof } from "../crypto/proof.ts";
import { type TakenPrekeys, takePrekeys } from "../kv/prekeys.ts";
import { type Context } from "./context.ts";
import { ServiceError } from "./error.ts";
import { publishedHead, requireKnown } from "./log_read.ts";
import { proveConsistency, proveEntry } from "./log_proof.ts";
import { type LookupQuery, proveName, WHOLE_LOOKUP } from "./lookup_proof.ts";

/** Proves what the log has of a name. @throws ServiceError `head_unknown`, `record_lost`, `unavailable` */
export async function lookup(
  ctx: Context,
  label: AccountLabel,
  from: number | null,
  query: LookupQuery = WHOLE_LOOKUP,
): Promise<LookupAnswer> {
  const head = await publishedHead(ctx);
  requireKnown(from, head);
  const index = head.size - 1;
  const { entry, hashes } = await proveEntry(ctx, index, head);
  const [extra, consistency] = await Promise.all([
    proveName(ctx, label, { size: head.size, latestLeaf: entry }, query),
    from === null ? [] : proveConsistency(ctx, from, head),
  ]);
  const proof = formatTlogProof({ extra, index, hashes, checkpoint: head.note });
  return { proof, consistency };
}

/**
 * Proves what the log has of a name and hands out a bundle for every device of it that has valid
 * prekeys, each with a one-time prekey taken in one transaction while there are any. Where they are taken
 * too often, bundles come without. A name that nobody has, or that ended, has none; whatever there is, the
 * proof comes with it.
 *
 * @param caller who asks
 * @throws ServiceError `self_call`, `head_unknown`, `record_lost`, `unavailable`
 * @throws StoreError
 */
export async function takeBundles(
  ctx: Context,
  caller: AccountLabel,
  label: AccountLabel,
  from: number | null,
  query: LookupQuery = WHOLE_LOOKUP,
): Promise<{ readonly lookup: LookupAnswer; readonly bundles: readonly Bundle[] }> {
  if (caller === label) throw new ServiceError("self_call", "Nobody can call themselves");
  const [answer, record] = await Promise.all([
    lookup(ctx, label, from, query),
    ctx.accounts.record(label),
  ]);
  if (record === null) return { lookup: answer, bundles: [] };
  const entryHashes = new Map(
    record.devices.map(({ entry }) => [entry.deviceId, deviceEntryHash(record.account, entry)]),
  );
  const nowMs = ctx.now();
  const mayTake = ctx.opks.take(caller, label, nowMs);
  const deviceIds = [...entryHashes.keys()];
  const taken = await takePrekeys(ctx, label, deviceIds, mayTake, (deviceId, prekeys) => {
    const entryHash = entryHashes.get(deviceId);
    // A set that names other keys ended with them.
    return entryHash !== undefined && equal(prekeys.entryHash, entryHash) &&
      prekeys.notBeforeMs - PREKEY_CLOCK_SKEW_MS <= nowMs && nowMs <= prekeys.notAfterMs;
  });
  return { lookup: answer, bundles: taken.map(bundleOf) };
}

function bundleOf({ deviceId, prekeys, opkIndex }: TakenPrekeys): Bundle {
  const { set, signature, opks } = prekeys;
  const opk = opkIndex === null ? null : oneTimePrekey(opks, opkIndex);
  return { deviceId, set, signature, opk };
}
