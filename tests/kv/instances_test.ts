import assert from "node:assert/strict";
import {
  endLease,
  forgetInstance,
  foundInstance,
  type JournalHead,
  journalKey,
  listLeases,
  readLease,
  renewLease,
} from "../../kv/instances.ts";
import { commit } from "../../kv/transact.ts";
import { faultyKv } from "../support/faulty_kv.ts";

Deno.test("an instance is given up by one of those who try, and not when it renewed meanwhile", async () => {
  using kv = await Deno.openKv(":memory:");
  await foundInstance(kv, "a");
  const old = (await readLease(kv, "a"))!;
  assert.equal(await renewLease(kv, "a", 1), true);
  assert.equal(await endLease(kv, old, "dead"), false, "it renewed");
  const row = (await readLease(kv, "a"))!;
  const won = await Promise.all(Array.from({ length: 5 }, () => endLease(kv, row, "dead")));
  assert.deepEqual(won.filter(Boolean), [true]);
  assert.equal((await readLease(kv, "a"))!.state, "dead");
});

Deno.test("an instance that was given up renews nothing, and commits nothing", async () => {
  using kv = await Deno.openKv(":memory:");
  await foundInstance(kv, "a");
  const head = await kv.get<JournalHead>(journalKey("a"));
  assert.equal(head.value!.isFenced, false);
  assert.equal(await endLease(kv, (await readLease(kv, "a"))!, "dead"), true);
  assert.equal(await renewLease(kv, "a", 1), false);
  const check = { key: journalKey("a"), versionstamp: head.versionstamp };
  assert.equal(await commit(kv, [check], []), "conflict");
  assert.equal((await kv.get<JournalHead>(journalKey("a"))).value!.isFenced, true);
});

Deno.test("leases survive answers that are lost: founded, renewed and ended once", async () => {
  using kv = await Deno.openKv(":memory:");
  const faulty = faultyKv(kv, (n) => ([null, "before", "after"] as const)[n % 3]!).kv;
  await foundInstance(faulty, "a");
  for (let beat = 1; beat <= 6; beat++) assert.equal(await renewLease(faulty, "a", beat), true);
  assert.equal((await readLease(kv, "a"))!.beat, 6);
  const lossy = faultyKv(kv, () => "after").kv;
  assert.equal(await endLease(lossy, (await readLease(kv, "a"))!, "drained"), true);
  await commit(kv, [], forgetInstance("a"));
  assert.deepEqual(await listLeases(kv), []);
});
