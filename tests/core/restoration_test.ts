import assert from "node:assert/strict";
import { type AccountLabel, parseAccountLabel } from "../../crypto/account_label.ts";
import { type Bytes, equal } from "../../crypto/bytes.ts";
import { commit } from "../../crypto/commitment.ts";
import {
  decodeRecord,
  nextRecord,
  recordHash,
  signGenesis,
  signRecord,
  verifyNext,
} from "../../crypto/record.ts";
import { vrfOutputOf } from "../../crypto/vrf.ts";
import { type OpenContext } from "../../core/context.ts";
import { lookup } from "../../core/directory.ts";
import { ServiceError } from "../../core/error.ts";
import { auditLog } from "../../core/log_audit.ts";
import { type NamePolicy } from "../../core/name_policy.ts";
import { publishPrekeys } from "../../core/prekeys.ts";
import { register } from "../../core/registration.ts";
import { findCommitted } from "../../core/restoration.ts";
import { readHead } from "../../kv/head.ts";
import { logKey } from "../../kv/log_key.ts";
import { readValue } from "../../kv/records.ts";
import { newDevice, type OwnDevice, previous, self } from "../support/records.ts";
import { newAccount, newPrekeys, openCore, ORIGIN, verified } from "../support/service_core.ts";

const LABEL = parseAccountLabel("alice");

/** Believes whoever came with a word, so that one can come without. */
const WORD: NamePolicy = {
  kind: "grant",
  authorize: ({ authorization }) => {
    if (authorization === null) throw new ServiceError("authorization_required", "Say the word");
    return Promise.resolve();
  },
  recognize: () => Promise.resolve(),
};

interface World {
  readonly ctx: OpenContext;
  readonly kv: Deno.Kv;
  /** Alice's records, oldest first. */
  readonly records: readonly Bytes[];
  now: number;
}

/** Alice registered, and changed her record twice; then half a year passed. */
async function withHistory(test: (world: World) => Promise<void>): Promise<void> {
  using kv = await Deno.openKv(":memory:");
  const clock = { now: Date.now() };
  await using ctx = await openCore(kv, { now: () => clock.now, names: WORD });
  const account = { origin: ORIGIN, label: LABEL };
  const [laptop, phone] = await Promise.all([1, 2].map((id) => newDevice(account, id))) as [
    OwnDevice,
    OwnDevice,
  ];
  const first = await signGenesis(account, laptop.entry, laptop.keys, clock.now);
  const records = [first];
  let before = await verifyNext(account, ctx.keys.operator.publicKey, null, first);
  for (const devices of [[laptop, phone], [phone]]) {
    const change = { kind: "update", devices, issuedMs: clock.now } as const;
    const signers = [self(devices[0]!), previous(laptop)];
    records.push(await signRecord(account, nextRecord(before, change), signers));
    before = await verifyNext(account, ctx.keys.operator.publicKey, before, records.at(-1)!);
  }
  for (const record of records) await register(ctx, LABEL, record, null, "word");
  const bob = await newAccount("bob", { issuedMs: clock.now });
  await register(ctx, bob.label, bob.record, null, "word");
  clock.now += 180 * 86_400_000;
  await test(Object.assign(clock, { ctx, kv, records }));
}

/** Takes back what the store has of the name from a version on, as an older backup would. */
async function forget({ ctx, kv, records }: World, from: number): Promise<void> {
  for (let version = from; version < records.length; version++) {
    await kv.delete(logKey(ctx, "value", LABEL, version));
  }
  const state = logKey(ctx, "label", LABEL);
  if (from === 0) {
    await kv.delete(state);
    for await (
      const { key, value } of kv.list<{ label: AccountLabel }>({
        prefix: logKey(ctx, "key"),
      })
    ) {
      if (value.label === LABEL) await kv.delete(key);
    }
    return;
  }
  const { record } = (await readValue(ctx, LABEL, from - 1))!;
  await kv.set(state, { version: from - 1, recordHash: recordHash(record), poolId: null });
}

async function codeOf({ ctx }: World, record: Bytes): Promise<string> {
  try {
    await register(ctx, LABEL, record, null);
    return "ok";
  } catch (error) {
    assert.ok(error instanceof ServiceError, String(error));
    return error.code;
  }
}

async function sizeOf({ ctx }: World): Promise<number> {
  return (await readHead(ctx))!.value.size;
}

Deno.test("a record that the store forgot comes back from its owner, and the log grows by nothing", async () => {
  for (const from of [2, 1, 0]) {
    await withHistory(async (world) => {
      const { ctx, records } = world;
      const size = await sizeOf(world);
      await forget(world, from);
      assert.notDeepEqual((await auditLog(ctx)).faults, []);
      await assert.rejects(lookup(ctx, LABEL, null), { code: "record_lost" });
      // Half a year old, and without a word: the log decides.
      for (let version = from; version < records.length; version++) {
        // Until the newest is back, the log proves more than the store can show.
        const expected = version === records.length - 1 ? "ok" : "record_lost";
        assert.equal(await codeOf(world, records[version]!), expected, `${version} of ${from}`);
      }
      assert.equal(await sizeOf(world), size);
      assert.deepEqual((await auditLog(ctx, ctx.keys.logVerifierKey)).faults, []);
      const { record } = await verified(ctx, LABEL, await lookup(ctx, LABEL, null));
      assert.ok(equal(record.bytes, records.at(-1)!));
    });
  }
});

Deno.test("what the log holds cannot be replaced where the store forgot it", async () => {
  await withHistory(async (world) => {
    const { ctx, records } = world;
    await forget(world, 0);
    // A stranger who wants the name, with every authorization there is.
    const thief = await newAccount("alice", { issuedMs: world.now });
    await assert.rejects(register(ctx, LABEL, thief.record, null, "word"), { code: "record_lost" });
    // And the owner, out of order.
    assert.equal(await codeOf(world, records[1]!), "record_conflict");
    const { names, pending } = await auditLog(ctx);
    assert.deepEqual([names, pending], [1, 0]);
    for (const record of records) await codeOf(world, record);
    assert.deepEqual((await auditLog(ctx)).faults, []);
  });
});

Deno.test("an update of a device whose store forgot the newest record does not fork the name", async () => {
  await withHistory(async (world) => {
    const { ctx, records } = world;
    const account = { origin: ORIGIN, label: LABEL };
    const operator = ctx.keys.operator.publicKey;
    const before = await verifyNext(account, operator, null, records[0]!);
    await forget(world, 1);
    const stranger = await newDevice(account, 3);
    const change = { kind: "update", devices: [stranger], issuedMs: world.now } as const;
    const forged = await signRecord(account, nextRecord(before, change), [self(stranger)]);
    assert.equal(await codeOf(world, forged), "bad_record");
    assert.equal(await codeOf(world, records[1]!), "record_lost");
    assert.equal(await codeOf(world, records[2]!), "ok");
    // Repeated, they are what they were.
    for (const record of records) assert.equal(await codeOf(world, record), "ok");
  });
});

Deno.test("nobody keeps a lost record out by publishing a key of it as a prekey", async () => {
  await withHistory(async (world) => {
    const { ctx, records } = world;
    await forget(world, 0);
    // Whoever looked Alice up once knows her keys; nothing in the store says that they are hers.
    const mallory = await newAccount("mallory", { issuedMs: world.now });
    await register(ctx, mallory.label, mallory.record, null, "word");
    const record = (await ctx.accounts.record(mallory.label))!;
    const { entry } = decodeRecord(records[0]!).devices[0]!;
    const set = await newPrekeys(mallory, record, {
      spk: entry.identity,
      notBeforeMs: world.now,
      notAfterMs: world.now + 86_400_000,
    });
    await publishPrekeys(ctx, mallory.label, 1, set);
    for (let version = 0; version < records.length; version++) {
      const expected = version === records.length - 1 ? "ok" : "record_lost";
      assert.equal(await codeOf(world, records[version]!), expected, `${version}`);
    }
  });
});

Deno.test("a record that others bring at once is restored once", async () => {
  await withHistory(async (world) => {
    await forget(world, 2);
    const size = await sizeOf(world);
    const codes = await Promise.all([1, 2, 3, 4].map(() => codeOf(world, world.records[2]!)));
    assert.deepEqual(codes, ["ok", "ok", "ok", "ok"]);
    assert.equal(await sizeOf(world), size);
    assert.deepEqual((await auditLog(world.ctx)).faults, []);
  });
});

Deno.test("a record's place in the log is found in every epoch, without reading the log", async () => {
  using kv = await Deno.openKv(":memory:");
  await using ctx = await openCore(kv);
  const names = Array.from({ length: 33 }, (_, i) => `name${i}`);
  for (const name of names) {
    const { label, record } = await newAccount(name, { issuedMs: ctx.now() });
    await register(ctx, label, record, null);
  }
  // Counts what is read of the store meanwhile.
  let read = 0;
  const counted = new Proxy(kv, {
    get(target, name: "get" | "getMany" | "list") {
      const method = target[name];
      if (typeof method !== "function") return method;
      return (...args: unknown[]) => {
        read += name === "list" ? 1_000 : name === "getMany" ? (args[0] as unknown[]).length : 1;
        return (method as (...args: unknown[]) => unknown).apply(target, args);
      };
    },
  });
  for (const name of names) {
    const label = parseAccountLabel(name);
    const { batchIndex, vrfProof, opening, record } = (await readValue(ctx, label, 0))!;
    const vrfOutput = vrfOutputOf(vrfProof);
    const commitment = commit(opening, { label, version: 0, value: record });
    read = 0;
    const found = await findCommitted({ ...ctx, kv: counted }, { vrfOutput, commitment });
    assert.deepEqual(found, { kind: "record", batchIndex });
    // Six halvings, a tile or two each.
    assert.ok(read <= 20, `${read} reads`);
  }
});
