import assert from "node:assert/strict";
import { parseAccountLabel } from "../../crypto/account_label.ts";
import { verifyBundle } from "../../crypto/bundle.ts";
import { type CryptoError } from "../../crypto/error.ts";
import { generateDeviceKeys } from "../../crypto/keys.ts";
import { verifyConfig } from "../../crypto/head.ts";
import { parseTlogProof } from "../../crypto/proof.ts";
import { lookup, takeBundles } from "../../core/directory.ts";
import { configProof } from "../../core/log_read.ts";
import { register } from "../../core/registration.ts";
import { ServiceError } from "../../core/error.ts";
import { auditLog } from "../../core/log_audit.ts";
import { publishPrekeys } from "../../core/prekeys.ts";
import { readPublished, writePublished } from "../../kv/published.ts";
import { commit } from "../../kv/transact.ts";
import {
  absent,
  identityOf,
  newAccount,
  newPrekeys,
  openCore,
  verified,
} from "../support/service_core.ts";

/** Expects a refusal of the service. */
function refusal(code: string): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof ServiceError, String(error));
    assert.equal(error.code, code);
    return true;
  };
}

Deno.test("a registered name is answered with a proof that a client verifies", async () => {
  using kv = await Deno.openKv(":memory:");
  await using ctx = await openCore(kv);
  const alice = await newAccount("alice");
  const answer = await register(ctx, alice.label, alice.record, null);
  const { record, head } = await verified(ctx, alice.label, answer);
  assert.deepEqual(record.bytes, alice.record);
  assert.equal(head.size, 3);
  assert.deepEqual((await auditLog(ctx, ctx.keys.logVerifierKey)).faults, []);
});

Deno.test("the log's CONFIG is proved to whoever pins the log's key", async () => {
  using kv = await Deno.openKv(":memory:");
  await using ctx = await openCore(kv);
  const { config, head } = await verifyConfig(
    ctx.origin,
    identityOf(ctx).policy,
    await configProof(ctx),
  );
  assert.deepEqual(config.vrfPublicKey, ctx.keys.vrf.publicKey);
  assert.equal(head.size, 1);
});

Deno.test("a head that a client trusted is continued through many epochs", async () => {
  using kv = await Deno.openKv(":memory:");
  await using ctx = await openCore(kv);
  let trusted: Awaited<ReturnType<typeof verified>>["head"] | null = null;
  for (let i = 0; i < 12; i++) {
    const person = await newAccount(`person${i}`);
    const answer = await register(ctx, person.label, person.record, trusted?.size ?? null);
    trusted = (await verified(ctx, person.label, answer, trusted)).head;
    assert.equal(trusted.size, 1 + 2 * (i + 1));
  }
  const first = parseAccountLabel("person0");
  await verified(ctx, first, await lookup(ctx, first, trusted!.size), trusted);
  await verified(ctx, first, await lookup(ctx, first, 1), null);
});

Deno.test("300 people who come at once share epochs, and each gets a proof", async () => {
  using kv = await Deno.openKv(":memory:");
  await using ctx = await openCore(kv);
  const people = await Promise.all(
    Array.from({ length: 300 }, (_, i) => newAccount(`person${i}`)),
  );
  const answers = await Promise.all(people.map((p) => register(ctx, p.label, p.record, null)));
  for (const i of [0, 1, 127, 128, 299]) await verified(ctx, people[i]!.label, answers[i]!);
  const audit = await auditLog(ctx);
  assert.deepEqual(audit.faults, []);
  assert.equal(audit.names, 300);
  assert.ok(audit.size < 2 * 300, `${audit.size} entries are one epoch each`);
});

Deno.test("the same record again gets its proof, also an hour later", async () => {
  using kv = await Deno.openKv(":memory:");
  let nowMs = Date.now();
  await using ctx = await openCore(kv, { now: () => nowMs });
  const people = await Promise.all(Array.from({ length: 12 }, (_, i) => newAccount(`p${i}`)));
  for (const { label, record } of people) {
    // All at once: what one of them claims, the others find half-way through their own attempt.
    const again = () => register(ctx, label, record, null);
    const answers = await Promise.all(Array.from({ length: 5 }, again));
    for (const answer of answers) await verified(ctx, label, answer);
  }
  nowMs += 3_600_000;
  const { label, record } = people[0]!;
  await verified(ctx, label, await register(ctx, label, record, null));
  const { size, names, faults } = await auditLog(ctx);
  assert.deepEqual({ size, names, faults }, { size: 25, names: 12, faults: [] });
});

Deno.test("of two who want a name at once exactly one gets it", async () => {
  using kv = await Deno.openKv(":memory:");
  await using ctx = await openCore(kv);
  for (let round = 0; round < 10; round++) {
    const rivals = await Promise.all([1, 2, 3].map(() => newAccount(`name${round}`)));
    const results = await Promise.allSettled(
      rivals.map(({ label, record }) => register(ctx, label, record, null)),
    );
    assert.equal(results.filter(({ status }) => status === "fulfilled").length, 1);
    for (const result of results) {
      if (result.status === "rejected") refusal("name_taken")(result.reason);
    }
  }
  assert.deepEqual((await auditLog(ctx)).faults, []);
});

Deno.test("a name is taken while its record still waits for the log", async () => {
  using kv = await Deno.openKv(":memory:");
  await using ctx = await openCore(kv);
  // Its first look at the pool is over, so that it takes nothing in until it is asked.
  await ctx.sequencer.settled();
  const never = { ...ctx.sequencer, sequenced: () => new Promise<void>(() => {}) };
  const alice = await newAccount("alice");
  void register({ ...ctx, sequencer: never }, alice.label, alice.record, null);
  while ((await auditLog(ctx)).pending === 0) await new Promise((done) => setTimeout(done, 1));
  await absent(ctx, alice.label, await lookup(ctx, alice.label, null));
  assert.equal(await ctx.accounts.record(alice.label), null);
  const mallory = await newAccount("alice");
  await assert.rejects(
    register(ctx, mallory.label, mallory.record, null),
    refusal("name_taken"),
  );
  // The same record finds its place in the pool and waits there.
  await verified(ctx, alice.label, await register(ctx, alice.label, alice.record, null));
});

Deno.test("what is committed and not published yet is not there for anybody", async () => {
  using kv = await Deno.openKv(":memory:");
  await using ctx = await openCore(kv);
  const [alice, bob] = await Promise.all([newAccount("alice"), newAccount("bob")]);
  await register(ctx, alice.label, alice.record, null);
  const published = (await readPublished(ctx))!.value;
  await register(ctx, bob.label, bob.record, null);
  await commit(kv, [], writePublished(ctx, published, false));
  await verified(ctx, alice.label, await lookup(ctx, alice.label, 3));
  await absent(ctx, bob.label, await lookup(ctx, bob.label, null));
  assert.equal(await ctx.accounts.record(bob.label), null);
});

Deno.test("a record that does not verify is refused and leaves nothing behind", async () => {
  using kv = await Deno.openKv(":memory:");
  await using ctx = await openCore(kv);
  const alice = await newAccount("alice");
  const forged = alice.record.slice();
  forged[forged.length - 1]! ^= 1;
  const tries = [
    [alice.label, forged],
    [parseAccountLabel("somebody.else"), alice.record],
    [alice.label, alice.record.slice(0, 40)],
    [alice.label, new Uint8Array(0)],
    [alice.label, (await newAccount("alice", { origin: "other.invalid/kt/1" })).record],
    [alice.label, (await newAccount("alice", { issuedMs: Date.now() - 660_000 })).record],
    [alice.label, (await newAccount("alice", { issuedMs: Date.now() + 660_000 })).record],
  ] as const;
  for (const [label, record] of tries) {
    await assert.rejects(register(ctx, label, record, null), refusal("bad_record"));
  }
  const { names, pending, faults } = await auditLog(ctx);
  assert.deepEqual({ names, pending, faults }, { names: 0, pending: 0, faults: [] });
});

Deno.test("a key seen under one account is refused under another", async () => {
  using kv = await Deno.openKv(":memory:");
  await using ctx = await openCore(kv);
  const alice = await newAccount("alice");
  await register(ctx, alice.label, alice.record, null);
  const fresh = await generateDeviceKeys();
  for (
    const keys of [
      alice.keys,
      { signing: fresh.signing, identity: alice.keys.identity },
      { signing: alice.keys.signing, identity: fresh.identity },
    ]
  ) {
    const copy = await newAccount("mallory", { keys });
    await assert.rejects(register(ctx, copy.label, copy.record, null), refusal("bad_record"));
  }
  // At once: whoever is first has the keys.
  const keys = await generateDeviceKeys();
  const twins = await Promise.all(["one", "two"].map((name) => newAccount(name, { keys })));
  const results = await Promise.allSettled(
    twins.map(({ label, record }) => register(ctx, label, record, null)),
  );
  assert.equal(results.filter(({ status }) => status === "fulfilled").length, 1);
});

Deno.test("a head larger than the log is unknown, and registers nothing", async () => {
  using kv = await Deno.openKv(":memory:");
  await using ctx = await openCore(kv);
  const alice = await newAccount("alice");
  await assert.rejects(register(ctx, alice.label, alice.record, 2), refusal("head_unknown"));
  assert.equal((await auditLog(ctx)).names, 0);
  await register(ctx, alice.label, alice.record, 1);
  await assert.rejects(lookup(ctx, alice.label, 4), refusal("head_unknown"));
  const bob = parseAccountLabel("bob");
  await absent(ctx, bob, await lookup(ctx, bob, null));
});

Deno.test("a bundle verifies against the record that came with it", async () => {
  using kv = await Deno.openKv(":memory:");
  await using ctx = await openCore(kv);
  const bob = await newAccount("bob");
  await register(ctx, bob.label, bob.record, null);
  const alice = parseAccountLabel("alice");
  await assert.rejects(takeBundles(ctx, bob.label, bob.label, null), refusal("self_call"));
  assert.deepEqual((await takeBundles(ctx, alice, bob.label, null)).bundles, []);
  const nobody = await takeBundles(ctx, bob.label, alice, null);
  await absent(ctx, alice, nobody.lookup);
  assert.deepEqual(nobody.bundles, []);
  const record = (await ctx.accounts.record(bob.label))!;
  await publishPrekeys(ctx, bob.label, 1, await newPrekeys(bob, record, { count: 2 }));
  const indexes: (number | undefined)[] = [];
  for (let i = 0; i < 3; i++) {
    const { lookup: answer, bundles } = await takeBundles(ctx, alice, bob.label, 1);
    assert.equal(bundles.length, 1);
    const { record } = await verified(ctx, bob.label, answer);
    await verifyBundle(record, bundles[0]!, Date.now(), null);
    indexes.push(bundles[0]!.opk?.index);
  }
  assert.deepEqual(new Set(indexes), new Set([0, 1, undefined]));
  assert.equal(indexes[2], undefined);
});

Deno.test("of 12 one-time prekeys none is handed out twice to 16 who ask at once", async () => {
  using kv = await Deno.openKv(":memory:");
  await using ctx = await openCore(kv);
  const bob = await newAccount("bob");
  await register(ctx, bob.label, bob.record, null);
  const record = (await ctx.accounts.record(bob.label))!;
  await publishPrekeys(ctx, bob.label, 1, await newPrekeys(bob, record, { count: 12 }));
  const answers = await Promise.all(Array.from({ length: 16 }, (_, i) => {
    return takeBundles(ctx, parseAccountLabel(`caller${i}`), bob.label, null);
  }));
  const handed = answers.flatMap(({ bundles }) => bundles[0]!.opk?.index ?? []);
  assert.equal(handed.length, 12);
  assert.equal(new Set(handed).size, 12);
});

Deno.test("nobody drains somebody's one-time prekeys: who asks too often gets bundles without one", async () => {
  using kv = await Deno.openKv(":memory:");
  let nowMs = Date.now();
  await using ctx = await openCore(kv, { now: () => nowMs });
  const bob = await newAccount("bob");
  await register(ctx, bob.label, bob.record, null);
  const record = (await ctx.accounts.record(bob.label))!;
  await publishPrekeys(ctx, bob.label, 1, await newPrekeys(bob, record, { count: 32 }));
  const ask = async (name: string, times: number): Promise<number> => {
    let taken = 0;
    for (let i = 0; i < times; i++) {
      const { bundles } = await takeBundles(ctx, parseAccountLabel(name), bob.label, null);
      assert.equal(bundles.length, 1, "there is a bundle all the same");
      if (bundles[0]!.opk !== null) taken++;
    }
    return taken;
  };
  assert.equal(await ask("mallory", 40), 6);
  assert.equal(await ask("alice", 2), 2, "who uses hers up uses up nobody else's");
  let together = 8;
  for (let i = 0; i < 30; i++) together += await ask(`sybil${i}`, 2);
  assert.equal(together, 16);
  nowMs += 3_600_000;
  assert.equal(await ask("carol", 2), 1, "and they come back, one by one");
});

Deno.test("an answer of one log convinces nobody who pinned another", async () => {
  using kv = await Deno.openKv(":memory:");
  await using ctx = await openCore(kv);
  await using other = await openCore(kv, { origin: "other.invalid/kt/1", secret: 9 });
  const alice = await newAccount("alice");
  const answer = await register(ctx, alice.label, alice.record, null);
  await assert.rejects(
    verified(other, alice.label, answer),
    (error: CryptoError) => error.code === "other_log",
  );
  assert.equal(identityOf(other).origin, "other.invalid/kt/1");
  assert.equal((await readPublished(other))?.value.size, 1);
  assert.equal(parseTlogProof(answer.proof).index, 2);
});
