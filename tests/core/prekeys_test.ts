import assert from "node:assert/strict";
import { parseAccountLabel } from "../../crypto/account_label.ts";
import { type Bytes } from "../../crypto/bytes.ts";
import { generateAgreementKeyPair } from "../../crypto/keys.ts";
import { prekeySetHash } from "../../crypto/prekey.ts";
import { takeBundles } from "../../core/directory.ts";
import { register } from "../../core/registration.ts";
import { ServiceError } from "../../core/error.ts";
import { publishPrekeys, requirePublished } from "../../core/prekeys.ts";
import { type OpenContext } from "../../core/context.ts";
import { readPrekeys } from "../../kv/prekeys.ts";
import { type VerifiedRecord } from "../../crypto/record.ts";
import { newAccount, newPrekeys, openCore, type TestAccount } from "../support/service_core.ts";

const DAY_MS = 86_400_000;
const ALICE = parseAccountLabel("alice");
const NOW_MS = 1_790_000_000_000;

function refusal(code: string): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof ServiceError, String(error));
    assert.equal(error.code, code);
    return true;
  };
}

/** A context in which bob is registered. */
async function withBob(
  story: (ctx: OpenContext, bob: TestAccount, record: VerifiedRecord) => Promise<void>,
  now: () => number = Date.now,
): Promise<void> {
  using kv = await Deno.openKv(":memory:");
  await using ctx = await openCore(kv, { now });
  const bob = await newAccount("bob", { issuedMs: now() });
  await register(ctx, bob.label, bob.record, null);
  await story(ctx, bob, (await ctx.accounts.record(bob.label))!);
}

Deno.test("the number of a device's sets only rises, and not past the next one or the clock", () =>
  withBob(async (ctx, bob, record) => {
    const nowS = Math.floor(NOW_MS / 1000);
    const most = nowS + 300;
    const publish = async (setNumber: number, outcome: "taken" | "refused") => {
      const set = newPrekeys(bob, record, {
        setNumber,
        notBeforeMs: NOW_MS,
        notAfterMs: NOW_MS + DAY_MS,
      });
      const publishing = publishPrekeys(ctx, bob.label, 1, await set);
      if (outcome === "taken") await publishing;
      else await assert.rejects(publishing, refusal("prekeys_conflict"), String(setNumber));
    };
    await publish(0, "refused");
    await publish(most + 1, "refused");
    await publish(2 ** 53 - 1, "refused");
    for (const number of [1, 2, 9]) await publish(number, "taken");
    for (const number of [9, 8, 1]) await publish(number, "refused");
    await publish(nowS, "taken");
    await publish(most, "taken");
    // Where the clock does not help, one by one.
    await publish(most + 2, "refused");
    await publish(most + 1, "taken");
    assert.equal((await readPrekeys(ctx, bob.label, 1))?.value.setNumber, most + 1);
  }, () => NOW_MS));

Deno.test("a device is told whether the service holds its newest set, and nothing else", () =>
  withBob(async (ctx, bob, record) => {
    const differ = refusal("prekeys_differ");
    const [first, second] = [1, 2].map((setNumber) => newPrekeys(bob, record, { setNumber }));
    const ask = async (set: { readonly set: Bytes }) =>
      await requirePublished(ctx, bob.label, 1, prekeySetHash(set.set));
    await assert.rejects(ask(await first!), differ, "none");
    await publishPrekeys(ctx, bob.label, 1, await first!);
    await ask(await first!);
    await takeBundles(ctx, ALICE, bob.label, null);
    await ask(await first!);
    await assert.rejects(ask(await second!), differ, "a later one");
    await publishPrekeys(ctx, bob.label, 1, await second!);
    await ask(await second!);
    await assert.rejects(ask(await first!), differ, "an earlier one");
    const hash = prekeySetHash((await second!).set);
    await assert.rejects(requirePublished(ctx, bob.label, 2, hash), differ, "another device's");
    await assert.rejects(requirePublished(ctx, ALICE, 1, hash), differ, "another account's");
  }));

Deno.test("of two next sets at once one is published", () =>
  withBob(async (ctx, bob, record) => {
    const sets = await Promise.all([1, 2, 3].map(() => newPrekeys(bob, record)));
    const results = await Promise.allSettled(
      sets.map((set) => publishPrekeys(ctx, bob.label, 1, set)),
    );
    assert.equal(results.filter(({ status }) => status === "fulfilled").length, 1);
  }));

Deno.test("the same set again brings back no one-time prekey that was handed out", () =>
  withBob(async (ctx, bob, record) => {
    const set = await newPrekeys(bob, record, { count: 3 });
    await publishPrekeys(ctx, bob.label, 1, set);
    const { bundles } = await takeBundles(ctx, ALICE, bob.label, null);
    await publishPrekeys(ctx, bob.label, 1, set);
    const { left } = (await readPrekeys(ctx, bob.label, 1))!.value;
    assert.equal(left.length, 2);
    assert.ok(!left.includes(bundles[0]!.opk!.index));
  }));

Deno.test("only a current device of a published account has prekeys", () =>
  withBob(async (ctx, bob, record) => {
    const set = await newPrekeys(bob, record);
    const unknown = refusal("unknown_device");
    await assert.rejects(publishPrekeys(ctx, bob.label, 2, set), unknown);
    await assert.rejects(publishPrekeys(ctx, ALICE, 1, set), unknown);
  }));

Deno.test("a set that callers would refuse is refused at once", () =>
  withBob(async (ctx, bob, record) => {
    const mallory = await newAccount("bob");
    const good = await newPrekeys(bob, record);
    const [key] = good.opks;
    const spk = (await generateAgreementKeyPair()).publicKey;
    const signature = good.signature.slice();
    signature[0]! ^= 1;
    const nowMs = Date.now();
    const { identity } = record.devices[0]!.entry;
    const tries = {
      "another signature": { ...good, signature },
      "another device's signature": await newPrekeys(mallory, record),
      "another device's entry": await newPrekeys(bob, record, {
        deviceEntryHash: new Uint8Array(32),
      }),
      "too few one-time prekeys": { ...good, opks: good.opks.slice(1) },
      "too many one-time prekeys": { ...good, opks: [...good.opks, spk] },
      "another order": { ...good, opks: good.opks.toReversed() },
      "a key of small order": { ...good, opks: good.opks.map(() => new Uint8Array(32)) },
      "a one-time prekey twice": await newPrekeys(bob, record, { opks: [key!, key!] }),
      "a signed prekey as one-time prekey": await newPrekeys(bob, record, { spk, opks: [spk] }),
      "the identity key as signed prekey": await newPrekeys(bob, record, { spk: identity }),
      "expired": await newPrekeys(bob, record, {
        notBeforeMs: nowMs - DAY_MS,
        notAfterMs: nowMs - 1,
      }),
      "of the future": await newPrekeys(bob, record, {
        notBeforeMs: nowMs + DAY_MS,
        notAfterMs: nowMs + 2 * DAY_MS,
      }),
      "valid too long": await newPrekeys(bob, record, { notAfterMs: nowMs + 16 * DAY_MS }),
    };
    for (const [what, publication] of Object.entries(tries)) {
      await assert.rejects(
        publishPrekeys(ctx, bob.label, 1, publication),
        refusal("bad_prekeys"),
        what,
      );
    }
    assert.equal(await readPrekeys(ctx, bob.label, 1), null);
  }));

Deno.test("expired prekeys are not handed out", async () => {
  let nowMs = Date.now();
  await withBob(async (ctx, bob, record) => {
    await publishPrekeys(ctx, bob.label, 1, await newPrekeys(bob, record));
    await takeBundles(ctx, ALICE, bob.label, null);
    nowMs += 2 * DAY_MS;
    assert.deepEqual((await takeBundles(ctx, ALICE, bob.label, null)).bundles, []);
    assert.equal((await readPrekeys(ctx, bob.label, 1))!.value.left.length, 3);
  }, () => nowMs);
});

Deno.test("whoever had a device's key for a moment keeps it from no number for long", () => {
  let nowMs = NOW_MS;
  return withBob(async (ctx, bob, record) => {
    const publish = async (setNumber: number) => {
      const validity = { notBeforeMs: nowMs, notAfterMs: nowMs + DAY_MS };
      const set = await newPrekeys(bob, record, { setNumber, count: 0, ...validity });
      await publishPrekeys(ctx, bob.label, 1, set);
    };
    // The thief goes as far as the clock lets it, and then on, one by one.
    const most = Math.floor(nowMs / 1000) + 300;
    for (let i = 0; i < 600; i++) {
      try {
        await publish(most + i);
      } catch {
        break;
      }
    }
    // Ten minutes later Bob dates a set of his own, as his client does.
    nowMs += 600_000;
    await publish(Math.floor(nowMs / 1000));
  }, () => nowMs);
});
