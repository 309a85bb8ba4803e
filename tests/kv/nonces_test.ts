import assert from "node:assert/strict";
import { takeOnce } from "../../kv/nonces.ts";
import { faultyKv } from "../support/faulty_kv.ts";

Deno.test("a value is used once, and again when it has expired", async () => {
  using kv = await Deno.openKv(":memory:");
  assert.equal(await takeOnce(kv, "a", 2_000, 1_000), true);
  assert.equal(await takeOnce(kv, "a", 2_500, 1_999), false);
  assert.equal(await takeOnce(kv, "b", 2_000, 1_000), true);
  // The store has not forgotten it by now, but its time is over.
  assert.equal(await takeOnce(kv, "a", 4_000, 2_000), true);
  assert.equal(await takeOnce(kv, "a", 4_000, 3_000), false);
});

Deno.test("of fifty who use a value at once one may", async () => {
  using kv = await Deno.openKv(":memory:");
  const results = await Promise.all(
    Array.from({ length: 50 }, () => takeOnce(kv, "x".repeat(5_000), 2_000, 1_000)),
  );
  assert.equal(results.filter(Boolean).length, 1);
});

Deno.test("one's own use is recognised after a commit of unknown result", async () => {
  using kv = await Deno.openKv(":memory:");
  for (const fault of ["before", "after"] as const) {
    const faulty = faultyKv(kv, (n) => n === 1 ? fault : null);
    assert.equal(await takeOnce(faulty.kv, fault, 2_000, 1_000), true);
    assert.equal(await takeOnce(faulty.kv, fault, 2_000, 1_000), false);
  }
});
