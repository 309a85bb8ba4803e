import assert from "node:assert/strict";
import { StoreError } from "../../kv/store_error.ts";
import { commit, type Decision, transact } from "../../kv/transact.ts";
import { faultyKv } from "../support/faulty_kv.ts";

const KEY = ["counter"];

/** Adds one to a counter, once for each id. */
function increment(kv: Deno.Kv, id: string): Promise<number> {
  return transact<number>(kv, async (): Promise<Decision<number>> => {
    const [counter, mine] = await kv.getMany<[number, number]>([KEY, ["done", id]]);
    if (mine.value !== null) return { done: mine.value };
    const next = (counter.value ?? 0) + 1;
    return {
      checks: [counter],
      mutations: [
        { type: "set", key: KEY, value: next },
        { type: "set", key: ["done", id], value: next },
      ],
      then: next,
    };
  });
}

Deno.test("the outcome of a commit is committed, conflict or unknown, and never a guess", async () => {
  using kv = await Deno.openKv(":memory:");
  let fault: "before" | "after" | null = null;
  const faulty = faultyKv(kv, () => fault);
  const write: Deno.KvMutation[] = [{ type: "set", key: KEY, value: 1 }];
  const absent = [{ key: KEY, versionstamp: null }];
  fault = "before";
  assert.equal(await commit(faulty.kv, absent, write), "unknown");
  assert.equal((await kv.get(KEY)).value, null);
  fault = "after";
  assert.equal(await commit(faulty.kv, absent, write), "unknown");
  assert.equal((await kv.get(KEY)).value, 1);
  fault = null;
  assert.equal(await commit(faulty.kv, absent, write), "conflict");
  assert.equal(await commit(faulty.kv, [], write), "committed");
});

Deno.test("a hundred who count at once count to a hundred", async () => {
  using kv = await Deno.openKv(":memory:");
  const numbers = await Promise.all(
    Array.from({ length: 100 }, (_, i) => increment(kv, String(i))),
  );
  assert.deepEqual(numbers.sort((a, b) => a - b), Array.from({ length: 100 }, (_, i) => i + 1));
});

Deno.test("a commit of unknown result counts once, whether it landed or not", async () => {
  using kv = await Deno.openKv(":memory:");
  const faulty = faultyKv(kv, (n) => ([null, "before", "after"] as const)[n % 3]!);
  for (let i = 1; i <= 20; i++) assert.equal(await increment(faulty.kv, String(i)), i);
});

Deno.test("a store that never answers is given up", async () => {
  using kv = await Deno.openKv(":memory:");
  const faulty = faultyKv(kv, () => "before");
  await assert.rejects(increment(faulty.kv, "x"), StoreError);
});
