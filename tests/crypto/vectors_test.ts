import assert from "node:assert/strict";
import { ownVectors } from "../support/own_vectors.ts";
import { FILES, run } from "../vectors/check.ts";
import { withFixed } from "../vectors/fixed_randomness.ts";
import { generateAgreementKeyPair } from "../../crypto/keys.ts";
import { randomBytes } from "../../crypto/primitives.ts";

const found = await run(await ownVectors());

for (const way of ["own", "portable"] as const) {
  const how = way === "own" ? "the runtime's primitives" : "the portable primitives";
  for (const file of FILES) {
    Deno.test(`what a second implementation wrote of ${file} holds on ${how}`, () => {
      const { checks, equal, differences } = found[way][file];
      assert.deepEqual(differences, []);
      assert.ok(checks > 0 && equal > 0, `${checks} checks, ${equal} equal values`);
    });
  }
}

Deno.test("fixed randomness is what was given, all of it, and ends with the work", async () => {
  const [sixteen, key] = ["0f".repeat(16), "11".repeat(32)];
  const draws = { bytes: [sixteen], x25519: [key] };
  const work = async () => [randomBytes(16), (await generateAgreementKeyPair()).publicKey];
  const [first, second] = [await withFixed(draws, work), await withFixed(draws, work)];
  assert.deepEqual(first, second);
  assert.deepEqual(first[0], new Uint8Array(16).fill(15));
  await assert.rejects(withFixed({ bytes: [sixteen] }, work), /No fixed X25519 is left/);
  await assert.rejects(withFixed({ x25519: [key] }, work), /No 16 fixed bytes are left/);
  const more = { ...draws, bytes: [sixteen, sixteen] };
  await assert.rejects(withFixed(more, work), /1 fixed draws were not asked for/);
  assert.notDeepEqual(await work(), await work());
});

Deno.test("a vector with any other message is a difference", async () => {
  const files = await ownVectors();
  const [call, ...calls] = files.handshake.calls;
  const last = call!.offer.at(-1) === "0" ? "1" : "0";
  const changed = { ...call!, offer: call!.offer.slice(0, -1) + last };
  const { own } = await run({ ...files, handshake: { calls: [changed, ...calls] } });
  // Ours is another one, and the vector's opens neither for whoever refuses nor for whoever answers.
  const where = own.handshake.differences.map((difference) => difference.split(/[:\n]/)[1]);
  assert.deepEqual(where, [" Offer", " offer", " ends", " answer"]);
  assert.deepEqual(own.rekey.differences, []);
});
