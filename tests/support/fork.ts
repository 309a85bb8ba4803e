/**
 * A second service with the first one's keys and, until now, its history: what an operator sets up who
 * wants to show two people two logs.
 *
 * @module
 */

import { register } from "../../core/registration.ts";
import { newAccount, openCore } from "./service_core.ts";
import { startService, type TestService } from "./service.ts";

/** The other service. */
export interface Fork extends AsyncDisposable {
  /** Where it listens. */
  readonly url: string;
  /** Registers somebody whom only this history has. */
  grow(name: string): Promise<void>;
}

/** Copies a store, row by row. */
export async function copyStore(kv: Deno.Kv): Promise<Deno.Kv> {
  const copy = await Deno.openKv(":memory:");
  for await (const { key, value } of kv.list({ prefix: [] })) await copy.set(key, value);
  return copy;
}

/** Starts the other service on a copy of a store. @param publicOrigin under which clients see it */
export async function forkService(kv: Deno.Kv, publicOrigin: string): Promise<Fork> {
  const copy = await copyStore(kv);
  const service: TestService = await startService({ kv: copy, publicOrigin });
  return {
    url: service.url,
    grow: (name) => growStore(copy, name),
    [Symbol.asyncDispose]: () => service.close(),
  };
}

/** Registers somebody in a store. */
export async function growStore(kv: Deno.Kv, name: string): Promise<void> {
  await using core = await openCore(kv);
  const { label, record } = await newAccount(name);
  await register(core, label, record, null);
}
