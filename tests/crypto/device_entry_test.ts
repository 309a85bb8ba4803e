import assert from "node:assert/strict";
import { parseAccountLabel } from "../../crypto/account_label.ts";
import { concat, toHex, utf8 } from "../../crypto/bytes.ts";
import { Reader, Writer } from "../../crypto/codec.ts";
import {
  bindDevice,
  checkBinding,
  type DeviceEntry,
  deviceEntryHash,
  encodeDeviceEntry,
  readDeviceEntry,
} from "../../crypto/device_entry.ts";
import { sha256 } from "../../crypto/primitives.ts";
import { flipped, makePerson } from "../support/people.ts";

const alice = await makePerson("alice", { opkCount: 0, name: "Alice's laptop ☂" });
const { account, entry, keys } = alice;

function read(bytes: Uint8Array): DeviceEntry {
  const reader = new Reader(bytes, "a device");
  const decoded = readDeviceEntry(reader);
  reader.end();
  return decoded;
}

function withName(name: Uint8Array): Uint8Array {
  return new Writer().u32(1).raw(entry.signing).raw(entry.identity).u64(0).v8(name).bytes();
}

Deno.test("an entry comes back as it was, and no shorter or longer", () => {
  const bytes = encodeDeviceEntry(entry);
  assert.equal(bytes.length, 4 + 32 + 32 + 8 + 1 + 18);
  assert.deepEqual(read(bytes), entry);
  for (let length = 0; length < bytes.length; length++) {
    assert.throws(() => read(bytes.slice(0, length)), { code: "malformed" });
  }
  assert.throws(() => read(concat(bytes, Uint8Array.of(0))), { code: "malformed" });
});

Deno.test("a device's name is at most 64 bytes of UTF-8", () => {
  assert.equal(read(withName(utf8("é".repeat(32)))).name.length, 32);
  assert.equal(read(withName(new Uint8Array(0))).name, "");
  const bad = [utf8("x".repeat(65)), Uint8Array.of(0xc3), Uint8Array.of(0xed, 0xa0, 0x80)];
  for (const name of bad) assert.throws(() => read(withName(name)), { code: "malformed" });
});

Deno.test("keys that are not canonical are refused where they are read", () => {
  const bytes = encodeDeviceEntry(entry);
  const zeros = new Uint8Array(32);
  for (const at of [4, 36]) {
    const copy = Uint8Array.from(bytes);
    copy.set(zeros, at);
    assert.throws(() => read(copy), { code: "bad_key" });
  }
  const signed = Uint8Array.from(bytes);
  signed[36 + 31]! |= 0x80;
  assert.throws(() => read(signed), { code: "bad_key" });
});

Deno.test("the hash names account, log and entry at once", () => {
  const input = concat(
    utf8("countersign/1 device-entry\0"),
    Uint8Array.of(24),
    utf8("countersign.example/kt/1"),
    Uint8Array.of(5),
    utf8("alice"),
    encodeDeviceEntry(entry),
  );
  assert.equal(toHex(deviceEntryHash(account, entry)), toHex(sha256(input)));
  const others = [
    deviceEntryHash({ ...account, label: parseAccountLabel("bob") }, entry),
    deviceEntryHash({ ...account, origin: "countersign.example/kt/2" }, entry),
    deviceEntryHash(account, { ...entry, deviceId: 2 }),
    deviceEntryHash(account, { ...entry, name: "" }),
    deviceEntryHash(account, entry),
  ];
  assert.equal(new Set(others.map(toHex)).size, 5);
});

Deno.test("a binding is of one entry in one account, by that entry's own key", async () => {
  const binding = await bindDevice(account, entry, keys.signing);
  assert.equal(await checkBinding(account, entry, binding), true);
  assert.equal(await checkBinding(account, entry, flipped(binding, 300)), false);
  assert.equal(await checkBinding(account, { ...entry, addedMs: 1 }, binding), false);
  const bob = { ...account, label: parseAccountLabel("bob") };
  assert.equal(await checkBinding(bob, entry, binding), false);
  const mallory = await makePerson("mallory", { opkCount: 0 });
  const foreign = await bindDevice(account, entry, mallory.keys.signing);
  assert.equal(await checkBinding(account, entry, foreign), false);
});
