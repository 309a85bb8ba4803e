/**
 * A store that was restored from a backup and recovered: what it forgot must not let anybody in again.
 *
 * @module
 */

import assert from "node:assert/strict";
import { register } from "../../core/registration.ts";
import { recoverLog } from "../../core/recovery.ts";
import { withoutCosignatures } from "../../core/signing.ts";
import { logOnlyPolicy } from "../../crypto/policy.ts";
import { nextRecord, signRecord, verifyNext } from "../../crypto/record.ts";
import { toBase64Url } from "../../crypto/base64.ts";
import { readPublished } from "../../kv/published.ts";
import { registered, sendJson, tokenOf } from "../support/dpop.ts";
import { mirrorOf, restore, rowsOf } from "../support/mirror.ts";
import { newDevice, self } from "../support/records.ts";
import { startService } from "../support/service.ts";
import { newAccount, openCore, ORIGIN } from "../support/service_core.ts";
import { startWitness } from "../support/test_witness.ts";
import { eventually, logKeysOf, openWitnessed, valueOf } from "../support/witnessed.ts";

Deno.test("a device that was removed does not sign in to a store that forgot its removal, and the owner does", async () => {
  const kv = await Deno.openKv(":memory:");
  using mirror = await Deno.openKv(":memory:");
  using before = await Deno.openKv(":memory:");
  const alice = await newAccount("alice");
  const fresh = await newDevice(alice.id, 2);
  let policy, rotated;
  {
    await using ctx = await openCore(before);
    policy = logOnlyPolicy(ctx.keys.logKeys[0]!);
    await register(ctx, alice.label, alice.record, null);
    await restore(kv, await rowsOf(before));
    // The phone is lost: the laptop's key takes its place, and the phone's ends.
    const first = await verifyNext(alice.id, ctx.keys.operator.publicKey, null, alice.record);
    const next = nextRecord(first, { kind: "update", devices: [fresh], issuedMs: Date.now() });
    const previous = { role: "previous", signing: alice.keys.signing } as const;
    rotated = await signRecord(alice.id, next, [self(fresh), previous]);
    await register(ctx, alice.label, rotated, null);
  }
  await restore(mirror, await rowsOf(before));
  const [log, source] = [{ kv, origin: ORIGIN }, { kv: mirror, origin: ORIGIN }];
  const checkpoint = (await valueOf(readPublished, source)).note;
  const parts = { log, source: mirrorOf(source), checkpoint, policy, now: Date.now };
  assert.equal((await recoverLog(parts)).lost, 1);
  await using service = await startService({ kv });
  await registered(service, "bob");
  await assert.rejects(tokenOf(service, alice), /unknown_device/);
  const owner = { ...alice, keys: fresh.keys };
  await assert.rejects(tokenOf(service, owner), /unknown_device/, "nor anybody, until it is there");
  const body = { record: toBase64Url(rotated) };
  const answer = await sendJson(service, "PUT", "/v1/directory/alice", body);
  assert.equal(answer.status, 200, await answer.text());
  await tokenOf(service, owner);
  await assert.rejects(tokenOf(service, alice), /unknown_device/);
});

Deno.test("a device whose removal was forgotten is no current one, neither before nor after the recovered head is published", async () => {
  using kv = await Deno.openKv(":memory:");
  using mirror = await Deno.openKv(":memory:");
  await using witness = await startWitness("w", { logKeys: await logKeysOf() });
  const open = () => openWitnessed(kv, { witnesses: [witness], threshold: 1 });
  const [log, source] = [{ kv, origin: ORIGIN }, { kv: mirror, origin: ORIGIN }];
  const [alice, bob] = [await newAccount("alice"), await newAccount("bob")];
  const fresh = await newDevice(alice.id, 2);
  const phone = {
    account: alice.label,
    deviceId: 1,
    signing: alice.keys.signing.publicKey,
  };
  const laptop = { ...phone, deviceId: 2, signing: fresh.entry.signing };
  let policy, backup, rotated;
  {
    await using ctx = await open();
    policy = ctx.policy;
    for (const { label, record } of [alice, bob]) await register(ctx, label, record, null);
    backup = await rowsOf(kv);
    const first = await verifyNext(alice.id, ctx.keys.operator.publicKey, null, alice.record);
    const next = nextRecord(first, { kind: "update", devices: [fresh], issuedMs: Date.now() });
    const previous = { role: "previous", signing: alice.keys.signing } as const;
    rotated = await signRecord(alice.id, next, [self(fresh), previous]);
    await register(ctx, alice.label, rotated, null);
    await restore(mirror, await rowsOf(kv));
  }
  await restore(kv, backup);
  // A mirror whose checkpoint has too few cosignatures to be shown to anybody.
  const checkpoint = withoutCosignatures((await valueOf(readPublished, source)).note, ORIGIN);
  const parts = { log, source: mirrorOf(source), checkpoint, policy, now: Date.now };
  const { lost, size, published } = await recoverLog(parts);
  assert.deepEqual({ lost, size, published }, { lost: 1, size: 7, published: 5 });
  witness.story = () => new Response(null, { status: 503 });
  await using ctx = await open();
  assert.equal(await ctx.accounts.isCurrent(phone), false);
  assert.equal((await ctx.accounts.record(bob.label))?.version, 0, "a name that lost nothing");
  witness.story = null;
  const isPublished = async () => (await valueOf(readPublished, ctx)).size === 7;
  await eventually("the head that was recovered is published", isPublished);
  assert.equal(await ctx.accounts.isCurrent(phone), false);
  await register(ctx, alice.label, rotated, null);
  assert.equal(await ctx.accounts.isCurrent(laptop), true);
  assert.equal(await ctx.accounts.isCurrent(phone), false);
});
