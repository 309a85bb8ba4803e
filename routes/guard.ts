/**
 * What every exchange over HTTP has in common: the headers of its answer, CORS for the API, and an
 * end to whatever takes too long.
 *
 * @module
 */

import { type Context } from "../core/context.ts";
import { ServiceError } from "../core/error.ts";
import { issueNonce } from "../core/proof_nonce.ts";
import { ASYNCAPI, OPENAPI } from "../wire/paths.ts";

const METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE";

const EXPOSED = "DPoP-Nonce, RateLimit, RateLimit-Policy, Retry-After, WWW-Authenticate";

/** Whether a path is the API's or the log's, which applications of others use from their pages. */
export function isApi(path: string): boolean {
  return /^\/(v1|\.well-known)\//.test(path) || isShared(path);
}

/** Whether what is at a path is the same for everybody, and may be cached by anybody. */
function isShared(path: string): boolean {
  return path.startsWith("/log/") || path === OPENAPI || path === ASYNCAPI;
}

/** Sets the headers of an answer. @param isHttps whether clients come by HTTPS alone */
export function setHeaders({ headers }: Response, isHttps: boolean): void {
  headers.set("x-content-type-options", "nosniff");
  headers.set("referrer-policy", "no-referrer");
  if (isHttps) headers.set("strict-transport-security", "max-age=31536000");
  if (!headers.has("content-security-policy")) {
    headers.set("content-security-policy", "default-src 'none'; frame-ancestors 'none'");
  }
  if (!headers.has("cache-control")) headers.set("cache-control", "no-store");
}

/** Sets the headers of an answer of the API, or of the log, besides. */
export function setApiHeaders({ headers }: Response, path: string, ctx: Context): void {
  // Applications of others are the API's clients. It takes no cookies, so this gives nothing away.
  headers.set("access-control-allow-origin", "*");
  headers.set("cross-origin-resource-policy", "cross-origin");
  if (isShared(path)) {
    // No nonce: a cache would hand the same one to everybody.
    headers.set("access-control-expose-headers", "ETag, Retry-After");
    return;
  }
  headers.set("access-control-expose-headers", EXPOSED);
  headers.set("dpop-nonce", issueNonce(ctx.keys.nonces, ctx.now()));
}

/** The answer to an exchange, if it comes in so many milliseconds. @throws ServiceError `unavailable` */
export async function withinTime(
  work: Response | Promise<Response>,
  ms: number,
): Promise<Response> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    const refusal = new ServiceError("unavailable", "This took too long: try again later");
    timer = setTimeout(() => reject(refusal), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** The answer to a browser that asks whether a page of another site may ask. */
export function preflight(): Response {
  const headers = {
    "access-control-allow-methods": METHODS,
    "access-control-allow-headers":
      "Authorization, Content-Type, DPoP, Idempotency-Key, If-None-Match",
    "access-control-max-age": "7200",
  };
  return new Response(null, { status: 204, headers });
}
