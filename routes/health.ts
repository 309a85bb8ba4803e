/**
 * `/healthz`: the process answers. `/readyz`: and it can do its work.
 *
 * @module
 */

import { requireReady } from "../core/readiness.ts";
import { healthAnswer } from "../wire/schema_answers.ts";
import { anyQuery } from "../wire/schema_query.ts";
import { json, serve, type Served } from "./operation.ts";
import { type Api } from "./route.ts";

/** Both. */
export function healthRoutes({ ctx }: Api): readonly Served[] {
  return [
    serve({
      id: "isAlive",
      method: "GET",
      path: "/healthz",
      topic: "service",
      summary: "Whether the process answers",
      access: "anybody",
      query: anyQuery,
      answer: json(healthAnswer, "It does"),
      codes: [],
    }, () => ({ status: "ok" })),
    serve({
      id: "isReady",
      method: "GET",
      path: "/readyz",
      topic: "service",
      summary:
        "Whether the service can do its work: the store reads and writes, the log takes records",
      access: "anybody",
      query: anyQuery,
      answer: json(healthAnswer, "It can"),
      codes: ["log_frozen"],
    }, async () => {
      await requireReady(ctx);
      return { status: "ok" };
    }),
  ];
}
