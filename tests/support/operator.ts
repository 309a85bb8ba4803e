/**
 * What only the operator of a log can do, and should not: put records into it that nobody may issue.
 *
 * @module
 */

import { type Context } from "../../core/context.ts";
import { poolEntry } from "../../core/claim.ts";
import { type AccountLabel } from "../../crypto/account_label.ts";
import { type Bytes } from "../../crypto/bytes.ts";
import { decodeRecord, recordHash } from "../../crypto/record.ts";
import { newPoolId, writePooled } from "../../kv/pool.ts";
import { writeLabel } from "../../kv/records.ts";
import { commit } from "../../kv/transact.ts";

/** Puts a record under a name into the log as this version, whoever signed it. */
export async function logAnyway(
  ctx: Context,
  label: AccountLabel,
  version: number,
  bytes: Bytes,
): Promise<void> {
  const hash = recordHash(bytes);
  const account = { origin: ctx.origin, label };
  const record = { ...decodeRecord(bytes), version, account, hash, bytes, contesting: [] };
  const id = newPoolId(ctx.now());
  await commit(ctx.kv, [], [
    writeLabel(ctx, label, { version, recordHash: hash, poolId: id }),
    writePooled(ctx, { id, entry: poolEntry(ctx, record) }),
  ]);
  await ctx.sequencer.sequenced(id);
}
