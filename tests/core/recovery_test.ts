import assert from "node:assert/strict";
import { filesIn } from "../../cli/recover.ts";
import { type OpenContext } from "../../core/context.ts";
import { lookup, takeBundles } from "../../core/directory.ts";
import { ServiceError } from "../../core/error.ts";
import { auditLog } from "../../core/log_audit.ts";
import { type LogSource, LogSourceError } from "../../core/log_source.ts";
import { recoverLog, type Recovery, RecoveryError } from "../../core/recovery.ts";
import { publishPrekeys, requirePublished } from "../../core/prekeys.ts";
import { register } from "../../core/registration.ts";
import { concat } from "../../crypto/bytes.ts";
import { prekeySetHash } from "../../crypto/prekey.ts";
import { logOnlyPolicy, type LogPolicy } from "../../crypto/policy.ts";
import { type Frozen, readFrozen, writeFrozen } from "../../kv/frozen.ts";
import { readHead } from "../../kv/head.ts";
import { type LogStore } from "../../kv/log_key.ts";
import { readPool, writePooled } from "../../kv/pool.ts";
import { publishedOf, type PublishedRow, readPublished } from "../../kv/published.ts";
import { readSigned } from "../../kv/signed_head.ts";
import { commit } from "../../kv/transact.ts";
import { mortal } from "../support/faulty_kv.ts";
import { mirrorOf, restore, rowsOf, writeFiles } from "../support/mirror.ts";
import {
  newAccount,
  newPrekeys,
  openCore,
  ORIGIN,
  type TestAccount,
  verified,
} from "../support/service_core.ts";
import { startWitness, type TestWitness } from "../support/test_witness.ts";
import { logKeysOf, openWitnessed, valueOf } from "../support/witnessed.ts";

type Rows = readonly Deno.KvEntry<unknown>[];

/** A log of five names with a witness, a copy of its store after two of them, and a mirror of it all. */
interface World extends AsyncDisposable {
  readonly kv: Deno.Kv;
  readonly log: LogStore;
  readonly witness: TestWitness;
  readonly people: readonly TestAccount[];
  /** The store after two names, with a third one in the pool. */
  readonly copy: Rows;
  readonly mirror: LogSource;
  readonly checkpoint: string;
  readonly policy: LogPolicy;
  open(): Promise<OpenContext>;
  recover(fields?: Partial<Parameters<typeof recoverLog>[0]>): Promise<Recovery>;
}

async function world(): Promise<World> {
  const kv = await Deno.openKv(":memory:");
  const far = await Deno.openKv(":memory:");
  const witness = await startWitness("w", { logKeys: await logKeysOf() });
  const open = () => openWitnessed(kv, { witnesses: [witness], threshold: 1 });
  const people = await Promise.all(["a", "b", "c", "d", "e"].map((name) => newAccount(name)));
  const log = { kv, origin: ORIGIN };
  let copy: Rows = [];
  let policy: LogPolicy;
  {
    await using ctx = await open();
    policy = ctx.policy;
    for (const [i, { label, record }] of people.entries()) {
      if (i === 2) {
        // The copy is taken between the claim and the epoch.
        const cut = new Error("cut");
        const sequencer = { ...ctx.sequencer, sequenced: () => Promise.reject(cut) };
        await assert.rejects(register({ ...ctx, sequencer }, label, record, null), cut);
        copy = await rowsOf(kv);
      }
      await register(ctx, label, record, null);
    }
  }
  await restore(far, await rowsOf(kv));
  const mirror = mirrorOf({ kv: far, origin: ORIGIN });
  const checkpoint = (await valueOf(readPublished, log)).note;
  return {
    kv,
    log,
    witness,
    people,
    copy,
    mirror,
    checkpoint,
    policy,
    open,
    recover: (fields = {}) =>
      recoverLog({ log, source: mirror, checkpoint, policy, now: Date.now, ...fields }),
    async [Symbol.asyncDispose]() {
      kv.close();
      far.close();
      await witness[Symbol.asyncDispose]();
    },
  };
}

/** The published note among the rows of a store. */
function noteIn(rows: Rows): string {
  const row = rows.find(({ key }) => key[2] === "published")!;
  return publishedOf(row.value as PublishedRow).note;
}

/** What of rows a recovery makes alike each time; heads and signatures have times and ids. */
function lasting(rows: Rows): unknown[] {
  return rows.filter(({ key }) => key[2] !== "signed" && key[2] !== "head")
    .map(({ key, value }) => [key, value]);
}

/** Requires that the log goes on: lost names are brought again, new ones join, nothing is at fault. */
async function requireAlive(it: World): Promise<void> {
  await using ctx = await it.open();
  ctx.sequencer.requireOpen();
  for (const { label, record } of it.people) {
    await verified(ctx, label, await register(ctx, label, record, null));
  }
  const { size } = await valueOf(readHead, ctx);
  assert.equal(size, 11, "what was brought again is where it was");
  const late = await newAccount("late");
  await verified(ctx, late.label, await register(ctx, late.label, late.record, null));
  const { names, pending, faults } = await auditLog(ctx);
  assert.deepEqual({ names, pending, faults }, { names: 6, pending: 0, faults: [] });
}

Deno.test("a store that was rolled back is brought to where its log was", async () => {
  await using it = await world();
  await restore(it.kv, it.copy);
  {
    await using ctx = await it.open();
    assert.ok(ctx.publisher.frozen() !== null);
  }
  const recovery = await it.recover();
  assert.deepEqual(recovery, {
    kept: 5,
    size: 11,
    published: 11,
    completed: 1,
    dropped: 0,
    lost: 2,
  });
  assert.equal(await readFrozen(it.log), null);
  assert.equal((await valueOf(readSigned, it.log)).size, 11);
  assert.equal((await valueOf(readPublished, it.log)).note, it.checkpoint);
  {
    await using ctx = await it.open();
    for (const { label, record } of it.people.slice(0, 3)) {
      const { record: { bytes } } = await verified(ctx, label, await lookup(ctx, label, null));
      assert.deepEqual(bytes, record);
    }
    await assert.rejects(
      lookup(ctx, it.people[3]!.label, null),
      (error: ServiceError) => error.code === "record_lost",
    );
  }
  await requireAlive(it);
});

Deno.test("a store that was lost is rebuilt whole, and its names are brought again", async () => {
  await using it = await world();
  await restore(it.kv, []);
  const { kept, size, lost } = await it.recover();
  assert.deepEqual({ kept, size, lost }, { kept: 0, size: 11, lost: 5 });
  await requireAlive(it);
});

Deno.test("a history that nobody witnessed gives way to the one that was", async () => {
  await using it = await world();
  await restore(it.kv, it.copy);
  const carol = await newAccount("carol");
  {
    // Run without its witnesses, the copy grows into another history.
    await using ctx = await openCore(it.kv);
    await register(ctx, carol.label, carol.record, null);
  }
  await assert.rejects(
    it.recover({ policy: logOnlyPolicy(it.policy.logs[0]!) }),
    (error) => error instanceof RecoveryError && /give the policy/.test(error.message),
  );
  const { kept, dropped, lost } = await it.recover();
  assert.deepEqual({ kept, dropped }, { kept: 0, dropped: 1 });
  assert.equal(lost, 2);
  assert.equal((await valueOf(readPublished, it.log)).note, it.checkpoint);
  await requireAlive(it);
});

Deno.test("a record in the pool that the log has otherwise is dropped, and can be brought again", async () => {
  await using it = await world();
  await restore(it.kv, it.copy);
  const [pooled] = await readPool(it.log, 1);
  const entry = { ...pooled!.entry, opening: new Uint8Array(16) };
  await commit(it.kv, [], [writePooled(it.log, { ...pooled!, entry })]);
  const { completed, dropped, lost } = await it.recover();
  assert.deepEqual({ completed, dropped, lost }, { completed: 0, dropped: 1, lost: 3 });
  await requireAlive(it);
});

Deno.test("a recovery that is cut off anywhere leaves the log frozen, and the next one ends it", async () => {
  for (const start of ["rolled back", "forked"]) {
    await using it = await world();
    await restore(it.kv, it.copy);
    if (start === "forked") {
      await using ctx = await openCore(it.kv);
      const carol = await newAccount("carol");
      await register(ctx, carol.label, carol.record, null);
    }
    const before = await rowsOf(it.kv);
    const living = mortal(it.kv, Infinity);
    await it.recover({ log: { kv: living.kv, origin: ORIGIN } });
    const whole = await rowsOf(it.kv);
    const result = lasting(whole);
    const steps = living.steps();
    assert.ok(steps > 30, `${steps} steps`);
    for (let diesAt = 1; diesAt <= steps; diesAt += 3) {
      await restore(it.kv, before);
      const process = mortal(it.kv, diesAt);
      await Promise.race([
        it.recover({ log: { kv: process.kv, origin: ORIGIN } }).catch(() => {}),
        process.died,
      ]);
      const rows = await rowsOf(it.kv);
      const isOver = rows.length === whole.length;
      const isUntouched = rows.length === before.length;
      const isFrozen = await readFrozen(it.log) !== null;
      assert.ok(isFrozen || isOver || isUntouched, `step ${diesAt} of ${start}`);
      await it.recover();
      assert.deepEqual(lasting(await rowsOf(it.kv)), result, `step ${diesAt} of ${start}`);
    }
    await requireAlive(it);
  }
});

Deno.test("a mirror that lies, is another log's, or is behind changes nothing", async () => {
  await using it = await world();
  await restore(it.kv, it.copy);
  const before = await rowsOf(it.kv);
  const other = await openCore(await Deno.openKv(":memory:"), { secret: 8 });
  const theirs = (await valueOf(readPublished, other)).note;
  await other.close();
  other.kv.close();
  const lying: LogSource = {
    ...it.mirror,
    bundle: async (index, width) => {
      const entries = [...await it.mirror.bundle(index, width)];
      entries[3] = entries[1]!;
      return entries;
    },
  };
  const silent: LogSource = {
    ...it.mirror,
    bundle: () => Promise.reject(new LogSourceError("The log can't be reached")),
  };
  const early = noteIn(it.copy);
  const tries: readonly [Partial<Parameters<typeof recoverLog>[0]>, RegExp][] = [
    [{ source: lying }, /not those of its own checkpoint/],
    [{ source: silent }, /can't be reached/],
    [{ checkpoint: theirs }, /not signed by this log's key/],
    [{ checkpoint: it.checkpoint.replace("\n11\n", "\n13\n") }, /not signed by this log's key/],
    [{ checkpoint: "" }, /not signed by this log's key/],
  ];
  for (const [fields, sentence] of tries) {
    await assert.rejects(it.recover(fields), sentence);
    assert.deepEqual(await rowsOf(it.kv), before);
  }
  await it.recover();
  // What this store signed since is beyond a mirror of then.
  const head = await valueOf(readHead, it.log);
  await it.kv.set(["log", ORIGIN, "head"], {
    ...head,
    size: 3,
    root: concat(head.root.slice(1), head.root.slice(0, 1)),
  });
  await assert.rejects(it.recover({ checkpoint: early }), /ends at size 5, below 11/);
});

Deno.test("a freeze without cause ends, whether the mirror has as much or less", async () => {
  await using it = await world();
  for (const checkpoint of [it.checkpoint, noteIn(it.copy)]) {
    await writeFrozen(it.log, frozenFor("a lie"));
    const { kept, size, published, lost } = await it.recover({ checkpoint });
    assert.deepEqual([kept, size, published, lost], [11, 11, 11, 0]);
    assert.equal(await readFrozen(it.log), null);
  }
  await requireAlive(it);
});

Deno.test("tiles that are damaged beneath a sound head are built again", async () => {
  for (const table of ["prefix", "tile", "entry"]) {
    await using it = await world();
    await restore(it.kv, it.copy);
    for (const { key } of it.copy) if (key[2] === table) await it.kv.delete(key);
    const { size } = await it.recover();
    assert.equal(size, 11);
    await requireAlive(it);
  }
});

Deno.test("only a tree that was replayed is gone on with, whatever the sentence says", async () => {
  await using it = await world();
  await restore(it.kv, it.copy);
  await writeFrozen(it.log, frozenFor("its recovery was not finished"));
  for (const { key } of it.copy) if (key[2] === "tile") await it.kv.delete(key);
  await it.recover();
  await requireAlive(it);
});

Deno.test("a service does not found a log anew whose recovery was not finished", async () => {
  await using it = await world();
  await restore(it.kv, it.copy);
  await writeFrozen(it.log, { ...frozenFor("it is replayed"), isReplaying: true });
  await it.kv.delete(["log", ORIGIN, "head"]);
  await assert.rejects(it.open(), /Cannot open the log: it is replayed/);
  assert.equal(await readHead(it.log), null);
});

Deno.test("a mirror may be a folder of files", async () => {
  await using it = await world();
  const folder = await Deno.makeTempDir();
  try {
    await writeFiles(it.log, folder);
    await restore(it.kv, it.copy);
    const files = filesIn(folder);
    const checkpoint = await files.checkpoint();
    const { kept, size } = await it.recover({ source: files.source, checkpoint });
    assert.deepEqual({ kept, size }, { kept: 5, size: 11 });
    await requireAlive(it);
    await Deno.remove(`${folder}/checkpoint`);
    await assert.rejects(files.checkpoint(), LogSourceError);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

function frozenFor(reason: string): Frozen {
  return { reason, atMs: 1, evidence: null, isReplaying: false };
}

Deno.test("a store that was rolled back hands out no one-time prekey that it may have handed out", async () => {
  await using it = await world();
  const [{ label: alice }, bob] = [it.people[0]!, it.people[1]!];
  await restore(it.kv, it.copy);
  const publication = await (async () => {
    await using ctx = await it.open();
    const record = (await ctx.accounts.record(bob.label))!;
    const set = await newPrekeys(bob, record, { count: 4 });
    await publishPrekeys(ctx, bob.label, 1, set);
    return set;
  })();
  await it.recover();
  await using ctx = await it.open();
  const { bundles } = await takeBundles(ctx, alice, bob.label, null);
  assert.deepEqual(bundles.map(({ set, opk }) => [set, opk]), [[publication.set, null]]);
  // The device's set is there all the same, and the next one comes with new one-time prekeys.
  await requirePublished(ctx, bob.label, 1, prekeySetHash(publication.set));
  const record = (await ctx.accounts.record(bob.label))!;
  await publishPrekeys(ctx, bob.label, 1, await newPrekeys(bob, record, { setNumber: 2 }));
  const again = await takeBundles(ctx, alice, bob.label, null);
  assert.ok(again.bundles[0]!.opk !== null);
});
