import { equal, rejects } from "node:assert/strict";
import { rememberedProofs, storedProofs } from "../../core/spent_proofs.ts";
import { checkNonce, issueNonce } from "../../core/proof_nonce.ts";
import { PROOF_TTL_MS } from "../../wire/limits.ts";
import { openCore } from "../support/service_core.ts";

Deno.test("a proof serves once for as long as its nonce lives, wherever that is remembered", async () => {
  using kv = await Deno.openKv(":memory:");
  for (const proofs of [storedProofs(kv), rememberedProofs()]) {
    equal(await proofs.take("a", 1_000), true);
    equal(await proofs.take("b", 1_000), true);
    equal(await proofs.take("a", 1_000), false);
    // The last moment before a generation ends, and the one in which the next is over.
    equal(await proofs.take("late", PROOF_TTL_MS + 999), true);
    equal(await proofs.take("a", PROOF_TTL_MS + 1_000), false);
    equal(await proofs.take("late", 2 * PROOF_TTL_MS + 999), false);
    equal(await proofs.take("a", 5 * PROOF_TTL_MS), true);
  }
});

Deno.test("a clock that leaps ahead and comes back lets no proof in again, and does not fill the memory", async () => {
  const proofs = rememberedProofs(2);
  equal(await proofs.take("a", 0), true);
  equal(await proofs.take("b", 10 * PROOF_TTL_MS), true);
  equal(await proofs.take("a", 1), false);
  equal(await proofs.take("c", 2), true);
  await rejects(proofs.take("d", 3), { code: "unavailable" });
  equal(await proofs.take("d", 2 * PROOF_TTL_MS), true);
});

Deno.test("what is remembered is bounded, and refuses before it forgets", async () => {
  const proofs = rememberedProofs(2);
  equal(await proofs.take("a", 0), true);
  equal(await proofs.take("b", 0), true);
  await rejects(proofs.take("c", 0), { code: "unavailable" });
  equal(await proofs.take("a", 0), false);
  equal(await proofs.take("c", PROOF_TTL_MS), true);
  equal(await proofs.take("a", PROOF_TTL_MS), false);
});

Deno.test("a process that is alone writes no proofs, and takes no nonce of another's", async () => {
  using kv = await Deno.openKv(":memory:");
  const nowMs = Date.now();
  const nonces: string[] = [];
  for (const isAlone of [true, true, false, false]) {
    await using ctx = await openCore(kv, { isAlone });
    equal(await ctx.proofs.take("a", nowMs), nonces.length < 3);
    const [, , shared] = nonces;
    if (shared !== undefined) equal(checkNonce(ctx.keys.nonces, shared, nowMs), true);
    for (const alone of nonces.slice(0, 2)) {
      equal(checkNonce(ctx.keys.nonces, alone, nowMs), false);
    }
    nonces.push(issueNonce(ctx.keys.nonces, nowMs));
    const rows = await Array.fromAsync(kv.list({ prefix: ["nonce"] }));
    equal(rows.length, isAlone ? 0 : 1);
  }
});
