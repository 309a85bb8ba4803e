/**
 * `/metrics`: what the service counts, for Prometheus. Whoever reaches it may read it, so it is there
 * where it was asked for only.
 *
 * @module
 */

import { measureLog } from "../core/log_metrics.ts";
import { METRICS } from "../wire/paths.ts";
import { anyQuery } from "../wire/schema_query.ts";
import { media, serve, type Served } from "./operation.ts";
import { type Api } from "./route.ts";

const TYPE = "text/plain; version=0.0.4; charset=utf-8";

/** The metrics. */
export function metricsRoutes({ ctx }: Api): readonly Served[] {
  measureLog(ctx);
  return [serve({
    id: "getMetrics",
    method: "GET",
    path: METRICS,
    topic: "service",
    summary: "What the service counts, in Prometheus's text format",
    about: "There only where the operator asked for it. No name and no address is in it.",
    access: "anybody",
    query: anyQuery,
    answer: media(TYPE, "Counters and gauges"),
    codes: [],
  }, async () => new Response(await ctx.metrics.text(), { headers: { "content-type": TYPE } }))];
}
