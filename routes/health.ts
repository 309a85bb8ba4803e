/**
 * `/healthz`: the process answers. `/readyz`: so does its store.
 *
 * @module
 */

import { type Hono } from "hono";
import { configProof } from "../core/directory.ts";
import { ServiceError } from "../core/error.ts";
import { type Api, route } from "./route.ts";

/** Puts both into the application. */
export function healthRoutes(app: Hono, { ctx }: Api): void {
  route(app, "/healthz", { GET: (exchange) => exchange.json({ status: "ok" }) });
  route(app, "/readyz", {
    GET: async (exchange) => {
      try {
        // Reads the published head and the log's first entry: what every client needs.
        await configProof(ctx);
      } catch {
        throw new ServiceError("unavailable", "The store does not answer");
      }
      return exchange.json({ status: "ok" });
    },
  });
}
