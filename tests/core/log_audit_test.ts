import assert from "node:assert/strict";
import { register } from "../../core/directory.ts";
import { auditLog } from "../../core/log_audit.ts";
import { type LogStore } from "../../kv/log_key.ts";
import { newAccount, openCore, ORIGIN } from "../support/service_core.ts";

/** A log of four names in three epochs. */
async function withLog(story: (log: LogStore) => Promise<void>): Promise<void> {
  using kv = await Deno.openKv(":memory:");
  {
    await using ctx = await openCore(kv);
    const people = await Promise.all(["a", "b", "c", "d"].map((name) => newAccount(name)));
    for (const { label, record } of people.slice(0, 3)) await register(ctx, label, record, null);
    await register(ctx, people[3]!.label, people[3]!.record, null);
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
      erased: 0,
      faults: [],
    });
  }));

Deno.test("an audit finds every row that is lost, but for an erased value", () =>
  withLog(async (log) => {
    const all = await rows(log.kv);
    assert.ok(all.length > 25);
    for (const { key, value } of all) {
      await log.kv.delete(key);
      const { faults, erased } = await auditLog(log);
      if (key[2] === "value") assert.deepEqual([faults, erased], [[], 1]);
      else assert.ok(faults.length > 0, `${key.slice(2, 4)} was not missed`);
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
    assert.ok(changes > 50, `${changes} changes`);
  }));

Deno.test("an audit finds rows that should not be there", () =>
  withLog(async (log) => {
    for (const tail of [["entry", 9], ["tile", 0, 1], ["tile", 1, 0]]) {
      const key = ["log", ORIGIN, ...tail];
      await log.kv.set(key, new Uint8Array(32));
      assert.ok((await auditLog(log)).faults.length > 0, tail.join());
      await log.kv.delete(key);
    }
    const { value: state } = await log.kv.get(["log", ORIGIN, "label", "a"]);
    const { value } = await log.kv.get(["log", ORIGIN, "value", "a", 0]);
    await log.kv.set(["log", ORIGIN, "label", "x"], state);
    await log.kv.set(["log", ORIGIN, "value", "x", 0], value);
    assert.ok((await auditLog(log)).faults.length > 0, "a name that was copied");
  }));

Deno.test("an audit with the log's key refuses a head signed by another", () =>
  withLog(async (log) => {
    using other = await Deno.openKv(":memory:");
    await using ctx = await openCore(other, { secret: 9 });
    const { faults } = await auditLog(log, ctx.keys.logVerifierKey);
    assert.ok(faults.length > 0);
  }));
