/**
 * Whether the service can do its work now, and not only answer.
 *
 * @module
 */

import { readFrozen } from "../kv/frozen.ts";
import { takeOnce } from "../kv/nonces.ts";
import { type Context } from "./context.ts";
import { ServiceError } from "./error.ts";
import { configProof } from "./log_read.ts";

/** How long a write of the question counts for all that follow, in milliseconds. */
const WRITTEN_MS = 1_000;

/**
 * Requires that the log takes records in, and that the store can be read and written.
 *
 * @throws ServiceError `log_frozen` with the reason, `unavailable`
 * @throws StoreError
 */
export async function requireReady(ctx: Context): Promise<void> {
  // The row too: another instance may have frozen the log since this one looked.
  const frozen = ctx.publisher.frozen() ?? (await readFrozen(ctx))?.value ?? null;
  if (frozen !== null) throw new ServiceError("log_frozen", `The log is frozen: ${frozen.reason}`);
  ctx.sequencer.requireOpen();
  // Reads the published head and the log's first entry: what every client needs.
  await configProof(ctx);
  // A write; but anybody may ask, so one a second is enough.
  await takeOnce(ctx.kv, "readiness", ctx.now() + WRITTEN_MS, ctx.now());
}
