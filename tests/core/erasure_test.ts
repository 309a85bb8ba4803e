/**
 * Erasing beside a log that goes on.
 *
 * @module
 */

import assert from "node:assert/strict";
import { type OpenContext } from "../../core/context.ts";
import { register } from "../../core/registration.ts";
import { nextRecord, signRecord, verifyNext } from "../../crypto/record.ts";
import { listErasures, writeErasure } from "../../kv/erasures.ts";
import { listVersions, readValue, writeValue } from "../../kv/records.ts";
import { commit } from "../../kv/transact.ts";
import { newAccount, openCore, type TestAccount } from "../support/service_core.ts";
import { eventually } from "../support/witnessed.ts";

/** A store that gives nobody the list of what has to be erased before it is told to. */
function reluctant(kv: Deno.Kv): { readonly kv: Deno.Kv; hold(): void; release(): void } {
  let held = Promise.withResolvers<void>();
  held.resolve();
  async function* late(...args: Parameters<Deno.Kv["list"]>): AsyncGenerator<unknown> {
    await held.promise;
    yield* kv.list(...args);
  }
  const proxy = new Proxy(kv, {
    get(target, property) {
      const member: unknown = Reflect.get(target, property, target);
      if (typeof member !== "function") return member;
      return (...args: Parameters<Deno.Kv["list"]>) => {
        const prefix = property === "list" && "prefix" in args[0] ? args[0].prefix : [];
        return prefix[2] === "erase" ? late(...args) : member.apply(target, args);
      };
    },
  });
  return { kv: proxy, hold: () => held = Promise.withResolvers(), release: () => held.resolve() };
}

/** Ends a name that has one record. */
async function end(ctx: OpenContext, { id, label, keys, record }: TestAccount): Promise<void> {
  const before = await verifyNext(id, ctx.keys.operator.publicKey, null, record);
  const next = nextRecord(before, { kind: "retire", devices: [], issuedMs: Date.now() });
  const bytes = await signRecord(id, next, [{ role: "previous", signing: keys.signing }]);
  await register(ctx, label, bytes, null);
}

Deno.test("whoever ends a name is told when that one is erased, and erasing others holds nobody up", async () => {
  using memory = await Deno.openKv(":memory:");
  const store = reluctant(memory);
  await using ctx = await openCore(store.kv);
  const [alice, bob] = [await newAccount("alice"), await newAccount("bob")];
  for (const { label, record } of [alice, bob]) await register(ctx, label, record, null);
  const value = (await readValue(ctx, bob.label, 0))!;
  await end(ctx, bob);
  await eventually("both ends are settled", async () => {
    return (await Array.fromAsync(listErasures(ctx))).length === 0;
  });
  store.hold();
  // What a process leaves that died before it erased the name.
  await commit(memory, [], [
    writeValue(ctx, bob.label, 0, value),
    writeErasure(ctx, { label: bob.label, version: 1 }),
  ]);
  try {
    const all = (async () => {
      await end(ctx, alice);
      assert.deepEqual(await listVersions(ctx, alice.label), [1]);
      for (const name of ["carol", "dave", "erin"]) {
        const { label, record } = await newAccount(name);
        await register(ctx, label, record, null);
      }
      return "answered";
    })();
    let timer;
    const late = new Promise((resolve) => timer = setTimeout(resolve, 5_000, "late"));
    assert.equal(await Promise.race([all, late]), "answered");
    clearTimeout(timer);
    assert.deepEqual(await listVersions(ctx, bob.label), [0, 1], "nobody waited for it");
  } finally {
    store.release();
  }
  await eventually("what was left is erased", async () => {
    return (await listVersions(ctx, bob.label)).length === 1;
  });
});
