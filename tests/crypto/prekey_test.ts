import assert from "node:assert/strict";
import { type Bytes, concat, toHex } from "../../crypto/bytes.ts";
import { ed25519Sign } from "../../crypto/primitives.ts";
import { labelled } from "../../crypto/labels.ts";
import {
  checkOneTimePrekey,
  checkPrekeyValidity,
  decodePrekeySet,
  MAX_ONE_TIME_PREKEYS,
  MAX_PREKEY_VALIDITY_MS,
  oneTimePrekey,
  PREKEY_CLOCK_SKEW_MS,
  type PrekeySet,
  prekeySetHash,
  verifyPrekeySet,
} from "../../crypto/prekey.ts";
import { fromHex } from "../support/hex.ts";
import { flipped, makePerson, makePrekeys, NOW_MS, type OwnPrekeys } from "../support/people.ts";

const SET_BYTES = 1_317;
const BAD_PREKEYS = { code: "bad_prekeys" };
const alice = await makePerson("alice", { opkCount: 5 });
const { fields, set, signature, opks } = alice.prekeys;
const device = { entryHash: alice.device.entryHash, signing: alice.entry.signing };
const keys = opks.map(({ publicKey }) => publicKey);

function made(overrides: Partial<PrekeySet>): Promise<OwnPrekeys> {
  return makePrekeys(alice.device, 0, overrides);
}

/** A set with some bytes replaced and signed by its device all the same. */
async function resigned(at: number, bytes: Bytes): Promise<{ set: Bytes; signature: Bytes }> {
  const changed = Uint8Array.from(set);
  changed.set(bytes, at);
  const message = labelled("prekey-set", changed);
  return { set: changed, signature: await ed25519Sign(alice.keys.signing.privateKey, message) };
}

Deno.test("a set is what its device signed, in exactly 1317 bytes", async () => {
  assert.equal(set.length, SET_BYTES);
  assert.deepEqual(await verifyPrekeySet({ set, signature }, device), fields);
  assert.deepEqual(decodePrekeySet(set), fields);
  for (const length of [0, 1, 3, 35, 131, SET_BYTES - 1]) {
    assert.throws(() => decodePrekeySet(set.slice(0, length)), { code: "malformed" });
  }
  assert.throws(() => decodePrekeySet(concat(set, Uint8Array.of(0))), { code: "malformed" });
});

Deno.test("a set or signature with any byte changed is refused", async () => {
  const refused = async (signed: { set: Bytes; signature: Bytes }) => {
    await assert.rejects(verifyPrekeySet(signed, device), BAD_PREKEYS);
  };
  const bits = (length: number) => Array.from({ length }, (_, i) => 8 * i + i % 8);
  await Promise.all([
    ...bits(set.length).map((bit) => refused({ set: flipped(set, bit), signature })),
    ...bits(64).map((bit) => refused({ set, signature: flipped(signature, bit) })),
    refused({ set, signature: signature.slice(1) }),
    refused({ set, signature: new Uint8Array(0) }),
  ]);
});

Deno.test("a set is of one device: another key, or another entry of that key, is refused", async () => {
  const bob = await makePerson("bob", { opkCount: 0 });
  const other = { entryHash: bob.device.entryHash, signing: bob.entry.signing };
  await assert.rejects(verifyPrekeySet({ set, signature }, other), BAD_PREKEYS);
  const moved = { ...device, entryHash: bob.device.entryHash };
  await assert.rejects(verifyPrekeySet({ set, signature }, moved), BAD_PREKEYS);
  // The same keys under another name: the account is in the entry's hash.
  const alias = await makePerson("alias", { opkCount: 0, keys: alice.keys });
  const renamed = { entryHash: alias.device.entryHash, signing: alias.entry.signing };
  await assert.rejects(verifyPrekeySet({ set, signature }, renamed), BAD_PREKEYS);
});

Deno.test("a set whose device signed nonsense is refused for it", async () => {
  const small = fromHex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800");
  const [spkAt, kpkAt] = [1 + 2 + 32 + 24 + 4, 1 + 2 + 32 + 24 + 4 + 32 + 4];
  const bad: [string, string, number, Bytes][] = [
    ["another version", "malformed", 0, Uint8Array.of(2)],
    ["another suite", "malformed", 2, Uint8Array.of(2)],
    ["a low-order signed prekey", "bad_key", spkAt, small],
    ["an ML-KEM prekey out of range", "bad_key", kpkAt, Uint8Array.of(0xff, 0xff)],
    ["a set number of 2^53", "malformed", 35, Uint8Array.of(0, 32)],
    ["33 one-time prekeys", "bad_prekeys", SET_BYTES - 34, Uint8Array.of(0, 33)],
  ];
  for (const [what, code, at, bytes] of bad) {
    await assert.rejects(verifyPrekeySet(await resigned(at, bytes), device), { code }, what);
  }
});

Deno.test("a set is valid for at most 15 days, and for some time at all", async () => {
  const notBeforeMs = NOW_MS;
  const widest = await made({ notBeforeMs, notAfterMs: NOW_MS + MAX_PREKEY_VALIDITY_MS });
  await verifyPrekeySet(widest, device);
  for (const width of [MAX_PREKEY_VALIDITY_MS + 1, 0, -1]) {
    const bad = await made({ notBeforeMs, notAfterMs: NOW_MS + width });
    await assert.rejects(verifyPrekeySet(bad, device), BAD_PREKEYS, `${width} ms`);
  }
});

Deno.test("a set may be used from five minutes before its start to its end", () => {
  const { notBeforeMs, notAfterMs } = fields;
  assert.equal(PREKEY_CLOCK_SKEW_MS, 300_000);
  for (const now of [notBeforeMs - 300_000, NOW_MS, notAfterMs]) checkPrekeyValidity(fields, now);
  for (const now of [notBeforeMs - 300_001, notAfterMs + 1, 0]) {
    assert.throws(() => checkPrekeyValidity(fields, now), { code: "expired_prekeys" });
  }
});

Deno.test("every one-time prekey leads to its set, from one to thirty-two of them", async () => {
  for (const count of [1, 2, 3, MAX_ONE_TIME_PREKEYS]) {
    const { fields, opks } = await makePrekeys(alice.device, count);
    const keys = opks.map(({ publicKey }) => publicKey);
    for (let i = 0; i < count; i++) checkOneTimePrekey(fields, oneTimePrekey(keys, i));
  }
});

Deno.test("a one-time prekey with another key, index or path is refused", async () => {
  const genuine = oneTimePrekey(keys, 2);
  checkOneTimePrekey(fields, genuine);
  const { path } = genuine;
  const foreign = await makePrekeys(alice.device, 5);
  const bad = {
    "another key": { ...genuine, key: keys[1]! },
    "the signed prekey": { ...genuine, key: fields.spk },
    "a neighbour's index": { ...genuine, index: 3 },
    "an index beyond the set": { ...genuine, index: 5 },
    "an index beyond its field": { ...genuine, index: 65_536 },
    "a negative index": { ...genuine, index: -1 },
    "half an index": { ...genuine, index: 1.5 },
    "no index": { ...genuine, index: NaN },
    "a short path": { ...genuine, path: path.slice(1) },
    "a long path": { ...genuine, path: [...path, path[0]!] },
    "a path out of order": { ...genuine, path: [...path].reverse() },
    "a changed path": { ...genuine, path: [flipped(path[0]!, 9), ...path.slice(1)] },
    "another set's": oneTimePrekey(foreign.opks.map(({ publicKey }) => publicKey), 2),
  };
  for (const [what, opk] of Object.entries(bad)) {
    assert.throws(() => checkOneTimePrekey(fields, opk), { code: "bad_proof" }, what);
  }
});

Deno.test("a set without one-time prekeys vouches for none", async () => {
  const { fields: none } = await makePrekeys(alice.device, 0);
  const empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
  assert.equal(toHex(none.opkRoot), empty);
  const opk = { index: 0, key: keys[0]!, path: [] };
  assert.throws(() => checkOneTimePrekey(none, opk), { code: "bad_proof" });
});

Deno.test("the name of a set changes with any of its bytes", () => {
  assert.notDeepEqual(prekeySetHash(set), prekeySetHash(flipped(set, 8 * SET_BYTES - 1)));
});
