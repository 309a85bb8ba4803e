/**
 * Puts operations into the HTTP application, and does for each what it declares: its path, query and
 * body are parsed, whoever asks is signed in, and the answer is written.
 *
 * @module
 */

import { type Context as Exchange, type Hono } from "hono";
import { ServiceError } from "../core/error.ts";
import { type Idempotency, openIdempotency } from "../core/idempotency.ts";
import { bodyOf } from "./body.ts";
import { withBudget } from "./budget.ts";
import { idempotent } from "./idempotency.ts";
import { PROBLEM_STATUS } from "../wire/problem.ts";
import { requireShape } from "./json_shape.ts";
import { type Operation, type Served } from "./operation.ts";
import { type Api, type Handler, principalOf, route } from "./route.ts";

/** Puts operations into the application. */
export function mount(app: Hono, api: Api, served: readonly Served[]): void {
  const idempotency = openIdempotency(api.ctx);
  for (const [path, all] of Map.groupBy(served, ({ operation }) => operation.path)) {
    const methods = all.map((one) =>
      [one.operation.method, handlerOf(api, one, idempotency)] as const
    );
    route(app, path, Object.fromEntries(methods));
  }
}

function handlerOf(api: Api, { operation, act }: Served, idempotency: Idempotency): Handler {
  const { id, access, isKeyed = false, budget, body: schema } = operation;
  if (isKeyed && access !== "device") throw new Error(`bug: nobody is known to have keys at ${id}`);
  return counted(api, id, async (exchange) => {
    const place = placeOf(exchange, operation);
    const query = queryOf(exchange, operation);
    const read = schema === undefined ? null : await bodyOf(exchange, schema);
    const principal = access === "device" ? await principalOf(api, exchange) : null;
    const taken = { place, query, body: read?.body, principal } as Parameters<typeof act>[1];
    const answer = async () => responseOf(operation, await act(exchange, taken));
    const body = read?.bytes ?? new Uint8Array(0);
    const done = isKeyed
      ? () =>
        idempotent(
          exchange,
          idempotency,
          { account: principal!.account, operation: id, body },
          answer,
        )
      : answer;
    return budget === undefined ? await done() : await withBudget(budget, taken, api.ctx.now, done);
  });
}

/** The same, and its answers are counted by the class of their status. */
function counted({ ctx }: Api, id: string, handler: Handler): Handler {
  return async (exchange) => {
    let status = 500;
    try {
      const response = await handler(exchange);
      status = response.status;
      return response;
    } catch (error) {
      if (error instanceof ServiceError) status = PROBLEM_STATUS[error.code];
      throw error;
    } finally {
      ctx.metrics.count("http_requests", id, `${Math.trunc(status / 100)}xx`);
    }
  };
}

function responseOf({ answer: { type, status } }: Operation, given: unknown): Response {
  if (given instanceof Response) return given;
  if (type === null) return new Response(null, { status });
  return Response.json(given, { status });
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
