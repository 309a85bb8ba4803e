/**
 * Several instances of a service on one store, in this process.
 *
 * @module
 */

import { type ClusterTiming } from "../../core/cluster/timing.ts";
import { type ServiceOptions } from "../../routes/app.ts";
import { SOCKET_TIMING } from "../../routes/sockets.ts";
import { startService, type TestService } from "./service.ts";

/** Times with which a test takes seconds. */
export const FAST: ClusterTiming = {
  renewMs: 100,
  deadMs: 1_000,
  pollMs: 500,
  askMs: 1_000,
  windowMs: 3_000,
};

/** A store that several services use: none of them closes it. */
export function shared(kv: Deno.Kv): Deno.Kv {
  return new Proxy(kv, {
    get(target, property) {
      if (property === "close") return () => {};
      const member = Reflect.get(target, property, target);
      return typeof member === "function" ? member.bind(target) : member;
    },
  });
}

/** One of several instances. */
export function startInstance(
  kv: Deno.Kv,
  overrides: Partial<ServiceOptions> = {},
): Promise<TestService> {
  const timing = { ...SOCKET_TIMING, tickMs: 50, drainNoticeMs: 0 };
  return startService({ kv: shared(kv), cluster: FAST, timing, ...overrides });
}
