/**
 * A whole service on a port of the loopback interface, in this process, with a clock to turn.
 *
 * @module
 */

import assert from "node:assert/strict";
import { Secret } from "../../crypto/secret.ts";
import { openService, type Service, type ServiceOptions } from "../../routes/app.ts";
import { answerCheck } from "./contract.ts";
import { SOCKET_TIMING } from "../../routes/sockets.ts";
import { ORIGIN } from "./service_core.ts";

/** A service that a test talks to. */
export interface TestService extends AsyncDisposable {
  /** `http://127.0.0.1:<port>`, without a slash at the end. */
  readonly url: string;
  /** What the service reported about its own faults. */
  readonly faults: readonly string[];
  /** The service's clock, Unix milliseconds. */
  now(): number;
  /** Turns the service's clock forward. */
  advance(ms: number): void;
  /** Says goodbye to the sockets. */
  drain(): Promise<void>;
  /** Stops everything. */
  close(): Promise<void>;
}

/** One that runs in this process. */
export interface LocalService extends TestService, Pick<Service, "operations" | "routes"> {}

/** Starts a service, with an empty store in memory unless told otherwise. */
export async function startService(
  overrides: Partial<ServiceOptions> = {},
): Promise<LocalService> {
  const faults: string[] = [];
  let aheadMs = 0;
  const now = () => Date.now() + aheadMs;
  const service = await openService({
    kv: overrides.kv ?? await Deno.openKv(":memory:"),
    secret: new Secret(new Uint8Array(32).fill(7)),
    origin: ORIGIN,
    publicOrigin: null,
    allowedOrigins: [],
    pages: new Map(),
    now,
    // People of tests ring each other all the time.
    timing: { ...SOCKET_TIMING, drainNoticeMs: 0 },
    rings: { pair: { burst: 1_000, refillMs: 1 }, callee: { burst: 1_000, refillMs: 1 } },
    log: (line) => faults.push(line),
    ...overrides,
  });
  const check = answerCheck(service.operations);
  const misfits: string[] = [];
  const server: Deno.HttpServer<Deno.NetAddr> = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    async (request) => {
      const response = await service.fetch(request, server.addr);
      // An upgrade has no body, and can't be copied.
      const misfit = response.status === 101 ? null : await check(request, response.clone());
      if (misfit !== null) misfits.push(misfit);
      return response;
    },
  );
  let closing: Promise<void> | null = null;
  const close = () =>
    closing ??= (async () => {
      await service.drain();
      await server.shutdown();
      await service.close();
      // Also where the test has failed already, and its own error is what is shown.
      // deno-lint-ignore no-console
      if (misfits.length > 0) console.error(misfits.join("\n"));
      assert.deepEqual(misfits, [], "every answer is as its operation declares");
    })();
  return {
    url: `http://127.0.0.1:${server.addr.port}`,
    operations: service.operations,
    routes: service.routes,
    faults,
    now,
    advance: (ms) => void (aheadMs += ms),
    drain: () => service.drain(),
    close,
    [Symbol.asyncDispose]: close,
  };
}
