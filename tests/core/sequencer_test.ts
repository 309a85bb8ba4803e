import assert from "node:assert/strict";
import { register } from "../../core/registration.ts";
import { ServiceError } from "../../core/error.ts";
import { auditLog } from "../../core/log_audit.ts";
import { concat, utf8 } from "../../crypto/bytes.ts";
import { decodeEpochRoot } from "../../crypto/log_entry.ts";
import { MAX_RECORD_BYTES } from "../../crypto/record.ts";
import { readEntry } from "../../kv/entries.ts";
import { checkNotFrozen, deleteFrozen, writeFrozen } from "../../kv/frozen.ts";
import { readHead, writeHead } from "../../kv/head.ts";
import { addCost, costOf, fits } from "../../kv/limits.ts";
import { logKey } from "../../kv/log_key.ts";
import { newPoolId, type Pooled } from "../../kv/pool.ts";
import { readPublished, writePublished } from "../../kv/published.ts";
import { batchStep, fill } from "../../core/epoch.ts";
import { parseAccountLabel } from "../../crypto/account_label.ts";
import { StoreError } from "../../kv/store_error.ts";
import { commit } from "../../kv/transact.ts";
import { lookup } from "../../core/directory.ts";
import { faultyKv } from "../support/faulty_kv.ts";
import {
  newAccount,
  openCore,
  ORIGIN,
  type TestAccount,
  verified,
} from "../support/service_core.ts";

function people(count: number, prefix = "person"): Promise<TestAccount[]> {
  return Promise.all(Array.from({ length: count }, (_, i) => newAccount(`${prefix}${i}`)));
}

/** A pool entry with the longest name and record. */
function pooledOf(i: number): Pooled {
  return {
    id: newPoolId(i),
    entry: {
      label: parseAccountLabel(`${i}`.padStart(128, "x")),
      version: 0,
      record: crypto.getRandomValues(new Uint8Array(MAX_RECORD_BYTES)),
      recordHash: new Uint8Array(32),
      opening: new Uint8Array(16),
      commitment: new Uint8Array(32),
      vrfOutput: new Uint8Array(32).fill(i),
      vrfProof: new Uint8Array(80),
    },
  };
}

function isUnavailable(error: unknown): boolean {
  if (error instanceof StoreError) return true;
  assert.ok(error instanceof ServiceError, String(error));
  assert.equal(error.code, "unavailable");
  return true;
}

function isFrozen(error: unknown): boolean {
  assert.ok(error instanceof ServiceError, String(error));
  assert.equal(error.code, "log_frozen");
  return true;
}

Deno.test("three sequencers on one store take every record in exactly once", async () => {
  using kv = await Deno.openKv(":memory:");
  await using one = await openCore(kv);
  await using two = await openCore(kv);
  await using three = await openCore(kv);
  const contexts = [one, two, three];
  const all = await people(90);
  const answers = await Promise.all(
    all.map(({ label, record }, i) => register(contexts[i % 3]!, label, record, null)),
  );
  for (const i of [0, 1, 2, 88, 89]) await verified(two, all[i]!.label, answers[i]!);
  const { names, pending, faults } = await auditLog(one, one.keys.logVerifierKey);
  assert.deepEqual({ names, pending, faults }, { names: 90, pending: 0, faults: [] });
});

Deno.test("a record that another instance took in is acknowledged here too", async () => {
  using kv = await Deno.openKv(":memory:");
  await using one = await openCore(kv);
  await using two = await openCore(kv);
  const alice = await newAccount("alice");
  await register(one, alice.label, alice.record, null);
  await two.sequencer.sequenced(newPoolId(0));
  await two.sequencer.settled();
});

Deno.test("the log's time never goes back when the clock does", async () => {
  using kv = await Deno.openKv(":memory:");
  const startMs = Date.now();
  let nowMs = startMs;
  await using ctx = await openCore(kv, { now: () => nowMs });
  for (const person of await people(3)) {
    await register(ctx, person.label, person.record, null);
    nowMs -= 60_000;
  }
  for (const index of [2, 4, 6]) {
    assert.equal(decodeEpochRoot((await readEntry(ctx, index))!).timestampMs, startMs);
  }
  assert.deepEqual((await auditLog(ctx)).faults, []);
});

Deno.test("an epoch of the longest names and records stays within one commit", async () => {
  using kv = await Deno.openKv(":memory:");
  await using ctx = await openCore(kv);
  const pool = Array.from({ length: 128 }, (_, i) => pooledOf(i));
  const batch = fill(ctx, pool);
  assert.ok(batch.length > 30 && batch.length < 40, `${batch.length} records fit`);
  const { check, mutations } = await batchStep(ctx, (await readHead(ctx))!, batch, Date.now());
  assert.ok(fits(costOf(mutations)));
  assert.equal(await commit(kv, [check], mutations), "committed");
  const small = pool.map(({ id, entry }) => ({ id, entry: { ...entry, record: utf8("r") } }));
  const long = { kv, origin: `${"x".repeat(240)}/kt/1` };
  const { length } = fill(long, small);
  assert.ok(length < 128, "keys are weighed too");
  assert.ok(fits(addCost(costOf([]), { mutations: 900, bytes: 1, keyBytes: 1 })));
});

Deno.test("a store that fails now and then delays a registration and loses nothing", async () => {
  using kv = await Deno.openKv(":memory:");
  const said: string[] = [];
  const faulty = faultyKv(kv, (n) => n % 3 === 0 ? "before" : n % 4 === 0 ? "after" : null);
  await using ctx = await openCore(faulty.kv, { report: (sentence) => said.push(sentence) });
  for (const { label, record } of await people(6)) {
    await verified(ctx, label, await register(ctx, label, record, null));
  }
  assert.deepEqual((await auditLog({ kv, origin: ORIGIN })).faults, []);
});

Deno.test("while the store takes nothing everyone is told so, and afterwards all goes on", async () => {
  using kv = await Deno.openKv(":memory:");
  let down = false;
  const faulty = faultyKv(kv, () => down ? "before" : null);
  await using ctx = await openCore(faulty.kv);
  const [alice, bob] = await people(2) as [TestAccount, TestAccount];
  down = true;
  await assert.rejects(register(ctx, alice.label, alice.record, null), isUnavailable);
  assert.equal((await auditLog({ kv, origin: ORIGIN })).size, 1);
  down = false;
  for (const { label, record } of [alice, bob]) {
    await verified(ctx, label, await register(ctx, label, record, null));
  }
});

Deno.test("a sequencer that cannot commit rejects those who wait, then takes them in", async () => {
  using kv = await Deno.openKv(":memory:");
  let down = false;
  const faulty = faultyKv(kv, () => down ? "before" : null);
  const said: string[] = [];
  await using ctx = await openCore(kv);
  await using broken = await openCore(faulty.kv, { report: (sentence) => said.push(sentence) });
  const alice = await newAccount("alice");
  // The sound sequencer's first look at the pool is over, so that it takes nothing in unasked.
  await ctx.sequencer.settled();
  // The name is claimed through the sound store, the epoch goes through the broken one.
  down = true;
  const lame = { ...ctx, sequencer: broken.sequencer };
  const refused = register(lame, alice.label, alice.record, null);
  await assert.rejects(refused, isUnavailable);
  assert.ok(said.length > 0, "the operator is told");
  down = false;
  await verified(ctx, alice.label, await register(ctx, alice.label, alice.record, null));
  assert.deepEqual((await auditLog(ctx)).faults, []);
});

Deno.test("what was committed and not published is published by the next start", async () => {
  using kv = await Deno.openKv(":memory:");
  const alice = await newAccount("alice");
  {
    await using ctx = await openCore(kv);
    await register(ctx, alice.label, alice.record, null);
  }
  const key = logKey({ kv, origin: ORIGIN }, "published");
  await kv.delete(key);
  await using ctx = await openCore(kv);
  assert.equal((await readPublished(ctx))?.value.size, 3);
  await verified(ctx, alice.label, await lookup(ctx, alice.label, null));
});

Deno.test("what an instance left in the pool is taken in by the next start", async () => {
  using kv = await Deno.openKv(":memory:");
  const alice = await newAccount("alice");
  {
    await using ctx = await openCore(kv);
    await ctx.sequencer.settled();
    const dying = { ...ctx.sequencer, sequenced: () => Promise.reject(new Error("killed")) };
    const dead = { ...ctx, sequencer: dying };
    await assert.rejects(register(dead, alice.label, alice.record, null), /killed/);
    assert.equal((await auditLog(ctx)).pending, 1);
  }
  await using ctx = await openCore(kv);
  await ctx.sequencer.settled();
  const { names, pending, faults } = await auditLog(ctx);
  assert.deepEqual({ names, pending, faults }, { names: 1, pending: 0, faults: [] });
});

Deno.test("a store that was rolled back freezes the log instead of forking it", async () => {
  using kv = await Deno.openKv(":memory:");
  const said: string[] = [];
  await using ctx = await openCore(kv, { report: (sentence) => said.push(sentence) });
  const [alice, bob, carol] = await people(3) as [TestAccount, TestAccount, TestAccount];
  await register(ctx, alice.label, alice.record, null);
  const old = (await readHead(ctx))!.value;
  await register(ctx, bob.label, bob.record, null);
  await commit(kv, [], [writeHead(ctx, old)]);
  await assert.rejects(register(ctx, carol.label, carol.record, null), isFrozen);
  await assert.rejects(register(ctx, carol.label, carol.record, null), isFrozen);
  assert.match(said.join(), /frozen/);
  assert.equal((await readHead(ctx))!.value.size, old.size, "nothing is built on such a head");
  assert.equal((await readPublished(ctx))!.value.size, 5);
  await using again = await openCore(kv);
  assert.throws(() => again.sequencer.requireOpen(), isFrozen);
});

Deno.test("what one instance freezes is frozen for all, also in the midst of an epoch", async () => {
  using kv = await Deno.openKv(":memory:");
  await using one = await openCore(kv);
  await using two = await openCore(kv);
  const [alice, bob] = await people(2) as [TestAccount, TestAccount];
  await register(one, alice.label, alice.record, null);
  const read = (await readHead(two))!;
  const { check, mutations } = await batchStep(two, read, [pooledOf(9)], Date.now());
  const reason = "somebody found something";
  await writeFrozen(one, { reason, atMs: 1, evidence: null, isReplaying: false });
  assert.equal(await commit(kv, [check, checkNotFrozen(two)], mutations), "conflict");
  await assert.rejects(register(two, bob.label, bob.record, null), isFrozen);
  assert.equal((await readHead(two))!.value.size, 3);
  assert.throws(() => two.sequencer.requireOpen(), isFrozen);
  await verified(two, alice.label, await lookup(two, alice.label, null));
});

Deno.test("an instance that is overtaken while it reads the head freezes nothing", async () => {
  using kv = await Deno.openKv(":memory:");
  const { promise: gate, resolve: openGate } = Promise.withResolvers<void>();
  const { promise: isHeld, resolve: hold } = Promise.withResolvers<void>();
  let holds = false;
  /** The store, of which one read of the head is answered late. */
  const slow = new Proxy(kv, {
    get(target, property) {
      const member = Reflect.get(target, property, target);
      if (property !== "get") return typeof member === "function" ? member.bind(target) : member;
      return async (key: Deno.KvKey) => {
        const row = await target.get(key);
        if (!holds || key[2] !== "head") return row;
        holds = false;
        hold();
        await gate;
        return row;
      };
    },
  });
  await using one = await openCore(slow);
  await using two = await openCore(kv);
  await one.sequencer.settled();
  holds = true;
  const settled = one.sequencer.settled();
  await isHeld;
  const alice = await newAccount("alice");
  await register(two, alice.label, alice.record, null);
  // The publisher of the one sees what the other published, before its sequencer goes on.
  await one.publisher.covered(3);
  openGate();
  await settled;
  one.sequencer.requireOpen();
});

Deno.test("a head of the same size with another root is never signed", async () => {
  using kv = await Deno.openKv(":memory:");
  await using ctx = await openCore(kv);
  const alice = await newAccount("alice");
  await register(ctx, alice.label, alice.record, null);
  const head = (await readHead(ctx))!.value;
  for (const size of [head.size, head.size + 2]) {
    const forged = { ...head, size, root: concat(head.root.slice(1), head.root.slice(0, 1)) };
    await commit(kv, [], [writeHead(ctx, forged)]);
    await using frozen = await openCore(kv);
    assert.throws(() => frozen.sequencer.requireOpen(), isFrozen);
    assert.equal((await readPublished(ctx))!.value.size, head.size);
    await commit(kv, [], [writeHead(ctx, head)]);
    await using still = await openCore(kv);
    assert.throws(() => still.sequencer.requireOpen(), isFrozen, "until it was recovered");
    await commit(kv, [], [deleteFrozen(ctx)]);
  }
  await using again = await openCore(kv);
  again.sequencer.requireOpen();
});

Deno.test("a head that the published one does not lead to is never signed", async () => {
  using kv = await Deno.openKv(":memory:");
  await using ctx = await openCore(kv);
  const [alice, bob] = await people(2) as [TestAccount, TestAccount];
  await register(ctx, alice.label, alice.record, null);
  const published = (await readPublished(ctx))!.value;
  await register(ctx, bob.label, bob.record, null);
  const head = (await readHead(ctx))!.value;
  await commit(kv, [], writePublished(ctx, { ...published, root: head.root }, false));
  {
    await using frozen = await openCore(kv);
    assert.throws(() => frozen.sequencer.requireOpen(), isFrozen);
  }
  await commit(kv, [], [deleteFrozen(ctx)]);
  await commit(kv, [], writePublished(ctx, published, false));
  await using _sound = await openCore(kv);
  assert.equal((await readPublished(ctx))!.value.size, head.size);
});

Deno.test("another secret does not open the log", async () => {
  using kv = await Deno.openKv(":memory:");
  await using _ctx = await openCore(kv);
  await assert.rejects(openCore(kv, { secret: 8 }), /founded with another secret/);
});

Deno.test("a closed sequencer takes no more and leaves nobody waiting", async () => {
  using kv = await Deno.openKv(":memory:");
  const ctx = await openCore(kv);
  const all = await people(5);
  const under = Promise.allSettled(all.map((p) => register(ctx, p.label, p.record, null)));
  await ctx.close();
  for (const result of await under) {
    if (result.status === "rejected") isUnavailable(result.reason);
  }
  await assert.rejects(ctx.sequencer.sequenced("none"), isUnavailable);
  assert.deepEqual((await auditLog({ kv, origin: ORIGIN })).faults, []);
});
