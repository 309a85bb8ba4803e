/**
 * Whether the service can do its work now, and not only answer.
 *
 * @module
 */

import { takeOnce } from "../kv/nonces.ts";
import { type Context } from "./context.ts";
import { configProof } from "./directory.ts";

/** How long a write of the question counts for all that follow, in milliseconds. */
const WRITTEN_MS = 1_000;

/**
 * Requires that the log takes records in, and that the store can be read and written.
 *
 * @throws ServiceError `unavailable`
 * @throws StoreError
 */
export async function requireReady(ctx: Context): Promise<void> {
  ctx.sequencer.requireOpen();
  // Reads the published head and the log's first entry: what every client needs.
  await configProof(ctx);
  // A write; but anybody may ask, so one a second is enough.
  await takeOnce(ctx.kv, "readiness", ctx.now() + WRITTEN_MS, ctx.now());
}
