import assert from "node:assert/strict";
import { groupCost } from "../../bench/group.ts";

Deno.test("of two hundred, one leaves within 2 s and 300 kB, and a join is one secret and one broadcast", async () => {
  const { join, leave } = await groupCost(200);
  assert.ok(leave.ms <= 2_000, `${leave.ms} ms`);
  assert.ok(leave.bytes <= 300_000, `${leave.bytes} bytes`);
  assert.equal(leave.messages, 199 + 198 + 198 + 199, "commit, secrets, acks, switch");
  assert.equal(join.messages, 200 + 1);
  assert.ok(join.ms <= 1_000, `${join.ms} ms`);
});
