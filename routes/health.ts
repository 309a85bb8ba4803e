/**
 * `/healthz`: the process answers. `/readyz`: and it can do its work.
 *
 * @module
 */

import { type Hono } from "hono";
import { requireReady } from "../core/readiness.ts";
import { type Api, route } from "./route.ts";

/** Puts both into the application. */
export function healthRoutes(app: Hono, { ctx }: Api): void {
  route(app, "/healthz", { GET: (exchange) => exchange.json({ status: "ok" }) });
  route(app, "/readyz", {
    GET: async (exchange) => {
      await requireReady(ctx);
      return exchange.json({ status: "ok" });
    },
  });
}
