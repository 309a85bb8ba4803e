/**
 * What sessions and prekeys weigh, in Deno: the memory of open sessions, and the daily upload of a device
 * to a real service on the loopback interface, whose store is in memory.
 *
 * @module
 */

import { loadAccount } from "../../client/account.ts";
import { Client } from "../../client/client.ts";
import { Http } from "../../client/http.ts";
import { publishPrekeys } from "../../client/prekeys.ts";
import { memoryStore } from "../../client/store.ts";
import { signerOf, type World } from "../../client/world.ts";
import { type Session } from "../../crypto/session.ts";
import { connect } from "../../tests/support/people.ts";
import { ORIGIN } from "../../tests/support/service_core.ts";
import { startService } from "../../tests/support/service.ts";
import { makePair, storedPrekeys } from "./ours.ts";
import { median } from "../shared/rounds.ts";

const CALLS = 1_000;
const WARM_UP_CALLS = 2_000;
const UPLOADS = 20;
const DAY_MS = 24 * 3_600_000;

/** What memory holds after collections, between which what they found is let go. */
async function collected(): Promise<{ readonly heap: number; readonly rss: number }> {
  const { gc } = globalThis as unknown as { gc?: () => void };
  if (gc === undefined) throw new Error("run with --v8-flags=--expose-gc");
  for (let i = 0; i < 5; i++) {
    gc();
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const { heapUsed, external, rss } = Deno.memoryUsage();
  return { heap: heapUsed + external, rss };
}

/** Says what an open session takes, both sides of every call in this process. */
export async function weighSessions(say: (line: string) => void): Promise<void> {
  const { alice, bob } = await makePair();
  // The heap grows to what setups need for themselves before it is looked at.
  for (let i = 0; i < WARM_UP_CALLS; i++) await connect(alice, bob);
  const held: Session[] = [];
  const before = await collected();
  for (let i = 0; i < CALLS; i++) {
    const { caller, callee } = await connect(alice, bob);
    held.push(caller, callee);
  }
  const after = await collected();
  const sessions = 2 * CALLS;
  const each = (bytes: number) => (bytes / sessions / 1_000).toFixed(1);
  say(
    `${sessions} open sessions (both sides of ${CALLS} calls): ` +
      `${each(after.heap - before.heap)} kB each of heap and buffers; ` +
      `the process has ${(after.rss / 1e6).toFixed(0)} MB, ${(before.rss / 1e6).toFixed(0)} before`,
  );
  for (const session of held) session.wipe();
}

/** Says what a device's set of 32 one-time prekeys takes to make and to upload, and weighs. */
export async function timeUploads(say: (line: string) => void): Promise<void> {
  const { bob } = await makePair();
  const made: number[] = [];
  for (let i = 0; i < UPLOADS; i++) {
    const started = performance.now();
    await storedPrekeys(bob);
    made.push(performance.now() - started);
  }
  const { request } = await storedPrekeys(bob);
  const bytes = JSON.stringify(request).length;
  const uploaded = await uploads();
  say(
    `a prekey set with 32 one-time prekeys: made, signed and stored in ` +
      `${median(made).toFixed(1)} ms, ${bytes} bytes of JSON; ` +
      `with its upload to a service (its token at hand) ${median(uploaded).toFixed(1)} ms`,
  );
}

/** How long a device takes to make, store and publish its set, one a day. */
async function uploads(): Promise<readonly number[]> {
  await using service = await startService();
  const store = memoryStore();
  const client = await Client.open({ service: service.url, store });
  await client.register("bob");
  client.close();
  const account = await loadAccount(store, ORIGIN);
  const now = () => service.now();
  const http = new Http(service.url, now);
  const world = { store, account, http, now } as unknown as World;
  const took: number[] = [];
  for (let i = 0; i < UPLOADS; i++) {
    await http.token(signerOf(world));
    const started = performance.now();
    await publishPrekeys(world);
    took.push(performance.now() - started);
    service.advance(DAY_MS);
  }
  http.close();
  return took;
}
