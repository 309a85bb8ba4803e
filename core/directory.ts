/**
 * The directory: names, their records in the log, and their devices' prekeys.
 *
 * @module
 */

import { type AccountLabel } from "../crypto/account_label.ts";
import { type Bundle } from "../crypto/bundle.ts";
import { type Bytes } from "../crypto/bytes.ts";
import { type LookupAnswer } from "../crypto/lookup.ts";
import { type Context } from "./context.ts";

/**
 * Registers a name: verifies its first record, puts it in the log, and answers with its proof once
 * the log holds it. The same record again gets the same answer.
 *
 * @param from size of the newest head the client trusts, or null
 * @throws ServiceError `bad_record`, `name_taken`, `head_unknown`
 */
export declare function register(
  ctx: Context,
  label: AccountLabel,
  record: Bytes,
  from: number | null,
): Promise<LookupAnswer>;

/** Proves the record of a name. @throws ServiceError `name_not_found`, `head_unknown` */
export declare function lookup(
  ctx: Context,
  label: AccountLabel,
  from: number | null,
): Promise<LookupAnswer>;

/**
 * Proves the record of a name and hands out a bundle for every device of it, each with a one-time
 * prekey taken in one transaction while there are any.
 *
 * @param caller who asks
 * @throws ServiceError `self_call`, `name_not_found`, `no_prekeys`, `head_unknown`
 */
export declare function takeBundles(
  ctx: Context,
  caller: AccountLabel,
  label: AccountLabel,
  from: number | null,
): Promise<{ readonly lookup: LookupAnswer; readonly bundles: readonly Bundle[] }>;

/** A tlog-proof text whose extra is CONFIG, entry 0. */
export declare function configProof(ctx: Context): Promise<string>;
