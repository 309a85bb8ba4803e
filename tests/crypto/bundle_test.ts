import assert from "node:assert/strict";
import { type Bundle, remoteDevice, verifyBundle } from "../../crypto/bundle.ts";
import { type Bytes, toHex } from "../../crypto/bytes.ts";
import { type AgreementKey } from "../../crypto/keys.ts";
import { deviceEntryHash } from "../../crypto/device_entry.ts";
import { oneTimeRoot, type PrekeySet, prekeySetHash } from "../../crypto/prekey.ts";
import {
  bundleOf,
  flipped,
  makePerson,
  makePrekeys,
  NOW_MS,
  type Person,
} from "../support/people.ts";

const DAY_MS = 24 * 3_600_000;
const bob = await makePerson("bob");

async function withPrekeys(overrides: Partial<PrekeySet>): Promise<Person> {
  return { ...bob, prekeys: await makePrekeys(bob.device, 2, overrides) };
}

Deno.test("a verified bundle names its device, its set and its record", async () => {
  const bundle = await verifyBundle(bob.record, bundleOf(bob, 3), NOW_MS, null);
  assert.deepEqual(bundle.entry, bob.entry);
  assert.deepEqual(bundle.entryHash, deviceEntryHash(bob.account, bob.entry));
  assert.deepEqual(bundle.recordHash, bob.record.hash);
  assert.deepEqual(bundle.setHash, prekeySetHash(bob.prekeys.set));
  assert.deepEqual(bundle.set, bob.prekeys.fields);
  assert.equal(bundle.opk?.index, 3);
  assert.equal((await verifyBundle(bob.record, bundleOf(bob), NOW_MS, null)).opk, null);
});

Deno.test("a device that the record does not list has no bundle", async () => {
  const other = { ...bundleOf(bob), deviceId: 2 };
  await assert.rejects(verifyBundle(bob.record, other, NOW_MS, null), { code: "bad_record" });
  assert.throws(() => remoteDevice(bob.record, 0), { code: "bad_record" });
});

Deno.test("a bundle of another person, even with the same keys, is refused", async () => {
  const mallory = await makePerson("mallory");
  const copied = await makePerson("mallory", { keys: bob.keys });
  for (const person of [mallory, copied]) {
    const check = verifyBundle(bob.record, bundleOf(person), NOW_MS, null);
    await assert.rejects(check, { code: "bad_prekeys" });
  }
});

Deno.test("a bundle with a wrong signature is refused", async () => {
  const bundle = bundleOf(bob);
  const bad = { ...bundle, signature: flipped(bundle.signature, 0) };
  await assert.rejects(verifyBundle(bob.record, bad, NOW_MS, null), { code: "bad_prekeys" });
});

Deno.test("a bundle that is expired, or not yet valid by more than five minutes, is refused", async () => {
  const expired = { code: "expired_prekeys" };
  const old = await withPrekeys({ notBeforeMs: NOW_MS - 14 * DAY_MS - 1 });
  await assert.rejects(verifyBundle(bob.record, bundleOf(old), NOW_MS, null), expired);
  const early = await withPrekeys({ notBeforeMs: NOW_MS + 300_001 });
  await assert.rejects(verifyBundle(bob.record, bundleOf(early), NOW_MS, null), expired);
  const soon = await withPrekeys({ notBeforeMs: NOW_MS + 300_000 });
  await verifyBundle(bob.record, bundleOf(soon), NOW_MS, null);
});

Deno.test("a set older than one seen before is refused, the same or a newer one is not", async () => {
  const bundle = bundleOf(await withPrekeys({ setNumber: 7 }));
  await verifyBundle(bob.record, bundle, NOW_MS, 6);
  await verifyBundle(bob.record, bundle, NOW_MS, 7);
  const check = verifyBundle(bob.record, bundle, NOW_MS, 8);
  await assert.rejects(check, { code: "bad_prekeys" });
});

Deno.test("a set that its device signed with a key for two purposes is refused", async () => {
  const { identity } = bob.entry;
  const asSigned = await withPrekeys({ spk: identity });
  const check = (person: Person, index: number | null) =>
    verifyBundle(bob.record, bundleOf(person, index), NOW_MS, null);
  await assert.rejects(check(asSigned, null), { code: "bad_prekeys" });
  const { spk } = bob.prekeys;
  for (const key of [{ ...spk }, { ...spk, publicKey: identity }]) {
    const opks = [key, ...bob.prekeys.opks.slice(1)];
    const opkRoot = oneTimeRoot(opks.map(({ publicKey }) => publicKey));
    const opkCount = opks.length;
    const made = await makePrekeys(bob.device, 0, { spk: spk.publicKey, opkCount, opkRoot });
    const person = { ...bob, prekeys: { ...made, opks } };
    await assert.rejects(check(person, 0), { code: "bad_prekeys" });
    await check(person, 1);
  }
});

Deno.test("a prekey in another's place is refused: each kind of key stands for itself", async () => {
  const bundle = bundleOf(bob, 0);
  const other = await makePrekeys(bob.device, 4);
  const { spk, kpk } = bob.prekeys.fields;
  const index = bundle.opk!.index;
  const path = bundle.opk!.path;
  const withOpk = (key: AgreementKey) => ({ ...bundle, opk: { index, key, path } });
  const spliced = (field: Bytes, by: Bytes) => {
    const set = bundle.set.slice();
    const at = toHex(set).indexOf(toHex(field)) / 2;
    set.set(by, at);
    return { ...bundle, set };
  };
  const tries: Record<string, [Bundle, string]> = {
    "the signed prekey as one-time prekey": [withOpk(spk), "bad_proof"],
    "the identity key as one-time prekey": [withOpk(bob.entry.identity), "bad_proof"],
    "another one-time prekey": [withOpk(bob.prekeys.opks[1]!.publicKey), "bad_proof"],
    "one of another set": [withOpk(other.opks[0]!.publicKey), "bad_proof"],
    "the identity key as signed prekey": [spliced(spk, bob.entry.identity), "bad_prekeys"],
    "a one-time prekey as signed prekey": [spliced(spk, bundle.opk!.key), "bad_prekeys"],
    "another set's signed prekey": [spliced(spk, other.fields.spk), "bad_prekeys"],
    "another set's ML-KEM prekey": [spliced(kpk, other.fields.kpk), "bad_prekeys"],
    "another set's signature": [{ ...bundle, signature: other.signature }, "bad_prekeys"],
  };
  for (const [what, [bad, code]] of Object.entries(tries)) {
    await assert.rejects(verifyBundle(bob.record, bad, NOW_MS, null), { code }, what);
  }
  await verifyBundle(bob.record, bundle, NOW_MS, null);
});

Deno.test("a one-time prekey that is not of the set is refused, never left out", async () => {
  const bundle = bundleOf(bob, 0);
  const bad = { ...bundle, opk: { ...bundle.opk!, index: 1 } };
  await assert.rejects(verifyBundle(bob.record, bad, NOW_MS, null), { code: "bad_proof" });
  const absurd = { ...bundle, opk: { ...bundle.opk!, index: 70_000 } };
  await assert.rejects(verifyBundle(bob.record, absurd, NOW_MS, null), { code: "bad_proof" });
});
