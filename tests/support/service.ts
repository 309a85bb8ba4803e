/**
 * A whole service on a port of the loopback interface, in this process, with a clock to turn.
 *
 * @module
 */

import assert from "node:assert/strict";
import { Secret } from "../../crypto/secret.ts";
import { openService, type Service, type ServiceOptions } from "../../routes/app.ts";
import { type Listener, listenNative } from "../../routes/listener.ts";
import { HTTP_LIMITS, type HttpLimits, listenNode } from "../../routes/node_listener.ts";
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

/** The two implementations of the socket: people's own machines have `ws`, Deno Deploy `native`. */
export type Implementation = "ws" | "native";

let implementation: Implementation = "ws";

/** Has every service of this file of tests use the other implementation. */
export function useSockets(other: Implementation): void {
  implementation = other;
}

/** Which one services use. */
export function usedSockets(): Implementation {
  return implementation;
}

/** What tests change of a service. */
export interface TestServiceOptions extends Partial<ServiceOptions> {
  /** Of the `ws` one. */
  readonly http?: Partial<HttpLimits>;
}

/** Starts a service, with an empty store in memory unless told otherwise. */
export async function startService(
  { http = {}, ...overrides }: TestServiceOptions = {},
): Promise<LocalService> {
  const faults: string[] = [];
  let aheadMs = 0;
  const log = (line: string): void => void faults.push(line);
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
    log,
    ...overrides,
  });
  const check = answerCheck(service.operations);
  const misfits: string[] = [];
  const checked: Service = {
    ...service,
    async fetch(request, arrival) {
      const response = await service.fetch(request, arrival);
      // An upgrade has no body, and can't be copied.
      const isUpgrade = response === null || response.status === 101;
      const misfit = isUpgrade ? null : await check(request, response.clone());
      if (misfit !== null) misfits.push(misfit);
      return response;
    },
  };
  const anyPort = { hostname: "127.0.0.1", port: 0 };
  const listener: Listener = implementation === "native"
    ? listenNative(checked, anyPort, log)
    : await listenNode(checked, anyPort, log, { ...HTTP_LIMITS, ...http });
  let closing: Promise<void> | null = null;
  const close = () =>
    closing ??= (async () => {
      await service.drain();
      await listener.stop();
      await service.close();
      // Also where the test has failed already, and its own error is what is shown.
      // deno-lint-ignore no-console
      if (misfits.length > 0) console.error(misfits.join("\n"));
      assert.deepEqual(misfits, [], "every answer is as its operation declares");
    })();
  return {
    url: `http://127.0.0.1:${listener.at.port}`,
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
