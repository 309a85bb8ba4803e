/**
 * Puts operations into the HTTP application, and does for each what it declares: its path, query and
 * body are parsed, whoever asks is signed in, and the answer is written.
 *
 * @module
 */

import { type Context as Exchange, type Hono } from "hono";
import { ServiceError } from "../core/error.ts";
import { bodyOf } from "./body.ts";
import { requireShape } from "./json_shape.ts";
import { type Operation, type Served } from "./operation.ts";
import { type Api, type Handler, principalOf, route } from "./route.ts";

/** Puts operations into the application. */
export function mount(app: Hono, api: Api, served: readonly Served[]): void {
  for (const [path, all] of Map.groupBy(served, ({ operation }) => operation.path)) {
    const methods = all.map((one) => [one.operation.method, handlerOf(api, one)] as const);
    route(app, path, Object.fromEntries(methods));
  }
}

function handlerOf(api: Api, { operation, act }: Served): Handler {
  const { access, answer, body } = operation;
  return async (exchange) => {
    const place = placeOf(exchange, operation);
    const query = queryOf(exchange, operation);
    const taken = {
      place,
      query,
      body: body === undefined ? undefined : await bodyOf(exchange, body),
      principal: access === "device" ? await principalOf(api, exchange) : null,
    };
    const given = await act(exchange, taken as Parameters<typeof act>[1]);
    if (given instanceof Response) return given;
    if (answer.type === null) return new Response(null, { status: answer.status });
    return Response.json(given, { status: answer.status });
  };
}

function placeOf(exchange: Exchange, operation: Operation): unknown {
  const { place, query, isCacheable = false, misplaced = "malformed" } = operation;
  const isOdd = isCacheable && (query === undefined ? /[?%]/ : /^[^?]*%/).test(exchange.req.url);
  if (isOdd) throw new ServiceError(misplaced, "Nothing is at this path in this spelling");
  if (place === undefined) return undefined;
  const result = place.safeParse(exchange.req.param());
  if (result.success) return result.data;
  throw new ServiceError(misplaced, "The path is not as expected");
}

/** The query, in which nothing stands twice. @throws ServiceError `malformed` */
function queryOf(exchange: Exchange, { query, isCacheable = false }: Operation): unknown {
  const { searchParams } = new URL(exchange.req.url);
  const given = Object.fromEntries(searchParams);
  if (Object.keys(given).length !== searchParams.size) {
    throw new ServiceError("malformed", "Something stands twice in the query");
  }
  if (query === undefined) {
    if (searchParams.size === 0) return undefined;
    throw new ServiceError("malformed", "This path takes no query");
  }
  const parsed = requireShape(query, given, "The query");
  if (isCacheable) requireOneSpelling(exchange.req.url, parsed as Record<string, unknown>);
  return parsed;
}

/** Requires that a query has its fields in their order, and nothing else. @throws ServiceError */
function requireOneSpelling(url: string, fields: Readonly<Record<string, unknown>>): void {
  const query = Object.entries(fields).map(([name, value]) => `${name}=${value}`).join("&");
  const said = url.replace(/^[^?]*/, "");
  if (said === (query === "" ? "" : `?${query}`)) return;
  throw new ServiceError(
    "malformed",
    "The query holds its fields in their order, and nothing else",
  );
}
