import assert from "node:assert/strict";
import { parseAccountLabel } from "../../crypto/account_label.ts";
import { type Bytes } from "../../crypto/bytes.ts";
import {
  type BoundDevice,
  nextRecord,
  type RecordKind,
  type RecordSigner,
  signGenesis,
  signRecord,
  type VerifiedRecord,
  verifyNext,
} from "../../crypto/record.ts";
import { type OpenContext } from "../../core/context.ts";
import { auditLog } from "../../core/log_audit.ts";
import { type NamePolicy } from "../../core/name_policy.ts";
import { register } from "../../core/registration.ts";
import { type LogStore } from "../../kv/log_key.ts";
import { newDevice, type OwnDevice, previous, self } from "../support/records.ts";
import { openCore, ORIGIN } from "../support/service_core.ts";

const ANYBODY: NamePolicy = {
  kind: "grant",
  authorize: () => Promise.resolve(),
  recognize: () => Promise.resolve(),
};

interface Story {
  readonly ctx: OpenContext;
  readonly device: OwnDevice;
  record: VerifiedRecord;
}

async function begin(ctx: OpenContext, name: string): Promise<Story> {
  const account = { origin: ORIGIN, label: parseAccountLabel(name) };
  const device = await newDevice(account, 1);
  const bytes = await signGenesis(account, device.entry, device.keys, Date.now());
  await register(ctx, account.label, bytes, null);
  return {
    ctx,
    device,
    record: await verifyNext(account, ctx.keys.operator.publicKey, null, bytes),
  };
}

async function goOn(
  story: Story,
  kind: RecordKind,
  devices: readonly BoundDevice[],
  signers: readonly RecordSigner[],
): Promise<void> {
  const { ctx, record } = story;
  const { account } = record;
  const next = nextRecord(record, { kind, devices, issuedMs: Date.now() });
  const bytes: Bytes = await signRecord(account, next, signers);
  await register(ctx, account.label, bytes, null);
  story.record = await verifyNext(account, ctx.keys.operator.publicKey, record, bytes);
}

/** A log of a name that was updated, reset and taken back, and one that ended. */
async function withLog(test: (log: LogStore) => Promise<void>): Promise<void> {
  using kv = await Deno.openKv(":memory:");
  {
    await using ctx = await openCore(kv, { names: ANYBODY });
    const alice = await begin(ctx, "alice");
    const { account } = alice.record;
    const [phone, thief] = await Promise.all([2, 3].map((id) => newDevice(account, id))) as [
      OwnDevice,
      OwnDevice,
    ];
    const both = [self(alice.device), previous(alice.device)];
    const operator: RecordSigner = { role: "operator", signing: ctx.keys.operator };
    await goOn(alice, "update", [alice.device, phone], both);
    await goOn(alice, "reset", [thief], [self(thief), operator]);
    await goOn(alice, "cancel", [alice.device, phone], both);
    const bob = await begin(ctx, "bob");
    await goOn(bob, "update", [bob.device], [self(bob.device), previous(bob.device)]);
    await goOn(bob, "retire", [], [previous(bob.device)]);
  }
  await test({ kv, origin: ORIGIN });
}

async function faultsOf(log: LogStore): Promise<readonly string[]> {
  return (await auditLog(log)).faults;
}

/** The rows of a table that an audit has to miss or find changed. */
async function rowsOf({ kv }: LogStore, ...tables: string[]): Promise<Deno.KvEntry<unknown>[]> {
  const all = await Array.fromAsync(kv.list({ prefix: ["log", ORIGIN] }));
  return all.filter(({ key, value }) => {
    // Of a name that ended, nothing shows which keys were its own.
    const isForgotten = key[2] === "key" && (value as { label: string }).label === "bob";
    return tables.includes(key[2] as string) && !isForgotten;
  });
}

Deno.test("an audit of names that were changed, reset, taken back and ended finds nothing", () =>
  withLog(async (log) => {
    const { names, pending, faults } = await auditLog(log);
    assert.deepEqual({ names, pending, faults }, { names: 2, pending: 0, faults: [] });
    // Four of Alice's, the end of Bob's.
    assert.equal((await rowsOf(log, "value")).length, 5);
  }));

Deno.test("an audit misses each version and each key of every name", () =>
  withLog(async (log) => {
    const rows = await rowsOf(log, "value", "key", "label");
    assert.equal(rows.length, 5 + 6 + 2);
    for (const { key, value } of rows) {
      await log.kv.delete(key);
      assert.notDeepEqual(await faultsOf(log), [], `${key.slice(2)} was not missed`);
      await log.kv.set(key, value);
    }
    assert.deepEqual(await faultsOf(log), []);
  }));

Deno.test("an audit finds a version that is another's, and one that does not follow", () =>
  withLog(async (log) => {
    const values = await rowsOf(log, "value");
    for (const { key, value } of values) {
      for (const other of values) {
        if (other.key === key) continue;
        await log.kv.set(key, other.value);
        assert.notDeepEqual(await faultsOf(log), [], `${other.key.slice(3)} at ${key.slice(3)}`);
      }
      await log.kv.set(key, value);
    }
    assert.deepEqual(await faultsOf(log), []);
  }));

Deno.test("only behind the end of a name may versions be missing, and none of them in part", () =>
  withLog(async (log) => {
    const alice = await rowsOf(log, "value");
    const first = alice.find(({ key }) => key[3] === "alice" && key[4] === 0)!;
    await log.kv.delete(first.key);
    assert.match((await faultsOf(log))[0]!, /^Name 1: its value is missing$/);
    await log.kv.set(first.key, first.value);
    // A name that ended has nothing left of what was before it.
    const ghost = ["log", ORIGIN, "value", "bob", 0];
    await log.kv.set(ghost, first.value);
    assert.notDeepEqual(await faultsOf(log), []);
  }));
