import assert from "node:assert/strict";
import { GroupUses } from "../../client/group_uses.ts";
import { memoryStore } from "../../client/store.ts";
import { Generation } from "../../crypto/generation.ts";
import { Secret } from "../../crypto/secret.ts";

const generation = (fill: number) =>
  new Generation({ epoch: 1, step: 0 }, new Secret(new Uint8Array(32).fill(fill)));

Deno.test("a client goes on under keys that it has, and another one on its store never begins with them", async () => {
  const store = memoryStore();
  const one = new GroupUses(store);
  assert.equal(await one.take(generation(1)), true);
  // After a hold the same keys may be used again: this client has counted on.
  assert.equal(await one.take(generation(1)), true);
  const other = new GroupUses(store);
  assert.equal(await other.take(generation(1)), false);
  assert.equal(await other.take(generation(2)), true, "the same numbers, other keys");
  assert.equal(await one.take(generation(2)), false);
});

Deno.test("of two that take the same keys at once, one gets them", async () => {
  const store = memoryStore();
  const taken = await Promise.all(
    [1, 2, 3].map(() => new GroupUses(store).take(generation(7))),
  );
  assert.equal(taken.filter((each) => each).length, 1);
});
