/**
 * The door of the HTTP API: what comes in is bounded and checked before anything acts on it, and
 * what goes out carries its headers.
 *
 * Bodies are counted while they are read, so that a length that lies gains nothing. A refusal names
 * the place of a wrong value and never the value.
 *
 * @module
 */

import { type Context as Exchange, type MiddlewareHandler } from "hono";
import { type Context } from "../core/context.ts";
import { ServiceError } from "../core/error.ts";
import { issueNonce } from "../core/proof_nonce.ts";
import { concat, fromUtf8 } from "../crypto/bytes.ts";
import { MAX_BODY_BYTES } from "../wire/limits.ts";
import { parseJson } from "./json_text.ts";

/** How long a request may take, its body included, in milliseconds. */
const REQUEST_TIMEOUT_MS = 10_000;

/** What a schema of `wire/schema.ts` is to this folder, which does not know zod. */
export interface Schema<T> {
  /** Checks a value. */
  safeParse(value: unknown):
    | { readonly success: true; readonly data: T }
    | {
      readonly success: false;
      readonly error: { readonly issues: readonly { readonly path: readonly PropertyKey[] }[] };
    };
}

const METHODS = "GET, HEAD, POST, PUT";

/** Headers of every answer, CORS for the API, and an end to whatever takes too long. */
export function guard(ctx: Context, isHttps: boolean): MiddlewareHandler {
  return async (exchange, next) => {
    const isApi = /^\/(v1|\.well-known)\//.test(exchange.req.path);
    if (isApi && exchange.req.method === "OPTIONS") exchange.res = preflight();
    else await withinTime(next());
    const { headers } = exchange.res;
    headers.set("x-content-type-options", "nosniff");
    headers.set("referrer-policy", "no-referrer");
    if (isHttps) headers.set("strict-transport-security", "max-age=31536000");
    if (!headers.has("content-security-policy")) {
      headers.set("content-security-policy", "default-src 'none'; frame-ancestors 'none'");
    }
    if (!headers.has("cache-control")) headers.set("cache-control", "no-store");
    if (!isApi) return;
    // Applications of others are the API's clients. It takes no cookies, so this gives nothing away.
    headers.set("access-control-allow-origin", "*");
    headers.set("access-control-expose-headers", "DPoP-Nonce, WWW-Authenticate, Retry-After");
    headers.set("cross-origin-resource-policy", "cross-origin");
    headers.set("dpop-nonce", issueNonce(ctx.keys.nonces, ctx.now()));
  };
}

/**
 * A request's JSON body, checked by its schema.
 *
 * @throws ServiceError `unsupported_media_type`, `too_large`, `malformed`, `unavailable`
 */
export async function bodyOf<T>(exchange: Exchange, schema: Schema<T>): Promise<T> {
  const type = exchange.req.header("content-type")?.replace(/;.*/, "").trim().toLowerCase();
  if (type !== "application/json") {
    throw new ServiceError("unsupported_media_type", "The body has to be application/json");
  }
  const text = fromUtf8(await readBody(exchange.req.raw));
  const value = text === null ? undefined : parseJson(text);
  if (value === undefined) throw new ServiceError("malformed", "The body is not readable JSON");
  return checked(schema, value, "The body");
}

/** A value that passed its schema. @throws ServiceError `malformed` naming the place */
export function checked<T>(schema: Schema<T>, value: unknown, what: string): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw new ServiceError("malformed", `${what} is not as expected${placeOf(result.error)}`);
}

/** The `from` of the query, or null where there is none. @throws ServiceError `malformed` */
export function fromOf(exchange: Exchange): number | null {
  const query = new URL(exchange.req.url).searchParams;
  const given = query.getAll("from");
  if (query.size !== given.length || given.length > 1) {
    throw new ServiceError("malformed", "The query may hold one 'from' and nothing else");
  }
  const [text] = given;
  if (text === undefined) return null;
  const size = /^(0|[1-9][0-9]{0,15})$/.test(text) ? Number(text) : NaN;
  if (!Number.isSafeInteger(size)) {
    throw new ServiceError("malformed", "'from' has to be the size of a head");
  }
  return size;
}

async function readBody(request: Request): Promise<Uint8Array> {
  if (Number(request.headers.get("content-length") ?? 0) > MAX_BODY_BYTES) throw tooLarge();
  if (request.body === null) return new Uint8Array(0);
  const reader = request.body.getReader();
  const parts: Uint8Array[] = [];
  let length = 0;
  const timer = setTimeout(() => reader.cancel().catch(() => {}), REQUEST_TIMEOUT_MS);
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return concat(...parts);
      length += value.length;
      if (length > MAX_BODY_BYTES) throw tooLarge();
      parts.push(value);
    }
  } catch (error) {
    reader.cancel().catch(() => {});
    if (error instanceof ServiceError) throw error;
    throw new ServiceError("malformed", "The body broke off");
  } finally {
    clearTimeout(timer);
  }
}

async function withinTime(work: Promise<void>): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    const refusal = new ServiceError("unavailable", "This took too long: try again later");
    timer = setTimeout(() => reject(refusal), REQUEST_TIMEOUT_MS);
  });
  try {
    await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

function preflight(): Response {
  const headers = {
    "access-control-allow-methods": METHODS,
    "access-control-allow-headers": "Authorization, Content-Type, DPoP",
    "access-control-max-age": "7200",
  };
  return new Response(null, { status: 204, headers });
}

function tooLarge(): ServiceError {
  return new ServiceError("too_large", `A body has at most ${MAX_BODY_BYTES} bytes`);
}

function placeOf(
  error: { readonly issues: readonly { readonly path: readonly PropertyKey[] }[] },
): string {
  const path = error.issues[0]?.path ?? [];
  return path.length === 0 ? "" : `: see '${path.map(String).join(".")}'`;
}
