/**
 * The service as one fetch handler: the HTTP application, with the WebSocket beside it.
 *
 * @module
 */

import { Hono } from "hono";
import { openContext } from "../core/context.ts";
import { type Secret } from "../crypto/secret.ts";
import { SOCKET } from "../wire/paths.ts";
import { authRoutes } from "./auth.ts";
import { descriptionRoutes } from "./description.ts";
import { directoryRoutes } from "./directory.ts";
import { guard } from "./guard.ts";
import { healthRoutes } from "./health.ts";
import { pageRoutes, type Pages } from "./page.ts";
import { type Log, problemResponse, refusalOf } from "./problem.ts";
import { openRooms, SOCKET_TIMING, type SocketTiming } from "./rooms.ts";
import { type Api } from "./route.ts";

/** What a service is made of. */
export interface ServiceOptions {
  /** The store; the service closes it. */
  readonly kv: Deno.Kv;
  /** 32 bytes from which every key comes. */
  readonly secret: Secret;
  /** The log's origin, `<host>/kt/<generation>`. */
  readonly origin: string;
  /** Scheme and host under which clients reach the service, or null for what requests say. */
  readonly publicOrigin: string | null;
  /** Origins of other sites whose pages may open a WebSocket. */
  readonly allowedOrigins: readonly string[];
  /** The web page. */
  readonly pages: Pages;
  /** The clock, Unix milliseconds. */
  readonly now: () => number;
  /** Takes faults, without secrets. */
  readonly log: Log;
  /** Other times than the protocol's, for tests. */
  readonly timing?: SocketTiming;
}

/** A running service. */
export interface Service {
  /** Answers a request. */
  fetch(request: Request): Promise<Response>;
  /** Says goodbye to every socket and takes no more; requests are still answered. */
  drain(): Promise<void>;
  /** Drains, finishes the epoch, and closes the store; no request may be under way. */
  close(): Promise<void>;
}

/** Opens a service. @throws those of `openContext` */
export async function openService(options: ServiceOptions): Promise<Service> {
  const { kv, origin, secret, now, log, publicOrigin } = options;
  const ctx = await openContext({ kv, origin, secret, now, report: log });
  const api: Api = {
    ctx,
    publicOrigin: (request) => publicOrigin ?? new URL(request.url).origin,
  };
  const app = buildApp(api, options);
  const rooms = openRooms(api, options.allowedOrigins, options.timing ?? SOCKET_TIMING, log);
  return {
    async fetch(request) {
      try {
        const isSocket = new URL(request.url).pathname === SOCKET && request.method === "GET";
        return isSocket ? rooms.accept(request) : await app.fetch(request);
      } catch (error) {
        return problemResponse(refusalOf(error, log));
      }
    },
    drain: () => rooms.close(),
    async close() {
      await rooms.close();
      await ctx.close();
      kv.close();
    },
  };
}

function buildApp(api: Api, options: ServiceOptions): Hono {
  const app = new Hono();
  app.onError((error) => problemResponse(refusalOf(error, options.log)));
  app.notFound(() => problemResponse({ code: "not_found", message: "Nothing is at this path" }));
  app.use(guard(api.ctx, options.publicOrigin?.startsWith("https:") === true));
  authRoutes(app, api);
  directoryRoutes(app, api);
  descriptionRoutes(app, api);
  healthRoutes(app, api);
  pageRoutes(app, options.pages);
  return app;
}
