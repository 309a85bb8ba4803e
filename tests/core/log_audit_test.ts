import assert from "node:assert/strict";
import { register } from "../../core/registration.ts";
import { stepOf } from "../../core/epoch.ts";
import { auditLog } from "../../core/log_audit.ts";
import { growPrefix, readPrefix } from "../../core/prefix_store.ts";
import { publishPrekeys } from "../../core/prekeys.ts";
import { encodeBatch, encodeEpochRoot } from "../../crypto/log_entry.ts";
import { readHead } from "../../kv/head.ts";
import { type LogStore } from "../../kv/log_key.ts";
import { takeOnce } from "../../kv/nonces.ts";
import { type DevicePrekeys } from "../../kv/prekeys.ts";
import { writeLinkMessage } from "../../kv/links.ts";
import { writeLost } from "../../kv/lost.ts";
import { listMisfits } from "../../kv/row_shape.ts";
import { commit } from "../../kv/transact.ts";
import { verifyGenesis } from "../support/records.ts";
import { newAccount, newPrekeys, openCore, ORIGIN } from "../support/service_core.ts";
import { foundedLog, syntheticPool } from "../support/synthetic_pool.ts";

/** A log of four names in three epochs. */
async function withLog(story: (log: LogStore) => Promise<void>): Promise<void> {
  using kv = await Deno.openKv(":memory:");
  {
    await using ctx = await openCore(kv);
    const people = await Promise.all(["a", "b", "c", "d"].map((name) => newAccount(name)));
    for (const { label, record } of people.slice(0, 3)) await register(ctx, label, record, null);
    await register(ctx, people[3]!.label, people[3]!.record, null);
    const record = await verifyGenesis(people[0]!.id, people[0]!.record);
    await publishPrekeys(ctx, people[0]!.label, 1, await newPrekeys(people[0]!, record));
  }
  await story({ kv, origin: ORIGIN });
}

/** Every row of a store, by its key in JSON. */
async function rows(kv: Deno.Kv): Promise<Deno.KvEntry<unknown>[]> {
  return await Array.fromAsync(kv.list({ prefix: [] }));
}

/** The value with one bit or one number changed, at the place `n` among those it has; or null. */
function changed(value: unknown, n: { left: number }): unknown {
  if (value instanceof Uint8Array) {
    if (value.length === 0 || n.left-- !== 0) return value;
    const copy = value.slice();
    copy[copy.length - 1]! ^= 1;
    return copy;
  }
  if (typeof value === "number") return n.left-- === 0 ? value + 2 : value;
  if (Array.isArray(value)) return value.map((inner) => changed(inner, n));
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(
      Object.entries(value).map(([name, inner]) => [name, changed(inner, n)]),
    );
  }
  return value;
}

Deno.test("an audit of an honest log finds nothing", () =>
  withLog(async (log) => {
    const audit = await auditLog(log);
    assert.deepEqual(audit, {
      size: 9,
      publishedSize: 9,
      names: 4,
      pending: 0,
      lost: 0,
      faults: [],
    });
  }));

Deno.test("an audit finds every row that is lost", () =>
  withLog(async (log) => {
    const all = await rows(log.kv);
    assert.ok(all.length > 25);
    for (const { key, value } of all) {
      // What nobody published is missed by nobody, and what has ended is forgotten.
      if (key[2] === "prekeys" || key[2] === "prekey") continue;
      await log.kv.delete(key);
      const { faults } = await auditLog(log);
      assert.ok(faults.length > 0, `${key.slice(2, 4)} was not missed`);
      if (key[2] === "value") assert.match(faults[0]!, /^Name \d: its value is missing$/);
      await log.kv.set(key, value);
    }
    assert.deepEqual((await auditLog(log)).faults, []);
  }));

Deno.test("an audit finds every value and number that was changed", () =>
  withLog(async (log) => {
    let changes = 0;
    for (const { key, value } of await rows(log.kv)) {
      for (let place = 0;; place++) {
        const n = { left: place };
        const other = changed(value, n);
        if (n.left >= 0) break;
        await log.kv.set(key, other);
        const { faults } = await auditLog(log);
        assert.ok(faults.length > 0, `${key.slice(2, 4)}: change ${place} was not found`);
        changes++;
      }
      await log.kv.set(key, value);
    }
    assert.ok(changes > 40, `${changes} changes`);
  }));

Deno.test("an audit finds rows that should not be there", () =>
  withLog(async (log) => {
    for (
      const tail of [["entry", 9], ["tile", 0, 1], ["tile", 1, 0], ["prefix", 8, "f"], [
        "prefix",
        10,
        "",
      ]]
    ) {
      const key = ["log", ORIGIN, ...tail];
      await log.kv.set(key, new Uint8Array(32));
      assert.ok((await auditLog(log)).faults.length > 0, tail.join());
      await log.kv.delete(key);
    }
    const of = async (...tail: Deno.KvKey) => (await log.kv.get(["log", ORIGIN, ...tail])).value;
    const rest: [Deno.KvKey, unknown, RegExp][] = [
      [["value", "ghost", 0], await of("value", "a", 0), /^The store has 1 values/],
      [["value", "a", 1], await of("value", "a", 0), /^The store has 1 values/],
      [["key", new Uint8Array(32)], { label: "ghost", deviceId: 1 }, /^The store has 1 keys/],
      [["prekeys", "ghost", 1], await of("prekeys", "a", 1), /^The store has 1 sets of prekeys/],
      [["prekeys", "a", 2], await of("prekeys", "a", 1), /^The store has 1 sets of prekeys/],
    ];
    for (const [tail, value, sentence] of rest) {
      await log.kv.set(["log", ORIGIN, ...tail], value);
      const { faults } = await auditLog(log);
      assert.equal(faults.length, 1, tail.join());
      assert.match(faults[0]!, sentence);
      await log.kv.delete(["log", ORIGIN, ...tail]);
    }
    const { value: state } = await log.kv.get(["log", ORIGIN, "label", "a"]);
    const { value } = await log.kv.get(["log", ORIGIN, "value", "a", 0]);
    await log.kv.set(["log", ORIGIN, "label", "x"], state);
    await log.kv.set(["log", ORIGIN, "value", "x", 0], value);
    assert.ok((await auditLog(log)).faults.length > 0, "a name that was copied");
  }));

Deno.test("an audit finds prekeys that are left twice, or that there are none of", () =>
  withLog(async (log) => {
    const key = ["log", ORIGIN, "prekeys", "a", 1];
    const { value } = await log.kv.get<DevicePrekeys>(key);
    for (const left of [[0, 0], [1, 0], [4], [0, 99]]) {
      await log.kv.set(key, { ...value, left });
      const { faults } = await auditLog(log);
      assert.equal(faults.length, 1, left.join());
      assert.match(faults[0]!, /prekeys that are left/);
    }
    await log.kv.set(key, { ...value, left: [] });
    assert.deepEqual((await auditLog(log)).faults, []);
  }));

Deno.test("a record that a recovery found lost is no fault, and any other that is missing is", () =>
  withLog(async (log) => {
    const { label } = await newAccount("d");
    const owned = await Array.fromAsync(
      log.kv.list<{ label: string }>({ prefix: ["log", ORIGIN, "key"] }),
    );
    for (const { key, value } of owned) if (value.label === label) await log.kv.delete(key);
    await log.kv.delete(["log", ORIGIN, "label", label]);
    await log.kv.delete(["log", ORIGIN, "value", label, 0]);
    assert.deepEqual((await auditLog(log)).faults, [
      "The log has 4 pairs, and the names explain 3",
    ]);
    await commit(log.kv, [], [writeLost(log, 1)]);
    const { faults, lost } = await auditLog(log);
    assert.deepEqual([faults, lost], [[], 1]);
  }));

Deno.test("rows of no table, and rows that are not as their table wants them, are found", () =>
  withLog(async (log) => {
    const misfits = () => Array.fromAsync(listMisfits(log.kv), ({ table }) => table);
    const nowMs = Date.now();
    await takeOnce(log.kv, "x", nowMs + 60_000, nowMs);
    const message = {
      slot: new Uint8Array(16),
      side: "new",
      n: 0,
      message: new Uint8Array(9),
    } as const;
    await writeLinkMessage(log.kv, message, nowMs + 60_000, nowMs);
    await commit(log.kv, [], [writeLost(log, 0)]);
    assert.deepEqual(await misfits(), []);
    const stray: Deno.KvKey[] = [["x"], ["log", ORIGIN, "x"], ["log", 5, "x"], ["log", ORIGIN], [
      "log",
      ORIGIN,
      "toString",
    ], ["log", new Uint8Array(1), "head"]];
    for (const key of stray) {
      await log.kv.set(key, 1);
      assert.deepEqual(await misfits(), [null], key.join());
      await log.kv.delete(key);
    }
    for (const { key, value } of await rows(log.kv)) {
      const table = key[0] === "log" ? key[2] : key[0];
      for (const wrong of ["x", 7, {}, { ...(value as object), more: 1 }]) {
        await log.kv.set(key, wrong);
        assert.deepEqual(await misfits(), [table], String(table));
      }
      await log.kv.set(key, value);
      await log.kv.set([...key, "x"], value);
      assert.deepEqual(await misfits(), [table], String(table));
      await log.kv.delete([...key, "x"]);
    }
  }));

Deno.test("an audit with the log's key refuses a head signed by another", () =>
  withLog(async (log) => {
    using other = await Deno.openKv(":memory:");
    await using ctx = await openCore(other, { secret: 9 });
    const { faults } = await auditLog(log, ctx.keys.logVerifierKey);
    assert.ok(faults.length > 0);
  }));

Deno.test("an audit finds a ROOT that does not follow from the BATCHes", async () => {
  using kv = await Deno.openKv(":memory:");
  const log = await foundedLog(kv);
  const pairs = syntheticPool(1, 1).map(({ entry }) => entry);
  for (const lie of [false, true]) {
    const read = (await readHead(log))!;
    const { size } = read.value;
    const keys = pairs.map(({ vrfOutput }) => vrfOutput);
    const grown = growPrefix(log, await readPrefix(log, size - 1, keys), pairs, size + 1);
    const prefixRoot = lie ? new Uint8Array(32).fill(1) : grown.root;
    const timestampMs = read.value.timestampMs + 1;
    const entries = [encodeBatch(pairs), encodeEpochRoot({ timestampMs, prefixRoot })];
    const added = { entries, timestampMs, prefixRoot, mutations: grown.mutations };
    const step = await stepOf(log, read, added);
    assert.equal(await commit(kv, [step.check], step.mutations), "committed");
    pairs.splice(0, 1, ...syntheticPool(2, 1).map(({ entry }) => entry));
    const { faults } = await auditLog(log);
    const about = faults.filter((fault) => /prefix/i.test(fault));
    assert.deepEqual(
      about,
      lie
        ? [
          "Entry 4 has another prefix tree than the BATCHes make",
          "The head has another prefix tree",
        ]
        : [],
    );
  }
});
