/**
 * A value of the store holds 64 KiB: what others make long must neither stop the log nor keep a freeze out
 * of its store.
 *
 * @module
 */

import assert from "node:assert/strict";
import { openFreeze } from "../../core/freeze.ts";
import { register } from "../../core/registration.ts";
import { readWitnessSettings } from "../../core/witness_settings.ts";
import { formatVerifierKey } from "../../crypto/note_key.ts";
import { readFrozen } from "../../kv/frozen.ts";
import { readPublished } from "../../kv/published.ts";
import { newAccount, ORIGIN } from "../support/service_core.ts";
import { cosignerOf, sizeAnswer, startWitness, type TestWitness } from "../support/test_witness.ts";
import { logKeysOf, openWitnessed, valueOf } from "../support/witnessed.ts";

/** As many ML-DSA-44 witnesses as a policy may have, by their names here. */
const MOST = 17;

Deno.test("a head that as many ML-DSA-44 witnesses cosigned as a policy may have is published", async () => {
  using kv = await Deno.openKv(":memory:");
  const logKeys = await logKeysOf();
  const witnesses: TestWitness[] = [];
  for (let i = 0; i < MOST; i++) {
    witnesses.push(await startWitness(`w${i}`, { logKeys, type: "mlDsa44" }));
  }
  {
    const options = { witnesses, threshold: MOST, graceMs: 3_000, timeoutMs: 8_000 };
    await using ctx = await openWitnessed(kv, { ...options, isPostQuantum: true });
    const alice = await newAccount("alice");
    await register(ctx, alice.label, alice.record, null);
    const { note } = await valueOf(readPublished, ctx);
    assert.equal(note.match(/\n\u2014 w/g)!.length, MOST);
    assert.ok(note.length > 50_000);
  }
  for (const witness of witnesses) await witness[Symbol.asyncDispose]();
});

Deno.test("a policy with more witnesses than a head can hold is refused before anything is signed", async () => {
  const read = async (count: number) => {
    const lines: string[] = [];
    for (let i = 0; i < count; i++) {
      const { key } = await cosignerOf(`w${i}.invalid/w`, "mlDsa44");
      lines.push(`witness w${i} ${formatVerifierKey(key)} https://w${i}.example\n`);
    }
    const text = `${lines.join("")}quorum w0\n`;
    return await readWitnessSettings({ policy: "p" }, () => Promise.resolve(text));
  };
  assert.ok(await read(MOST) !== null);
  await assert.rejects(read(MOST + 1), /too many witnesses: their signatures make \d+ bytes/);
});

Deno.test("a freeze is in the store whatever a witness pads its exhibit with, and all instances stop", async () => {
  using kv = await Deno.openKv(":memory:");
  using elsewhere = await Deno.openKv(":memory:");
  const logKeys = await logKeysOf();
  await using first = await startWitness("z", { logKeys });
  await using honest = await startWitness("a", { logKeys });
  let note = "";
  {
    await using other = await openWitnessed(elsewhere, { witnesses: [first], threshold: 1 });
    for (const name of ["a", "b", "c"]) {
      const { label, record } = await newAccount(name);
      await register(other, label, record, null);
    }
    ({ note } = await valueOf(readPublished, other));
  }
  const padding = `\u2014 pad.invalid ${btoa("x".repeat(700))}\n`.repeat(60);
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    ({ method }) => method === "GET" ? new Response(note + padding) : sizeAnswer(7),
  );
  const url = `http://127.0.0.1:${server.addr.port}`;
  const padder = { ...honest, inPolicy: { id: "p", key: first.inPolicy.key, url } };
  await using one = await openWitnessed(kv, { witnesses: [honest], threshold: 1 });
  const alice = await newAccount("alice");
  await register(one, alice.label, alice.record, null);
  await using _two = await openWitnessed(kv, { witnesses: [honest, padder], threshold: 1 });
  const { reason, evidence } = await valueOf(readFrozen, { kv, origin: ORIGIN });
  assert.match(reason, /^Witness p has size 7, above 3 .* shows it/);
  assert.match(evidence!, /^test\.invalid\/kt\/1\n7\n/);
  assert.doesNotMatch(evidence!, /pad\.invalid|z\.invalid/);
  const bob = await newAccount("bob");
  await assert.rejects(register(one, bob.label, bob.record, null), { code: "log_frozen" });
});

Deno.test("a freeze whose evidence is too long for the store is stored without it", async () => {
  using kv = await Deno.openKv(":memory:");
  const log = { kv, origin: ORIGIN };
  const freeze = openFreeze(log, () => 7, () => {});
  await freeze.freeze("it forked", "\u2014".repeat(40_000));
  assert.deepEqual(await valueOf(readFrozen, log), {
    reason: "it forked",
    atMs: 7,
    evidence: null,
    isReplaying: false,
  });
});
