/**
 * Under which origin clients see the service: what proofs have to name, and pages are compared with.
 *
 * Without a public URL the request itself says it, and its `Host` is anybody's word: a page whose
 * name was pointed at this machine, say. So only the loopback names of the listening port hold.
 *
 * @module
 */

import { ServiceError } from "../core/error.ts";

/** Where a server listens. */
export type Listening = Pick<Deno.NetAddr, "hostname" | "port">;

/** The URL of a request. @throws ServiceError `malformed` where its `Host` makes none */
export function urlOf(request: Request): URL {
  const url = URL.parse(request.url);
  if (url === null) throw new ServiceError("malformed", "The Host of the request is none");
  return url;
}

/** Requires that a request names this machine. @throws ServiceError `misdirected` */
export function requireLoopback(url: URL, { hostname, port }: Listening): void {
  const own = hostname.includes(":") ? `[${hostname}]` : hostname;
  const names = ["localhost", "127.0.0.1", "[::1]", own];
  if (names.some((name) => new URL(`http://${name}:${port}`).origin === url.origin)) return;
  throw new ServiceError("misdirected", "The Host of the request is not of this service");
}
