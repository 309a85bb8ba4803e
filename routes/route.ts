/**
 * One path of the API: its methods, and 405 for all others.
 *
 * @module
 */

import { type Context as Exchange, type Hono } from "hono";
import { type Context } from "../core/context.ts";
import { ServiceError } from "../core/error.ts";
import { authenticate, type Credentials, type Principal } from "../core/tokens.ts";
import { problemResponse } from "./problem.ts";

/** Answers one request. */
export type Handler = (exchange: Exchange) => Promise<Response> | Response;

/** What every route works with. */
export interface Api {
  /** The world. */
  readonly ctx: Context;
  /** The origin under which clients see a request: scheme and host. */
  readonly publicOrigin: (request: Request) => string;
}

/** Puts the methods of a path into the application. */
export function route(
  app: Hono,
  path: string,
  methods: Readonly<Record<string, Handler>>,
): void {
  for (const [method, handler] of Object.entries(methods)) app.on(method, path, handler);
  // What is read with GET is also read with HEAD: hono answers it without the body.
  const allow = Object.keys(methods).join(", ").replace("GET", "GET, HEAD");
  app.all(path, () => methodNotAllowed(allow));
}

/** The answer to a method that a path does not take. @param allow those that it takes, with commas */
export function methodNotAllowed(allow: string): Response {
  const message = `This path takes ${allow} only`;
  const response = problemResponse({ code: "method_not_allowed", message });
  response.headers.set("allow", allow);
  return response;
}

/**
 * Requires that a URL is a path in its one spelling, without a query: any other would be another name
 * for the same answer, which goes past every cache.
 *
 * @throws ServiceError `not_found`
 */
export function requirePlain(exchange: Exchange): void {
  if (/[?%]/.test(exchange.req.url)) {
    throw new ServiceError("not_found", "Nothing is at this path: it takes no query");
  }
}

/** The URL that a proof has to name: as the client sees it, without query. */
export function targetOf(api: Api, request: Request): string {
  return api.publicOrigin(request) + new URL(request.url).pathname;
}

/** Who makes a request. @throws ServiceError those of `authenticate` */
export function principalOf(api: Api, exchange: Exchange): Promise<Principal> {
  return authenticate(api.ctx, credentialsOf(api, exchange));
}

/** What a request carries to say who makes it. */
export function credentialsOf(api: Api, exchange: Exchange): Credentials {
  const { raw, method } = exchange.req;
  return {
    authorization: raw.headers.get("authorization"),
    proof: raw.headers.get("dpop"),
    method,
    url: targetOf(api, raw),
  };
}
