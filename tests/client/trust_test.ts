/**
 * What a client believes moves one way, also when two tabs move it at once.
 *
 * @module
 */

import assert from "node:assert/strict";
import { Http } from "../../client/http.ts";
import { memoryStore } from "../../client/store.ts";
import { read } from "../support/raw_store.ts";
import { type Asker, type Asking } from "../../client/asking.ts";
import { Trust } from "../../client/trust.ts";
import { pinnedPolicy } from "../../client/known_log.ts";
import { type AccountLabel } from "../../crypto/account_label.ts";
import { type LookupAnswer } from "../../crypto/lookup.ts";
import { lookup } from "../../core/directory.ts";
import { register } from "../../core/registration.ts";
import { deriveServiceKeys } from "../../core/service_keys.ts";
import { newAccount, openCore, ORIGIN, testSecret } from "../support/service_core.ts";
import { startService } from "../support/service.ts";

Deno.test("the head that is stored only moves forward, whichever tab verifies first", async () => {
  await using world = await two();
  const { first, second, ask, grow } = world;
  const bob = (await grow("bob")).label;
  // The second tab asks first, but its answer arrives after the first tab has moved the head.
  const released = Promise.withResolvers<void>();
  let asked = 0;
  const slow = second.people.learn(
    bob,
    "contact",
    asker(async (asking) => {
      asked++;
      const answer = await ask(bob, asking);
      if (asked === 1) await released.promise;
      return answer;
    }),
  );
  await grow("carol");
  await first.people.learn(bob, "contact", asker((asking) => ask(bob, asking)));
  const moved = (await first.heads.trusted()).size;
  released.resolve();
  await slow;
  assert.equal(asked, 2, "an answer that proves too little is asked for again");
  assert.ok((await second.heads.trusted()).size >= moved);
  assert.deepEqual(await first.heads.trusted(), await second.heads.trusted());
});

Deno.test("a person is pinned once, with the moment they were first seen", async () => {
  await using world = await two();
  const bob = (await world.grow("bob")).label;
  const learn = (trust: Trust) =>
    trust.people.learn(bob, "contact", asker((asking) => world.ask(bob, asking)));
  const [a, b] = await Promise.all([learn(world.first), learn(world.second)]);
  assert.equal([a, b].filter(({ contact }) => contact.isNew).length, 1);
  assert.equal(a.contact.firstSeenMs, b.contact.firstSeenMs);
});

Deno.test("a pinned log key that is not the service's is refused at first contact, and nothing is stored", async () => {
  await using world = await two();
  const store = memoryStore();
  const other = (await deriveServiceKeys(testSecret(8), ORIGIN)).logVerifierKey;
  const pinned = await pinnedPolicy({ logKey: other });
  await assert.rejects(Trust.open(world.http, store, Date.now, pinned), { code: "log_changed" });
  await assert.rejects(pinnedPolicy({ logKey: "no key" }), { code: "bad_option" });
  assert.equal(await read(store, "log"), null);
});

Deno.test("what is wrong with a pinned key or policy is said", async () => {
  const { logVerifierKey } = await deriveServiceKeys(testSecret(8), ORIGIN);
  const other = (await deriveServiceKeys(testSecret(8), "other.example/kt/1")).logVerifierKey;
  const wrongId = logVerifierKey.replace(/\+[0-9a-f]{8}\+/, "+00000000+");
  const policy = `log ${logVerifierKey}\nquorum none\n`;
  const says: [Parameters<typeof pinnedPolicy>[0], RegExp][] = [
    [{ logKey: "no key" }, /name\+hash\+key.*: Not a verifier key$/],
    [{ logKey: wrongId }, /: The ID of a verifier key is not that of its key$/],
    [{ policy: `${policy}# fine\nlogs\n` }, /, line 4: it is neither log, witness, group nor/],
    [{ policy: `log ${other}\n${policy}` }, /has to be of one log$/],
    [{ policy: "quorum none\n" }, /has to be of one log$/],
    [{ policy, logKey: logVerifierKey }, /not by both$/],
  ];
  for (const [pin, message] of says) {
    await assert.rejects(pinnedPolicy(pin), { code: "bad_option", message });
  }
});

interface Two extends AsyncDisposable {
  readonly http: Http;
  readonly first: Trust;
  readonly second: Trust;
  grow(name: string): ReturnType<typeof newAccount>;
  ask(label: AccountLabel, asking: Asking): Promise<LookupAnswer>;
}

function asker(
  more: (asking: Asking) => Promise<LookupAnswer>,
): Asker<{ readonly lookup: LookupAnswer }> {
  return { more, ask: async (asking) => ({ lookup: await more(asking) }) };
}

/** Two tabs on one store, and a log that grows. */
async function two(): Promise<Two> {
  const kv = await Deno.openKv(":memory:");
  const service = await startService({ kv });
  const core = await openCore(kv);
  const http = new Http(service.url, Date.now);
  const store = memoryStore();
  const [first, second] = [
    await Trust.open(http, store, Date.now, null),
    await Trust.open(http, store, Date.now, null),
  ];
  return {
    http,
    first,
    second,
    async grow(name) {
      const account = await newAccount(name);
      await register(core, account.label, account.record, null);
      return account;
    },
    ask: (label, { from, ...query }) => lookup(core, label, from, query),
    async [Symbol.asyncDispose]() {
      await core.close();
      await service.close();
    },
  };
}
