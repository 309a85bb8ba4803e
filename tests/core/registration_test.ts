import assert from "node:assert/strict";
import { parseAccountLabel } from "../../crypto/account_label.ts";
import { type Bytes, utf8 } from "../../crypto/bytes.ts";
import { generateSigningKeyPair } from "../../crypto/keys.ts";
import { sha256 } from "../../crypto/primitives.ts";
import {
  type BoundDevice,
  nextRecord,
  type RecordSigner,
  signGenesis,
  signRecord,
  type VerifiedRecord,
  verifyNext,
} from "../../crypto/record.ts";
import { type OpenContext } from "../../core/context.ts";
import { ServiceError } from "../../core/error.ts";
import { auditLog } from "../../core/log_audit.ts";
import { type NamePolicy } from "../../core/name_policy.ts";
import { publishPrekeys } from "../../core/prekeys.ts";
import { eraseRetired } from "../../core/erasure.ts";
import { register, resetName } from "../../core/registration.ts";
import { readPublished, writePublished } from "../../kv/published.ts";
import { commit } from "../../kv/transact.ts";
import { writeErasure } from "../../kv/erasures.ts";
import { listPrekeyDevices } from "../../kv/prekeys.ts";
import { writePush } from "../../kv/push.ts";
import { readValue, writeValue } from "../../kv/records.ts";
import { RESET_DELAY_MS, RESTORE_BURST, RESTORE_REFILL_MS } from "../../wire/limits.ts";
import { grep } from "../support/grep.ts";
import { newDevice, type OwnDevice, previous, self } from "../support/records.ts";
import { newAccount, newPrekeys, openCore, ORIGIN } from "../support/service_core.ts";
import { startWitness } from "../support/test_witness.ts";
import { eventually, logKeysOf, openWitnessed } from "../support/witnessed.ts";

/** Believes everybody, so that resets can be asked for. */
const ANYBODY: NamePolicy = {
  kind: "grant",
  authorize: () => Promise.resolve(),
  recognize: () => Promise.resolve(),
};

/** A core with a clock to turn, and records dated by it. */
interface World {
  readonly ctx: OpenContext;
  readonly kv: Deno.Kv;
  now: number;
}

async function withWorld(
  test: (world: World) => Promise<void>,
  names: NamePolicy = ANYBODY,
): Promise<void> {
  using kv = await Deno.openKv(":memory:");
  const clock = { now: Date.now() };
  await using ctx = await openCore(kv, { now: () => clock.now, names });
  await test(Object.assign(clock, { ctx, kv }));
}

/** Somebody with a name, and their newest record. */
interface Owner {
  readonly device: OwnDevice;
  record: VerifiedRecord;
}

async function newOwner({ ctx, now }: World, name: string): Promise<Owner> {
  const account = { origin: ORIGIN, label: parseAccountLabel(name) };
  const device = await newDevice(account, 1, { addedMs: now });
  const bytes = await signGenesis(account, device.entry, device.keys, now);
  await register(ctx, account.label, bytes, null);
  return { device, record: await verify(ctx, null, bytes, account) };
}

function verify(
  ctx: OpenContext,
  before: VerifiedRecord | null,
  bytes: Bytes,
  account = before!.account,
): Promise<VerifiedRecord> {
  return verifyNext(account, ctx.keys.operator.publicKey, before, bytes);
}

function change(
  { now }: World,
  before: VerifiedRecord,
  kind: Parameters<typeof nextRecord>[1]["kind"],
  devices: readonly BoundDevice[],
  signers: readonly RecordSigner[],
  more: { readonly auth?: Bytes; readonly recovery?: Bytes } = {},
): Promise<Bytes> {
  const record = nextRecord(before, { kind, devices, issuedMs: now, ...more });
  return signRecord(before.account, record, signers);
}

async function accepted(world: World, before: VerifiedRecord, bytes: Bytes) {
  await register(world.ctx, before.account.label, bytes, null);
  return await verify(world.ctx, before, bytes);
}

function refusal(code: string): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof ServiceError, String(error));
    assert.equal(error.code, code, error.message);
    return true;
  };
}

async function faults({ ctx }: World): Promise<readonly string[]> {
  return (await auditLog(ctx, ctx.keys.logVerifierKey)).faults;
}

async function currentDevices({ ctx }: World, { account }: VerifiedRecord): Promise<number[]> {
  return (await ctx.accounts.record(account.label))!.devices.map(({ entry }) => entry.deviceId);
}

/** A name that somebody with another device has just had reset. */
async function resetOf(world: World, owner: Owner): Promise<Owner> {
  const { account } = owner.record;
  const number = owner.record.version + 2;
  const device = await newDevice(account, number, { addedMs: world.now });
  const half = await change(world, owner.record, "reset", [device], [self(device)]);
  await resetName(world.ctx, account.label, half, null, null);
  const current = (await world.ctx.accounts.record(account.label))!;
  return { device, record: await verify(world.ctx, owner.record, current.bytes) };
}

Deno.test("devices are added and removed, and each answer is of the next published head", async () => {
  await withWorld(async (world) => {
    const { device, record } = await newOwner(world, "alice");
    const phone = await newDevice(record.account, 2);
    const both = [self(device), previous(device)];
    const added = await accepted(
      world,
      record,
      await change(world, record, "update", [device, phone], both),
    );
    assert.deepEqual(await currentDevices(world, record), [1, 2]);
    await accepted(
      world,
      added,
      await change(world, added, "update", [phone], [self(phone), previous(phone)]),
    );
    assert.deepEqual(await currentDevices(world, record), [2]);
    const { account: { label: account } } = record;
    const { signing } = device.entry;
    assert.equal(await world.ctx.accounts.isCurrent({ account, deviceId: 1, signing }), false);
    const now = { account, deviceId: 2, signing: phone.entry.signing };
    assert.equal(await world.ctx.accounts.isCurrent(now), true);
    assert.equal(await world.ctx.accounts.isCurrent({ ...now, signing }), false);
    assert.deepEqual(await faults(world), []);
  });
});

Deno.test("the same record again is the same answer, also when others followed", async () => {
  await withWorld(async (world) => {
    const { device, record } = await newOwner(world, "alice");
    const both = [self(device), previous(device)];
    const second = await change(world, record, "update", [device], both);
    await Promise.all([1, 2, 3].map(() => register(world.ctx, record.account.label, second, null)));
    const before = await verify(world.ctx, record, second);
    await accepted(world, before, await change(world, before, "update", [device], both));
    world.now += 3_600_000;
    for (const bytes of [record.bytes, second]) {
      await register(world.ctx, record.account.label, bytes, null);
    }
    assert.equal((await world.ctx.accounts.record(record.account.label))!.version, 2);
    assert.deepEqual(await faults(world), []);
  });
});

Deno.test("of two records that follow on one, exactly one wins", async () => {
  await withWorld(async (world) => {
    for (let round = 0; round < 5; round++) {
      const { device, record } = await newOwner(world, `name${round}`);
      const both = [self(device), previous(device)];
      const rivals = await Promise.all(
        [1, 2, 3].map((byte) =>
          change(world, record, "update", [device], both, {
            recovery: new Uint8Array(32).fill(byte),
          })
        ),
      );
      const results = await Promise.allSettled(
        rivals.map((bytes) => register(world.ctx, record.account.label, bytes, null)),
      );
      assert.equal(results.filter(({ status }) => status === "fulfilled").length, 1);
      for (const result of results) {
        if (result.status === "rejected") refusal("record_conflict")(result.reason);
      }
    }
    assert.deepEqual(await faults(world), []);
  });
});

Deno.test("a record that follows on nothing, on an older one, or on one that waits is a conflict", async () => {
  await withWorld(async (world) => {
    const { ctx } = world;
    const { device, record } = await newOwner(world, "alice");
    const { label } = record.account;
    const both = [self(device), previous(device)];
    const first = await change(world, record, "update", [device], both);
    const nobody = parseAccountLabel("nobody");
    await assert.rejects(register(ctx, nobody, first, null), refusal("record_conflict"));
    const second = await accepted(world, record, first);
    const late = { recovery: new Uint8Array(32).fill(1) };
    const fork = await change(world, record, "update", [device], both, late);
    await assert.rejects(register(ctx, label, fork, null), refusal("record_conflict"));
    const third = await verify(ctx, second, await change(world, second, "update", [device], both));
    const fourth = await change(world, third, "update", [device], both);
    await assert.rejects(register(ctx, label, fourth, null), refusal("record_conflict"));
    // While one waits in the pool, no other is taken: not the next, and no first one either.
    await ctx.sequencer.settled();
    const never = { ...ctx.sequencer, sequenced: () => new Promise<void>(() => {}) };
    void register({ ...ctx, sequencer: never }, label, third.bytes, null);
    while ((await auditLog(ctx)).pending === 0) await new Promise((done) => setTimeout(done, 1));
    assert.deepEqual(await faults(world), []);
    await assert.rejects(register(ctx, label, fourth, null), refusal("record_conflict"));
    const genesis = (await newAccount("alice", { issuedMs: world.now })).record;
    await assert.rejects(register(ctx, label, genesis, null), refusal("name_taken"));
    await register(ctx, label, third.bytes, null);
    await register(ctx, label, fourth, null);
    assert.equal((await ctx.accounts.record(label))!.version, 3);
  });
});

Deno.test("a record that is badly signed, badly dated, or adds too much is refused", async () => {
  await withWorld(async (world) => {
    const { ctx } = world;
    const { device, record } = await newOwner(world, "alice");
    const other = await newOwner(world, "bob");
    const { label } = record.account;
    const thief = await newDevice(record.account, 2);
    const both = [self(device), previous(device)];
    const [phone, tablet] = [thief, await newDevice(record.account, 3)];
    const far = await newDevice(record.account, 2 ** 32 - 1);
    const stolen = await newDevice(record.account, 2, { keys: other.device.keys });
    const again = await newDevice(record.account, 2, { keys: device.keys });
    const bad: Record<string, Bytes> = {
      "by a stranger": await change(world, record, "update", [thief], [
        self(thief),
        previous(thief),
      ]),
      "two devices more": await change(world, record, "update", [device, phone, tablet], both),
      "a number that leaves none": await change(world, record, "update", [device, far], both),
      "somebody else's keys": await change(world, record, "update", [device, stolen], both),
      "the same keys twice": await change(world, record, "update", [device, again], both),
      "a reset by nobody": await change(world, record, "reset", [thief], [self(thief)]),
    };
    for (const [what, bytes] of Object.entries(bad)) {
      await assert.rejects(register(ctx, label, bytes, null), refusal("bad_record"), what);
    }
    const good = await change(world, record, "update", [device, phone], both);
    world.now += 660_000;
    await assert.rejects(register(ctx, label, good, null), refusal("bad_record"));
    world.now -= 660_000;
    await register(ctx, label, good, null);
    assert.deepEqual(await faults(world), []);
  });
});

Deno.test("the keys of a removed device stay its own, and never come back under another", async () => {
  await withWorld(async (world) => {
    const { device, record } = await newOwner(world, "alice");
    const phone = await newDevice(record.account, 2);
    const moved = await change(world, record, "update", [phone], [self(phone), previous(device)]);
    const second = await accepted(world, record, moved);
    const both = [self(phone), previous(phone)];
    for (
      const [name, id] of [["alice", 3], ["alice", 1], ["bob", 1]] as const
    ) {
      const account = { origin: ORIGIN, label: parseAccountLabel(name) };
      const copy = await newDevice(account, id, { keys: device.keys });
      const bytes = name === "bob"
        ? await signGenesis(account, copy.entry, copy.keys, world.now)
        : await change(world, second, "update", [phone, copy], both);
      await assert.rejects(
        register(world.ctx, account.label, bytes, null),
        refusal("bad_record"),
        name,
      );
    }
    assert.deepEqual(await faults(world), []);
  });
});

Deno.test("a recovery key that an update named brings the account to a new device", async () => {
  await withWorld(async (world) => {
    const { device, record } = await newOwner(world, "alice");
    const recovery = await generateSigningKeyPair();
    const named = { recovery: sha256(recovery.publicKey) };
    const both = [self(device), previous(device)];
    const second = await accepted(
      world,
      record,
      await change(world, record, "update", [device], both, named),
    );
    const fresh = await newDevice(record.account, 3);
    const signers: RecordSigner[] = [self(fresh), { role: "recovery", signing: recovery }];
    await accepted(world, second, await change(world, second, "recover", [fresh], signers));
    assert.deepEqual(await currentDevices(world, record), [3]);
    assert.deepEqual(await faults(world), []);
  });
});

Deno.test("a reset gets the operator's signature, is repeated, and only where names are not open", async () => {
  await withWorld(async (world) => {
    const { ctx } = world;
    const owner = await newOwner(world, "alice");
    const { label } = owner.record.account;
    const device = await newDevice(owner.record.account, 2);
    const half = await change(world, owner.record, "reset", [device], [self(device)]);
    await Promise.all([1, 2].map(() => resetName(ctx, label, half, null, null)));
    await resetName(ctx, label, half, null, null);
    const current = (await ctx.accounts.record(label))!;
    assert.equal(current.version, 1);
    assert.deepEqual(current.contesting, owner.record.devices);
    // The whole record too, from whoever was shown it.
    await register(ctx, label, current.bytes, null);
    const update = await change(world, current, "update", [device], [self(device)]);
    await assert.rejects(resetName(ctx, label, update, null, null), refusal("bad_record"));
    await assert.rejects(
      resetName(ctx, label, new Uint8Array(9), null, null),
      refusal("bad_record"),
    );
    const nobody = { ...owner.record.account, label: parseAccountLabel("nobody") };
    const elsewhere = await newDevice(nobody, 1);
    const strange = await change(world, { ...owner.record, account: nobody }, "reset", [
      elsewhere,
    ], [self(elsewhere)]);
    await assert.rejects(
      resetName(ctx, nobody.label, strange, null, null),
      refusal("record_conflict"),
    );
    assert.deepEqual(await faults(world), []);
  });
  using kv = await Deno.openKv(":memory:");
  await using ctx = await openCore(kv);
  const world = { ctx, kv, now: Date.now() };
  const owner = await newOwner(world, "alice");
  const device = await newDevice(owner.record.account, 2);
  const half = await change(world, owner.record, "reset", [device], [self(device)]);
  const { label } = owner.record.account;
  await assert.rejects(resetName(ctx, label, half, null, null), refusal("forbidden"));
  const operator: RecordSigner = { role: "operator", signing: ctx.keys.operator };
  const whole = await change(world, owner.record, "reset", [device], [self(device), operator]);
  await assert.rejects(register(ctx, label, whole, null), refusal("forbidden"));
});

Deno.test("for 72 hours a reset is cancelled by an old device, and nothing buries it", async () => {
  await withWorld(async (world) => {
    const { ctx } = world;
    const owner = await newOwner(world, "alice");
    const { label } = owner.record.account;
    const thief = await resetOf(world, owner);
    assert.deepEqual(await currentDevices(world, thief.record), [2]);
    world.now += RESET_DELAY_MS - 60_000;
    const theirs = [self(thief.device), previous(thief.device)];
    const more = await newDevice(thief.record.account, 3);
    const buried: Record<string, Bytes> = {
      update: await change(world, thief.record, "update", [thief.device, more], theirs),
      retire: await change(world, thief.record, "retire", [], [previous(thief.device)]),
    };
    for (const [kind, bytes] of Object.entries(buried)) {
      await assert.rejects(register(ctx, label, bytes, null), refusal("reset_pending"), kind);
    }
    const second = await change(world, thief.record, "reset", [more], [self(more)]);
    await assert.rejects(resetName(ctx, label, second, null, null), refusal("reset_pending"));
    const both = [self(owner.device), previous(owner.device)];
    const lie = { auth: Uint8Array.of(1, 2, 3) };
    const lying = await change(world, thief.record, "cancel", [owner.device], both, lie);
    await assert.rejects(register(ctx, label, lying, null), refusal("bad_record"));
    const cancel = await change(world, thief.record, "cancel", [owner.device], both);
    const cancelled = await accepted(world, thief.record, cancel);
    assert.deepEqual(await currentDevices(world, cancelled), [1]);
    // Life goes on.
    await accepted(
      world,
      cancelled,
      await change(world, cancelled, "update", [owner.device], both),
    );
    assert.deepEqual(await faults(world), []);
  });
});

Deno.test("after 72 hours a reset stands, and whoever has the name goes on", async () => {
  await withWorld(async (world) => {
    const { ctx } = world;
    const owner = await newOwner(world, "alice");
    const { label } = owner.record.account;
    const later = await resetOf(world, owner);
    world.now += RESET_DELAY_MS + 60_000;
    const both = [self(owner.device), previous(owner.device)];
    const cancel = await change(world, later.record, "cancel", [owner.device], both);
    await assert.rejects(register(ctx, label, cancel, null), refusal("forbidden"));
    const theirs = [self(later.device), previous(later.device)];
    const update = await change(world, later.record, "update", [later.device], theirs);
    const second = await accepted(world, later.record, update);
    assert.equal(second.version, 2);
    assert.deepEqual(await faults(world), []);
  });
});

Deno.test("the prekeys of a device go with it, and those of contested devices wait", async () => {
  await withWorld(async (world) => {
    const { ctx } = world;
    const owner = await newOwner(world, "alice");
    const { label } = owner.record.account;
    const person = { ...await newAccount("alice"), keys: owner.device.keys };
    const prekeys = (record: VerifiedRecord, setNumber: number) =>
      newPrekeys(person, record, { count: 1, setNumber, notBeforeMs: world.now });
    await publishPrekeys(ctx, label, 1, await prekeys(owner.record, 1));
    const thief = await resetOf(world, owner);
    assert.deepEqual(await listPrekeyDevices(ctx, label), [1]);
    assert.deepEqual(await faults(world), []);
    const stale = await prekeys(owner.record, 2);
    await assert.rejects(publishPrekeys(ctx, label, 1, stale), refusal("unknown_device"));
    const both = [self(owner.device), previous(owner.device)];
    const back = await accepted(
      world,
      thief.record,
      await change(world, thief.record, "cancel", [owner.device], both),
    );
    await publishPrekeys(ctx, label, 1, await prekeys(back, 2));
    const phone = await newDevice(back.account, 4);
    const moved = await change(world, back, "update", [phone], [
      self(phone),
      previous(owner.device),
    ]);
    // While the update waits for the log, the old device publishes nothing any more.
    await ctx.sequencer.settled();
    const never = { ...ctx.sequencer, sequenced: () => new Promise<void>(() => {}) };
    void register({ ...ctx, sequencer: never }, label, moved, null);
    while ((await auditLog(ctx)).pending === 0) await new Promise((done) => setTimeout(done, 1));
    const last = await prekeys(back, 3);
    await assert.rejects(publishPrekeys(ctx, label, 1, last), refusal("unavailable"));
    await register(ctx, label, moved, null);
    assert.deepEqual(await listPrekeyDevices(ctx, label), []);
    assert.deepEqual(await faults(world), []);
  });
});

/** Every byte string and text that the store holds, keys included. */
async function everything(kv: Deno.Kv): Promise<(string | Uint8Array)[]> {
  const out: (string | Uint8Array)[] = [];
  const visit = (value: unknown): void => {
    if (typeof value === "string" || value instanceof Uint8Array) out.push(value);
    else if (typeof value === "object" && value !== null) Object.values(value).forEach(visit);
  };
  for await (const { key, value } of kv.list({ prefix: [] })) {
    key.forEach(visit);
    visit(value);
  }
  return out;
}

Deno.test("a name that is retired leaves nothing behind that opens what the log committed to", async () => {
  await withWorld(async (world) => {
    const { ctx, kv } = world;
    const owner = await newOwner(world, "alice");
    const bystander = await newOwner(world, "bob");
    const { label } = owner.record.account;
    const person = { ...await newAccount("alice"), keys: owner.device.keys };
    await publishPrekeys(ctx, label, 1, await newPrekeys(person, owner.record, { count: 1 }));
    const both = [self(owner.device), previous(owner.device)];
    const update = await change(world, owner.record, "update", [owner.device], both);
    const second = await accepted(world, owner.record, update);
    const [p256dh, auth] = [new Uint8Array(65).fill(4), new Uint8Array(16).fill(5)];
    const signing = owner.device.entry.signing;
    const push = { endpoint: "https://push.example/1", p256dh, auth, signing, expMs: null };
    await commit(kv, [], [writePush(ctx, label, 1, push)]);
    const needles = [
      { name: "a push subscription", bytes: utf8(push.endpoint) },
      { name: "the first record", bytes: owner.record.bytes },
      { name: "the second record", bytes: second.bytes },
      { name: "a binding", bytes: owner.device.binding },
      { name: "a device's name", bytes: utf8("device 1") },
    ];
    assert.equal(grep(await everything(kv), needles).length, needles.length);
    const retire = await change(world, second, "retire", [], [previous(owner.device)]);
    await register(ctx, label, retire, null);
    assert.equal(await ctx.accounts.record(label), null);
    // Bob's device has such a name too.
    const left = grep(await everything(kv), needles);
    assert.deepEqual(left, ["a device's name"]);
    assert.deepEqual(await listPrekeyDevices(ctx, label), []);
    assert.deepEqual(await faults(world), []);
    // The end is repeated; anything else of the name is over.
    await register(ctx, label, retire, null);
    for (const bytes of [owner.record.bytes, update, (await newAccount("alice")).record]) {
      await assert.rejects(register(ctx, label, bytes, null), refusal("name_retired"));
    }
    const device = await newDevice(second.account, 3);
    const reset = await change(world, second, "reset", [device], [self(device)]);
    await assert.rejects(resetName(ctx, label, reset, null, null), refusal("name_retired"));
    assert.equal((await ctx.accounts.record(bystander.record.account.label))?.version, 0);
  });
});

Deno.test("a service that died before it erased a name does so when it starts", async () => {
  using kv = await Deno.openKv(":memory:");
  const clock = { now: Date.now() };
  const needles: { name: string; bytes: Bytes }[] = [];
  {
    await using ctx = await openCore(kv, { now: () => clock.now });
    const world = { ctx, kv, now: clock.now };
    const owner = await newOwner(world, "alice");
    needles.push({ name: "the record", bytes: owner.record.bytes });
    const { label } = owner.record.account;
    const value = (await readValue(ctx, label, 0))!;
    const end = await change(world, owner.record, "retire", [], [previous(owner.device)]);
    await register(ctx, label, end, null);
    assert.deepEqual(grep(await everything(kv), needles), []);
    // What a process leaves that died in between.
    await commit(kv, [], [
      writeValue(ctx, label, 0, value),
      writeErasure(ctx, { label, version: 1 }),
    ]);
    assert.deepEqual(await faults(world), []);
    assert.equal(grep(await everything(kv), needles).length, 1);
    // Nor before others are shown the end: until then they are answered with what was before it.
    const shown = (await readPublished(ctx))!.value;
    await commit(kv, [], writePublished(ctx, { ...shown, size: shown.size - 2 }, false));
    await eraseRetired(ctx);
    assert.equal(grep(await everything(kv), needles).length, 1);
    await commit(kv, [], writePublished(ctx, shown, false));
  }
  await using ctx = await openCore(kv, { now: () => clock.now });
  assert.deepEqual(grep(await everything(kv), needles), []);
  assert.deepEqual((await auditLog(ctx)).faults, []);
});

Deno.test("a name whose end was answered late is erased as soon as that is published", async () => {
  using kv = await Deno.openKv(":memory:");
  await using witness = await startWitness("a", { logKeys: await logKeysOf() });
  await using ctx = await openWitnessed(kv, {
    witnesses: [witness],
    threshold: 1,
    patienceMs: 100,
  });
  const world = { ctx, kv, now: Date.now() };
  const owner = await newOwner(world, "alice");
  const needles = [{ name: "the record", bytes: owner.record.bytes }];
  const end = await change(world, owner.record, "retire", [], [previous(owner.device)]);
  witness.story = () => new Response(null, { status: 503 });
  await assert.rejects(
    register(ctx, owner.record.account.label, end, null),
    refusal("unavailable"),
  );
  assert.equal(grep(await everything(kv), needles).length, 1, "others are still answered with it");
  witness.story = null;
  const isGone = async () => grep(await everything(kv), needles).length === 0;
  await eventually("the record is gone", isGone);
});

Deno.test("the operator ends a name, also one whose reset is contested", async () => {
  await withWorld(async (world) => {
    const owner = await newOwner(world, "alice");
    const thief = await resetOf(world, owner);
    const operator: RecordSigner = { role: "operator", signing: world.ctx.keys.operator };
    const end = await change(world, thief.record, "retire", [], [operator]);
    await register(world.ctx, owner.record.account.label, end, null);
    assert.equal(await world.ctx.accounts.record(owner.record.account.label), null);
    assert.deepEqual(await faults(world), []);
  });
});

/** Believes whoever says the word. */
const WORD: NamePolicy = {
  kind: "grant",
  authorize: ({ authorization }) => said(authorization),
  recognize: ({ authorization }) => said(authorization),
};

function said(authorization: string | null): Promise<void> {
  if (authorization === "word") return Promise.resolve();
  return Promise.reject(new ServiceError("authorization_required", "Say the word"));
}

Deno.test("whoever has no right to a name makes the service do nothing costly, however often they try", async () => {
  using kv = await Deno.openKv(":memory:");
  const clock = { now: Date.now() };
  await using ctx = await openCore(kv, { now: () => clock.now, names: WORD });
  let proofs = 0;
  const keys = new Proxy(ctx.keys, {
    get(target, name: keyof typeof ctx.keys) {
      if (name === "vrf") proofs++;
      return target[name];
    },
  });
  const counted = { ...ctx, keys };
  const take = async (name: string, word: string | null) => {
    const { label, record } = await newAccount(name, { issuedMs: clock.now });
    await register(counted, label, record, null, word);
  };
  for (let i = 0; i < 3 * RESTORE_BURST; i++) {
    await assert.rejects(take(`name${i}`, null), refusal("authorization_required"));
  }
  assert.ok(proofs <= RESTORE_BURST, `${proofs} VRF proofs`);
  // Also what is badly signed, or late, is refused without one; and who has the word is not kept waiting.
  const spent = proofs;
  const { label, record } = await newAccount("late", { issuedMs: clock.now - 660_000 });
  await assert.rejects(register(counted, label, record, null, "word"), refusal("bad_record"));
  const { record: signed } = await newAccount("signed", { issuedMs: clock.now });
  const forged = signed.slice();
  forged[forged.length - 1]! ^= 1;
  await assert.rejects(
    register(counted, parseAccountLabel("signed"), forged, null, "word"),
    refusal("bad_record"),
  );
  assert.equal(proofs, spent);
  await take("alice", "word");
  await assert.rejects(take("alice", null), refusal("name_taken"));
  // After a while, what the log holds may be brought again.
  clock.now += RESTORE_REFILL_MS;
  const before = proofs;
  await assert.rejects(take("bob", null), refusal("authorization_required"));
  assert.ok(proofs > before);
});
