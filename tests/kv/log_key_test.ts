import assert from "node:assert/strict";
import { listEntries } from "../../kv/entries.ts";
import { listOrigins, logKey } from "../../kv/log_key.ts";
import { newPoolId } from "../../kv/pool.ts";
import { movePublished, type Published, readPublished } from "../../kv/published.ts";

Deno.test("the logs of one store are listed and kept apart", async () => {
  using kv = await Deno.openKv(":memory:");
  assert.deepEqual(await listOrigins(kv), []);
  const origins = ["a/kt/1", "a/kt/10", "a/kt/2", "b/kt/1"];
  for (const origin of origins) {
    for (const index of [0, 1, 300]) {
      await kv.set(logKey({ kv, origin }, "entry", index), new Uint8Array([index]));
    }
  }
  assert.deepEqual(await listOrigins(kv), origins);
  const entries = await Array.fromAsync(listEntries({ kv, origin: "a/kt/1" }));
  assert.deepEqual(entries.map(({ index }) => index), [0, 1, 300]);
});

Deno.test("pool ids sort by their time and never repeat", () => {
  const ids = [0, 1, 31, 32, 1_700_000_000_000, 2 ** 48 - 1].map(newPoolId);
  assert.deepEqual(ids.toSorted(), ids);
  for (const id of ids) assert.match(id, /^[0-9A-HJKMNP-TV-Z]{26}$/);
  assert.equal(new Set(Array.from({ length: 1_000 }, () => newPoolId(5))).size, 1_000);
});

Deno.test("the published head only moves forward", async () => {
  using kv = await Deno.openKv(":memory:");
  const log = { kv, origin: "a/kt/1" };
  const at = (size: number): Published => {
    return { size, root: new Uint8Array(32), note: "note", verifierKey: "key" };
  };
  assert.equal(await movePublished(log, null, at(1)), true);
  const first = await readPublished(log);
  assert.equal(await movePublished(log, first, at(3)), true);
  assert.equal(await movePublished(log, first, at(5)), false, "somebody moved it before");
  assert.equal(await movePublished(log, null, at(5)), false);
  const second = await readPublished(log);
  await assert.rejects(movePublished(log, second, at(3)), /bug/);
  assert.equal((await readPublished(log))?.value.size, 3);
});
