/**
 * A prekey belongs to one device: what happens to whoever publishes somebody else's.
 *
 * @module
 */

import assert from "node:assert/strict";
import { type OpenContext } from "../../core/context.ts";
import { ServiceError } from "../../core/error.ts";
import { auditLog } from "../../core/log_audit.ts";
import { type PrekeyPublication, publishPrekeys } from "../../core/prekeys.ts";
import { register } from "../../core/registration.ts";
import {
  type AgreementKey,
  generateAgreementKeyPair,
  generateDeviceKeys,
  generateKemKeyPair,
} from "../../crypto/keys.ts";
import { decodePrekeySet, type PrekeySet } from "../../crypto/prekey.ts";
import { type VerifiedRecord } from "../../crypto/record.ts";
import { type PrekeyOwner, writePrekeyOwner } from "../../kv/prekey_owners.ts";
import { newAccount, newPrekeys, openCore, type TestAccount } from "../support/service_core.ts";

const DAY_MS = 86_400_000;

/** Somebody with a name, and a way to publish. */
interface Publisher {
  readonly account: TestAccount;
  readonly record: VerifiedRecord;
  /** Makes the next set, with some fields replaced. */
  make(change?: Partial<PrekeySet> & { opks?: AgreementKey[] }): Promise<PrekeyPublication>;
  publish(publication: PrekeyPublication): Promise<void>;
}

async function publisher(ctx: OpenContext, name: string): Promise<Publisher> {
  const account = await newAccount(name, { issuedMs: ctx.now() });
  await register(ctx, account.label, account.record, null);
  const record = (await ctx.accounts.record(account.label))!;
  let setNumber = 0;
  return {
    account,
    record,
    make: (change) =>
      newPrekeys(account, record, {
        setNumber: ++setNumber,
        notBeforeMs: ctx.now(),
        notAfterMs: ctx.now() + DAY_MS,
        ...change,
      }),
    publish: (publication) => publishPrekeys(ctx, account.label, 1, publication),
  };
}

async function withTwo(
  story: (
    parts: { ctx: OpenContext; bob: Publisher; mallory: Publisher; wait: (ms: number) => void },
  ) => Promise<void>,
): Promise<void> {
  using kv = await Deno.openKv(":memory:");
  let nowMs = Date.now();
  await using ctx = await openCore(kv, { now: () => nowMs });
  const [bob, mallory] = [await publisher(ctx, "bob"), await publisher(ctx, "mallory")];
  await story({ ctx, bob, mallory, wait: (ms) => void (nowMs += ms) });
  assert.deepEqual((await auditLog(ctx)).faults, []);
}

const refused = (code: string) => (error: unknown) => {
  assert.ok(error instanceof ServiceError, String(error));
  return error.code === code;
};
const BAD = refused("bad_prekeys");

Deno.test("a prekey of another device is refused, in any place of a set", () =>
  withTwo(async ({ bob, mallory }) => {
    const bobs = await bob.make();
    await bob.publish(bobs);
    const { spk, kpk } = decodePrekeySet(bobs.set);
    const { identity } = bob.record.devices[0]!.entry;
    const tries: Record<string, Parameters<Publisher["make"]>[0]> = {
      "the signed prekey": { spk },
      "the ML-KEM prekey": { kpk },
      "both": { spk, kpk },
      "the signed prekey as one-time prekey": { opks: [spk] },
      "the identity key as signed prekey": { spk: identity },
      "the identity key as one-time prekey": { opks: [identity] },
    };
    for (const [what, change] of Object.entries(tries)) {
      await assert.rejects(
        mallory.publish(await mallory.make({ setNumber: 1, ...change })),
        BAD,
        what,
      );
    }
    await mallory.publish(await mallory.make({ setNumber: 1 }));
    await bob.publish(await bob.make({ spk, kpk }));
  }));

Deno.test("of two devices that publish one prekey at once, one has it", () =>
  withTwo(async ({ bob, mallory }) => {
    const spk = (await generateAgreementKeyPair()).publicKey;
    const kpk = (await generateKemKeyPair()).publicKey;
    for (const shared of [{ spk }, { kpk }]) {
      const results = await Promise.allSettled([bob, mallory].map(async (one) => {
        await one.publish(await one.make(shared));
      }));
      assert.equal(results.filter(({ status }) => status === "fulfilled").length, 1);
      const [loser] = results.filter((result) => result.status === "rejected");
      assert.ok(BAD(loser!.reason));
    }
  }));

Deno.test("a prekey of the device's own is no other kind of key of it", () =>
  withTwo(async ({ bob }) => {
    const first = await bob.make();
    await bob.publish(first);
    const { spk } = decodePrekeySet(first.set);
    await assert.rejects(bob.publish(await bob.make({ setNumber: 2, opks: [spk] })), BAD);
    const { identity } = bob.record.devices[0]!.entry;
    await assert.rejects(bob.publish(await bob.make({ setNumber: 2, spk: identity })), BAD);
  }));

Deno.test("a prekey becomes no key of a record while it is somebody's", () =>
  withTwo(async ({ ctx, bob, wait }) => {
    const first = await bob.make();
    await bob.publish(first);
    const { spk } = decodePrekeySet(first.set);
    const fresh = await generateDeviceKeys();
    const keys = { ...fresh, identity: { ...fresh.identity, publicKey: spk } };
    const carol = await newAccount("carol", { keys, issuedMs: ctx.now() });
    await assert.rejects(
      register(ctx, carol.label, carol.record, null),
      refused("bad_record"),
    );
    // A day after its set has ended nobody could use it any more, and the store need not remember it.
    wait(2 * DAY_MS + 1);
    const later = await newAccount("carol", { keys, issuedMs: ctx.now() });
    await register(ctx, later.label, later.record, null);
  }));

Deno.test("what is remembered of a prekey ends a day after its set, and is two rows a set", async () => {
  using kv = await Deno.openKv(":memory:");
  await using ctx = await openCore(kv);
  const bob = await publisher(ctx, "bob");
  const rows = () =>
    Array.fromAsync(kv.list<PrekeyOwner>({ prefix: ["log", ctx.origin, "prekey"] }));
  const [nowMs, owner] = [ctx.now(), { label: bob.account.label, deviceId: 1 }];
  const notAfterMs = nowMs + DAY_MS;
  await bob.publish(await bob.make({ notAfterMs }));
  const expMs = notAfterMs + DAY_MS;
  assert.deepEqual(
    (await rows()).map(({ value }) => value),
    [1, 2].map(() => ({ ...owner, expMs })),
  );
  const row = writePrekeyOwner(ctx, new Uint8Array(32), { ...owner, expMs }, nowMs);
  assert.ok(row.type === "set");
  assert.equal(row.expireIn, 2 * DAY_MS);
  for (let i = 0; i < 3; i++) await bob.publish(await bob.make());
  assert.equal((await rows()).length, 8);
});

Deno.test("a set that is published in place of another leaves no rows without end", async () => {
  using kv = await Deno.openKv(":memory:");
  await using ctx = await openCore(kv);
  const mallory = await publisher(ctx, "mallory");
  let taken = 0;
  for (let i = 0; i < 200; i++) {
    await mallory.publish(await mallory.make({ opks: [], notAfterMs: ctx.now() + 14 * DAY_MS }))
      .then(() => taken++, () => {});
  }
  const rows = await Array.fromAsync(kv.list({ prefix: ["log", ctx.origin, "prekey"] }));
  // "A device has some thirty of them": two a day for fifteen days.
  assert.ok(
    rows.length <= 64,
    `${rows.length} rows of one device, after ${taken} sets in a moment`,
  );
});
