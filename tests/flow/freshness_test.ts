/**
 * A service that shows everybody an old head, and never a newer one: what its log was is true, and what
 * it has become is hidden. Only the age of the witnesses' cosignatures tells.
 *
 * @module
 */

import assert from "node:assert/strict";
import { Client } from "../../client/client.ts";
import { memoryStore, type Store } from "../../client/store.ts";
import { type LogPolicy } from "../../crypto/policy.ts";
import { formatPolicy } from "../../crypto/policy_text.ts";
import { refuses } from "../support/refuses.ts";
import { startService, type TestService } from "../support/service.ts";
import { policyOfWitnesses, startWitness, type TestWitness } from "../support/test_witness.ts";
import { logKeysOf } from "../support/witnessed.ts";

const HOUR_MS = 3_600_000;

interface World extends AsyncDisposable {
  readonly service: TestService;
  readonly witnesses: readonly TestWitness[];
  readonly policy: LogPolicy;
  /** Opens a client with this policy, whose clock goes with the service's. */
  open(store?: Store, policy?: LogPolicy): Promise<Client>;
  /** Turns every clock but the witnesses'. */
  wait(ms: number): void;
}

/** A service with three witnesses, of which two are enough. */
async function world(): Promise<World> {
  const logKeys = await logKeysOf();
  const witnesses = await Promise.all(
    ["one", "two", "three"].map((name) => startWitness(name, { logKeys })),
  );
  const policy = { ...policyOfWitnesses(witnesses, 2), logs: logKeys };
  const service = await startService({
    witnesses: {
      policy,
      auditors: [],
      intervalMs: 10,
      heartbeatMs: 600_000,
      patienceMs: 10_000,
      timeoutMs: 2_000,
      graceMs: 50,
    },
  });
  let aheadMs = 0;
  const clients: Client[] = [];
  return {
    service,
    witnesses,
    policy,
    async open(store = memoryStore(), under = policy) {
      const client = await Client.open({
        service: service.url,
        store,
        policy: formatPolicy(under),
        now: () => Date.now() + aheadMs,
      });
      clients.push(client);
      return client;
    },
    wait(ms) {
      aheadMs += ms;
      service.advance(ms);
    },
    async [Symbol.asyncDispose]() {
      for (const client of clients) client.close();
      await service.close();
      await Promise.all(witnesses.map((witness) => witness[Symbol.asyncDispose]()));
    },
  };
}

/** From now on a witness cosigns nothing. */
function silence(witness: TestWitness): void {
  witness.story = () => new Response(null, { status: 503 });
}

Deno.test("a frozen view introduces nobody: stale_head, and whoever was met before stays known", async () => {
  await using play = await world();
  const [alice, bob, carol] = [await play.open(), await play.open(), await play.open()];
  for (const [client, name] of [[alice, "alice"], [bob, "bob"], [carol, "carol"]] as const) {
    await client.register(name);
  }
  await alice.lookup("bob");
  // No witness vouches any more: the head that all are shown grows old.
  play.witnesses.forEach(silence);
  play.wait(HOUR_MS - 60_000);
  assert.equal((await alice.lookup("carol")).isNew, true, "an hour is allowed");
  play.wait(120_000);
  await refuses(bob.lookup("carol"), "stale_head");
  await refuses(bob.lookup("nobody"), "stale_head");
  assert.equal((await alice.lookup("bob")).isNew, false);
  const findings = await bob.watchLog();
  assert.ok(findings.some(({ error }) => error.code === "stale_head"), "and the watch says so");
});

Deno.test("a head with fewer cosignatures than the policy asks for is not believed: quorum_missing", async () => {
  await using play = await world();
  const strict = { ...play.policy, groups: [{ ...play.policy.groups[0]!, threshold: 3 }] };
  const store = memoryStore();
  silence(play.witnesses[2]!);
  const alice = await play.open();
  await alice.register("alice");
  await refuses(play.open(store, strict), "quorum_missing");
});
