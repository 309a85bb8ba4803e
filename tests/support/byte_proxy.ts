/**
 * A proxy in front of a service that passes every byte on, and may change the bytes of an answer.
 *
 * @module
 */

import { type Bytes } from "../../crypto/bytes.ts";

/** Rewrites an answer, or gives it back as it is. */
export type ByteLie = (path: string, body: Bytes) => Bytes;

/** A proxy that may lie. */
export interface ByteProxy extends AsyncDisposable {
  /** Where clients think the service is. */
  readonly url: string;
  /** Where the service is. */
  target: string;
  /** How answers are rewritten, or null for the truth. */
  lie: ByteLie | null;
}

/** Starts a proxy on a free loopback port. */
export function startByteProxy(): ByteProxy {
  const server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen: () => {} },
    async (request) => {
      const { pathname, search } = new URL(request.url);
      const headers = new Headers(request.headers);
      headers.delete("host");
      const answer = await fetch(proxy.target + pathname + search, {
        method: request.method,
        headers,
        body: request.body,
      });
      const body = new Uint8Array(await answer.arrayBuffer());
      const kept = new Headers(answer.headers);
      for (const name of ["content-length", "content-encoding"]) kept.delete(name);
      const told = proxy.lie?.(pathname, body) ?? body;
      return new Response(told, { status: answer.status, headers: kept });
    },
  );
  const proxy: ByteProxy = {
    url: `http://127.0.0.1:${server.addr.port}`,
    target: "",
    lie: null,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
  return proxy;
}
