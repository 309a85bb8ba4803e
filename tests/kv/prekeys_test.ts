/**
 * One-time prekeys under everybody's hands: in memory, in a file, and where the store's answers are lost.
 *
 * @module
 */

import assert from "node:assert/strict";
import { parseAccountLabel } from "../../crypto/account_label.ts";
import { type AgreementKey, generateAgreementKeyPair } from "../../crypto/keys.ts";
import { type DevicePrekeys, readPrekeys, takePrekeys, writePrekeys } from "../../kv/prekeys.ts";
import { commit } from "../../kv/transact.ts";
import { faultyKv } from "../support/faulty_kv.ts";

const BOB = parseAccountLabel("bob");
const DEVICES = [1, 2];

async function oneTimeKeys(count: number): Promise<AgreementKey[]> {
  return await Promise.all(
    Array.from({ length: count }, async () => (await generateAgreementKeyPair()).publicKey),
  );
}

/** A store in which each of Bob's devices has 32 one-time prekeys. */
async function withPrekeys(kv: Deno.Kv): Promise<{ kv: Deno.Kv; origin: string }> {
  const log = { kv, origin: "test.invalid/kt/1" };
  const opks = await oneTimeKeys(32);
  const prekeys: DevicePrekeys = {
    set: new Uint8Array(1317),
    signature: new Uint8Array(64),
    entryHash: new Uint8Array(32),
    setNumber: 1,
    notBeforeMs: 0,
    notAfterMs: 1,
    opks,
    left: opks.map((_, i) => i),
  };
  await commit(kv, [], DEVICES.map((device) => writePrekeys(log, BOB, device, prekeys)));
  return log;
}

const STORES: readonly [string, () => Promise<string>][] = [
  ["in memory", () => Promise.resolve(":memory:")],
  ["in a file", async () => `${await Deno.makeTempDir()}/store.sqlite`],
];

for (const [where, path] of STORES) {
  Deno.test(`64 takers at once get each of 32 one-time prekeys once, and 32 get none, ${where}`, async () => {
    using kv = await Deno.openKv(await path());
    const log = await withPrekeys(kv);
    const taken = await Promise.all(
      Array.from({ length: 64 }, () => takePrekeys(log, BOB, DEVICES, true, () => true)),
    );
    for (const [i, device] of DEVICES.entries()) {
      const indexes = taken.map((answer) => {
        assert.equal(answer[i]!.deviceId, device);
        return answer[i]!.opkIndex;
      });
      const handed = indexes.filter((index) => index !== null);
      assert.deepEqual(handed.toSorted((a, b) => a - b), Array.from({ length: 32 }, (_, n) => n));
      assert.equal(indexes.length - handed.length, 32);
      assert.deepEqual((await readPrekeys(log, BOB, device))!.value.left, []);
    }
  });
}

Deno.test("a one-time prekey whose taking may have been written is handed to nobody else", async () => {
  using kv = await Deno.openKv(":memory:");
  // Four commits land, and say that they failed.
  const faulty = faultyKv(kv, (commit) => [1, 5, 9, 13].includes(commit) ? "after" : null).kv;
  const { origin } = await withPrekeys(kv);
  const log = { kv: faulty, origin };
  const taken = await Promise.all(
    Array.from({ length: 24 }, () => takePrekeys(log, BOB, [1], true, () => true)),
  );
  const handed = taken.flatMap(([answer]) => answer!.opkIndex ?? []);
  assert.equal(new Set(handed).size, handed.length);
  const { left } = (await readPrekeys({ kv, origin }, BOB, 1))!.value;
  assert.ok(left.every((index) => !handed.includes(index)));
  assert.ok(left.length + handed.length < 32, "some are spent on nobody");
});
