/**
 * What is measured of the log: how large the published head is, how far behind the log it is, and how
 * old.
 *
 * @module
 */

import { openCheckpoint } from "../crypto/checkpoint.ts";
import { freshnessOf, policyVerifiers } from "../crypto/policy.ts";
import { readHead } from "../kv/head.ts";
import { readPublished } from "../kv/published.ts";
import { type Context } from "./context.ts";

/** Has the log measured whenever metrics are read. */
export function measureLog(ctx: Context): void {
  const { metrics } = ctx;
  const publishedSize = async () => (await readPublished(ctx))?.value.size ?? null;
  metrics.measure("log_entries", publishedSize);
  metrics.measure("log_unpublished_entries", async () => {
    const head = await readHead(ctx);
    return head === null ? null : head.value.size - (await publishedSize() ?? 0);
  });
  metrics.measure("log_head_age_seconds", async () => {
    const published = await readPublished(ctx);
    if (published === null) return null;
    const { note } = published.value;
    const head = await openCheckpoint(note, ctx.origin, policyVerifiers(ctx.policy));
    const freshMs = freshnessOf(ctx.policy, head);
    return freshMs === null ? null : Math.max(0, ctx.now() - freshMs) / 1_000;
  });
  metrics.measure("log_frozen", () => ctx.publisher.frozen() === null ? 0 : 1);
  metrics.measure("resident_memory_bytes", () => Deno.memoryUsage().rss);
}
