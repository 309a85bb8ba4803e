/**
 * Who may see a name's record without a device of it: somebody who lost them all, and needs the record
 * on which their next one follows.
 *
 *     by recovery       a proof by the recovery key whose hash stands in the name's record
 *     by authorization  a proof by a fresh device's key, with what the name policy believes as its token
 *
 * Nothing is used up by it, and nothing is given but what every device of another account may look up.
 *
 * @module
 */

import { type AccountLabel } from "../crypto/account_label.ts";
import { equal } from "../crypto/bytes.ts";
import { sha256 } from "../crypto/primitives.ts";
import { type Context } from "./context.ts";
import { spendProof, verifyProof } from "./dpop.ts";
import { ServiceError } from "./error.ts";
import { type Credentials, tokenOf } from "./tokens.ts";

/**
 * Requires that somebody owns a name.
 *
 * @throws ServiceError `forbidden`, and those of `verifyProof` and of the name policy
 * @throws StoreError
 */
export async function requireOwner(
  ctx: Context,
  label: AccountLabel,
  request: Credentials,
): Promise<void> {
  const authorization = tokenOf(request);
  const proof = await verifyProof(ctx, request, authorization);
  const { key } = proof;
  if (authorization !== null) {
    const account = { origin: ctx.origin, label };
    await ctx.names.recognize({ nowMs: ctx.now(), account, signing: key, authorization });
    return await spendProof(ctx, proof);
  }
  const recovery = (await ctx.accounts.record(label))?.recovery ?? null;
  // One answer for a name that nobody has, or that ended, and for another key.
  if (recovery === null || !equal(recovery, sha256(key))) {
    throw new ServiceError("forbidden", "This is not the recovery key of the name");
  }
  await spendProof(ctx, proof);
}
