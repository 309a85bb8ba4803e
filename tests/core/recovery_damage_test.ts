/** Recovering a store whose rows are damaged: whatever is in one, the others are brought back. */

import assert from "node:assert/strict";
import { type OpenContext } from "../../core/context.ts";
import { auditLog } from "../../core/log_audit.ts";
import { type LogSource, LogSourceError } from "../../core/log_source.ts";
import { recoverLog, type Recovery, RecoveryError } from "../../core/recovery.ts";
import { register } from "../../core/registration.ts";
import { concat } from "../../crypto/bytes.ts";
import { parseVerifierKey } from "../../crypto/note_key.ts";
import { logOnlyPolicy } from "../../crypto/policy.ts";
import { readFrozen, writeFrozen } from "../../kv/frozen.ts";
import { logKey, type LogStore } from "../../kv/log_key.ts";
import { readPublished } from "../../kv/published.ts";
import { mirrorOf, restore, rowsOf } from "../support/mirror.ts";
import {
  newAccount,
  openCore,
  ORIGIN,
  type TestAccount,
  verified,
} from "../support/service_core.ts";

/** A log of three names, a mirror of it, and its rows. */
interface World extends Disposable {
  readonly log: LogStore;
  readonly people: readonly TestAccount[];
  readonly rows: readonly Deno.KvEntry<unknown>[];
  readonly mirror: LogSource;
  open(): Promise<OpenContext>;
  recover(source?: LogSource): Promise<Recovery>;
}

async function world(): Promise<World> {
  const [kv, far] = [await Deno.openKv(":memory:"), await Deno.openKv(":memory:")];
  const log = { kv, origin: ORIGIN };
  const people = await Promise.all(["alice", "bob", "carol"].map((name) => newAccount(name)));
  let key = "";
  {
    await using ctx = await openCore(kv);
    key = ctx.keys.logVerifierKey;
    for (const { label, record } of people) await register(ctx, label, record, null);
  }
  const rows = await rowsOf(kv);
  await restore(far, rows);
  const mirror = mirrorOf({ kv: far, origin: ORIGIN });
  const checkpoint = (await readPublished(log))!.value.note;
  const policy = logOnlyPolicy(parseVerifierKey(key));
  return {
    log,
    people,
    rows,
    mirror,
    open: () => openCore(kv),
    recover: (source = mirror) =>
      recoverLog({ log, source, checkpoint, policy, now: () => Date.now() }),
    [Symbol.dispose]() {
      kv.close();
      far.close();
    },
  };
}

type Fields = Record<string, unknown>;

/** Changes the first row of a table, or those parts of it that are named. */
async function harm({ log }: World, table: string, harmed: unknown): Promise<void> {
  const selector = { prefix: logKey(log) };
  for await (const { key, value } of log.kv.list<Fields>(selector)) {
    if (key[2] !== table) continue;
    const isPart = typeof harmed === "object" && !(harmed instanceof Uint8Array);
    await log.kv.set(key, isPart ? { ...value, ...harmed } : harmed);
    return;
  }
  throw new Error(`bug: there is no row of ${table}`);
}

/** Requires that everybody's record is proved once they brought it again, and that nothing is at fault. */
async function requireWhole(it: World, what: string): Promise<void> {
  assert.equal(await readFrozen(it.log), null, what);
  {
    await using ctx = await it.open();
    for (const { label, record } of it.people) {
      await verified(ctx, label, await register(ctx, label, record, null));
    }
  }
  const { names, pending, faults } = await auditLog(it.log);
  assert.deepEqual({ names, pending, faults }, { names: 3, pending: 0, faults: [] }, what);
}

Deno.test("a row that is damaged keeps nobody from recovering the others", async () => {
  using it = await world();
  const proof = (await valueRow(it)).vrfProof as Uint8Array<ArrayBuffer>;
  const forged = concat(proof.slice(0, 40), new Uint8Array(40));
  const harms: readonly [string, unknown, number][] = [
    ["value", { vrfProof: new Uint8Array(80).fill(255) }, 1],
    ["value", { vrfProof: new Uint8Array(80) }, 1],
    ["value", { vrfProof: forged }, 1],
    ["value", { record: new Uint8Array(20) }, 1],
    ["value", { opening: new Uint8Array(16) }, 1],
    ["value", 1, 1],
    ["label", 1, 0],
    ["label", { version: 7 }, 0],
    ["label", { recordHash: new Uint8Array(32) }, 0],
    ["key", 1, 0],
    ["key", { label: "mallory" }, 0],
    ["key", { deviceId: 9 }, 0],
    ["published", { note: "x" }, 0],
    ["published", { root: new Uint8Array(32) }, 0],
    ["published", { size: 5 }, 0],
    ["published", { verifierKey: "x" }, 0],
    ["published", 1, 0],
    ["head", 1, 0],
    ["head", { size: 8 }, 0],
    ["head", { frontier: [] }, 0],
    ["entry", 1, 0],
    ["tile", new Uint8Array(32), 0],
    ["prefix", new Uint8Array(3), 0],
  ];
  for (const [table, harmed, lost] of harms) {
    const what = `${table} ${JSON.stringify(harmed)?.slice(0, 30)}`;
    await restore(it.log.kv, it.rows);
    await harm(it, table, harmed);
    const recovery = await it.recover();
    assert.equal(recovery.lost, lost, what);
    assert.equal(recovery.published, 7, what);
    const { faults } = await auditLog(it.log);
    assert.deepEqual(faults, [], what);
    await requireWhole(it, what);
  }
});

Deno.test("a record that waited goes on waiting, and one that was damaged meanwhile is dropped", async () => {
  using it = await world();
  const dave = await newAccount("dave");
  let waiting: readonly Deno.KvEntry<unknown>[] = [];
  {
    await using ctx = await it.open();
    const cut = new Error("cut");
    const sequencer = { ...ctx.sequencer, sequenced: () => Promise.reject(cut) };
    await assert.rejects(register({ ...ctx, sequencer }, dave.label, dave.record, null), cut);
    waiting = await rowsOf(it.log.kv);
  }
  for (const part of [null, "commitment", "vrfOutput", "recordHash", "opening", "vrfProof"]) {
    await restore(it.log.kv, waiting);
    if (part !== null) {
      await harm(it, "pool", { [part]: new Uint8Array(part === "vrfProof" ? 80 : 32) });
    }
    await it.recover();
    const pooled = (await rowsOf(it.log.kv)).filter(({ key }) => key[2] === "pool");
    assert.equal(pooled.length, part === null ? 1 : 0, String(part));
    assert.deepEqual((await auditLog(it.log)).faults, [], String(part));
    await using ctx = await it.open();
    await verified(ctx, dave.label, await register(ctx, dave.label, dave.record, null));
  }
});

Deno.test("keys and names whose rows were lost are those of the records that are left", async () => {
  using it = await world();
  for (const table of ["key", "label"]) {
    await restore(it.log.kv, it.rows);
    for (const { key } of it.rows) if (key[2] === table) await it.log.kv.delete(key);
    assert.equal((await it.recover()).lost, 0);
    assert.deepEqual(stored(await rowsOf(it.log.kv), table), stored(it.rows, table));
    await requireWhole(it, table);
  }
});

Deno.test("what a log was frozen for is kept until its recovery ended well", async () => {
  using it = await world();
  const frozen = { reason: "it forked", atMs: 1, evidence: "a head", isReplaying: false };
  await writeFrozen(it.log, frozen);
  let reads = 0;
  const failing: LogSource = {
    ...it.mirror,
    bundle: (index, width) =>
      reads++ === 0
        ? it.mirror.bundle(index, width)
        : Promise.reject(new LogSourceError("The log can't be reached")),
  };
  await assert.rejects(it.recover(failing), RecoveryError);
  const { reason, evidence, isReplaying } = (await readFrozen(it.log))!.value;
  assert.deepEqual([reason, evidence], ["its recovery was not finished", "a head"]);
  assert.ok(isReplaying);
  await it.recover();
  await requireWhole(it, "after the second try");
});

Deno.test("a mirror with an entry that nobody can read is refused in a sentence", async () => {
  using it = await world();
  for (const at of [0, 1]) {
    const lying: LogSource = {
      ...it.mirror,
      bundle: async (index, width) =>
        (await it.mirror.bundle(index, width)).map((entry, i) =>
          i === at ? new Uint8Array([9]) : entry
        ),
    };
    await assert.rejects(it.recover(lying), (error) => error instanceof RecoveryError);
    assert.deepEqual(await rowsOf(it.log.kv), it.rows);
  }
});

async function valueRow({ log }: World): Promise<Fields> {
  return (await log.kv.get<Fields>(logKey(log, "value", "alice", 0))).value!;
}

function stored(rows: readonly Deno.KvEntry<unknown>[], table: string): unknown[] {
  return rows.filter(({ key }) => key[2] === table).map(({ key, value }) => [key, value]);
}
