import assert from "node:assert/strict";
import { type AccountId, encodeAccountId, parseAccountLabel } from "../../crypto/account_label.ts";
import { type Bytes, concat } from "../../crypto/bytes.ts";
import { Writer } from "../../crypto/codec.ts";
import { bindDevice, type DeviceEntry, encodeDeviceEntry } from "../../crypto/device_entry.ts";
import { CryptoError } from "../../crypto/error.ts";
import { type SigningKeyPair } from "../../crypto/keys.ts";
import { labelled } from "../../crypto/labels.ts";
import { ed25519Sign } from "../../crypto/primitives.ts";
import { decodeRecord, MAX_RECORD_BYTES, recordHash } from "../../crypto/record.ts";
import { flipped, makePerson, type Person } from "../support/people.ts";
import { verifyGenesis } from "../support/records.ts";

const alice = await makePerson("alice", { opkCount: 0 });
const phone = await makePerson("alice", { opkCount: 0, deviceId: 2 });
const { account } = alice;
const GENUINE = alice.record.bytes;

type Device = { entry: DeviceEntry; binding: Bytes };
type Parts = {
  kind?: number;
  version?: number;
  prev?: Bytes;
  devices?: readonly Device[];
  auth?: Bytes;
  ext?: Bytes;
  roles?: readonly number[];
  signer?: SigningKeyPair;
  signedFor?: AccountId;
};

async function deviceOf(person: Person, entry = person.entry, id = account): Promise<Device> {
  return { entry, binding: await bindDevice(id, entry, person.keys.signing) };
}

/** A record of Alice's with parts replaced, correctly encoded and correctly signed over them. */
async function makeRecord(parts: Parts = {}): Promise<Bytes> {
  const none = new Uint8Array(0);
  const devices = parts.devices ?? [await deviceOf(alice)];
  const writer = new Writer().u8(1).u8(parts.kind ?? 1).u32(parts.version ?? 0)
    .u64(alice.record.issuedMs).raw(parts.prev ?? new Uint8Array(32)).u8(devices.length);
  for (const { entry, binding } of devices) writer.raw(encodeDeviceEntry(entry)).raw(binding);
  writer.raw(new Uint8Array(32)).v16(parts.auth ?? none).v16(parts.ext ?? none);
  const tbs = writer.bytes();
  const roles = parts.roles ?? [1];
  const out = new Writer().raw(tbs).u8(roles.length);
  const { privateKey } = parts.signer ?? alice.keys.signing;
  for (const role of roles) {
    const id = encodeAccountId(parts.signedFor ?? account);
    const message = labelled("record-signature", concat(Uint8Array.of(role), id, tbs));
    out.u8(role).v16(await ed25519Sign(privateKey, message));
  }
  return out.bytes();
}

async function codeOf(bytes: Bytes, id = account): Promise<string> {
  try {
    await verifyGenesis(id, bytes);
    return "accepted";
  } catch (error) {
    assert.ok(error instanceof CryptoError);
    return error.code;
  }
}

Deno.test("a first record says what its owner put into it", async () => {
  const record = await verifyGenesis(account, GENUINE);
  assert.equal(record.kind, "genesis");
  assert.deepEqual(record.devices.map(({ entry }) => entry), [alice.entry]);
  assert.deepEqual(record.bytes, GENUINE);
  assert.deepEqual(record.hash, recordHash(GENUINE));
  assert.deepEqual(record.account, account);
  assert.equal(await codeOf(await makeRecord()), "accepted");
});

Deno.test("a record with any single bit flipped is refused", async () => {
  const bits = Array.from({ length: GENUINE.length * 8 }, (_, bit) => bit);
  const codes = await Promise.all(bits.map((bit) => codeOf(flipped(GENUINE, bit))));
  assert.deepEqual(bits.filter((bit) => codes[bit] === "accepted"), []);
});

Deno.test("a record cut short or extended is refused", async () => {
  for (let length = 0; length < GENUINE.length; length++) {
    const code = await codeOf(GENUINE.slice(0, length));
    assert.ok(["malformed", "bad_key"].includes(code), `${length} bytes: ${code}`);
  }
  assert.equal(await codeOf(concat(GENUINE, Uint8Array.of(0))), "malformed");
});

Deno.test("a record speaks for one label of one log", async () => {
  const others = [
    { ...account, label: parseAccountLabel("alicf") },
    { ...account, origin: "countersign.example/kt/2" },
    { origin: `${account.origin}\u0005`, label: parseAccountLabel("lice") },
  ];
  for (const id of others) assert.equal(await codeOf(GENUINE, id), "bad_signature");
  // The signature alone holds this too: here the device agreed to stand in the account.
  const bob = { ...account, label: parseAccountLabel("bob") };
  assert.equal(await codeOf(await makeRecord({ signedFor: bob })), "bad_signature");
});

Deno.test("a first record holds one device, and nobody puts another one beside it", async () => {
  const own = await deviceOf(alice);
  // Whoever adds their own device to somebody's first record can sign it as that one.
  for (const deviceId of [1, 2]) {
    const devices = [own, await deviceOf(phone, { ...phone.entry, deviceId })];
    for (const { keys: { signing: signer } } of [alice, phone]) {
      assert.equal(await codeOf(await makeRecord({ devices, signer })), "bad_record");
      const turned = [...devices].reverse();
      assert.equal(await codeOf(await makeRecord({ devices: turned, signer })), "bad_record");
    }
  }
  const signer = phone.keys.signing;
  assert.equal(await codeOf(await makeRecord({ devices: [own], signer })), "bad_signature");
});

Deno.test("the device of a first record has number 1", async () => {
  for (const deviceId of [0, 2, 2 ** 32 - 1]) {
    const devices = [await deviceOf(alice, { ...alice.entry, deviceId })];
    assert.equal(await codeOf(await makeRecord({ devices })), "bad_record", String(deviceId));
  }
});

Deno.test("a device that agreed to stand in another account, or that others enrolled, is refused", async () => {
  const bob = await makePerson("bob", { opkCount: 0 });
  const signer = bob.keys.signing;
  const copied = { entry: bob.entry, binding: bob.record.devices[0]!.binding };
  assert.equal(await codeOf(await makeRecord({ devices: [copied], signer })), "bad_signature");
  const forced = { entry: bob.entry, binding: (await deviceOf(alice, bob.entry)).binding };
  assert.equal(await codeOf(await makeRecord({ devices: [forced], signer })), "bad_signature");
});

Deno.test("a first record has no past, no other kind and one signature, its own", async () => {
  const previous = new Uint8Array(32).fill(1);
  const bad: Record<string, Parts> = {
    "another version": { version: 1 },
    "one before it": { prev: previous },
    "another kind and nothing else": { kind: 2 },
    "two signatures": { roles: [1, 1] },
    "the operator's as well": { roles: [1, 4] },
    "the operator's alone": { roles: [4] },
    "update": { kind: 2, version: 1, prev: previous, roles: [1, 2] },
    "reset": { kind: 4, version: 1, prev: previous, roles: [1, 4] },
  };
  for (const [what, parts] of Object.entries(bad)) {
    assert.equal(await codeOf(await makeRecord(parts)), "bad_record", what);
  }
});

Deno.test("counts, kinds, roles and lengths outside the format are refused", async () => {
  const device = await deviceOf(alice);
  const nine = await Promise.all(
    Array.from({ length: 9 }, (_, deviceId) => deviceOf(alice, { ...alice.entry, deviceId })),
  );
  const bad: Record<string, Parts> = {
    "no device": { devices: [] },
    "nine devices": { devices: nine },
    "kind 0": { kind: 0 },
    "kind 7": { kind: 7 },
    "no signature": { roles: [] },
    "five signatures": { roles: [1, 1, 1, 1, 1] },
    "role 0": { roles: [0] },
    "role 5": { roles: [5] },
    "auth of 4096 bytes": { auth: new Uint8Array(4096) },
    "ext of 4096 bytes": { ext: new Uint8Array(4096) },
  };
  for (const [what, parts] of Object.entries(bad)) {
    assert.equal(await codeOf(await makeRecord(parts)), "malformed", what);
  }
  const full = { devices: nine.slice(1), auth: new Uint8Array(4095), ext: new Uint8Array(4095) };
  // Well-formed, and as long as a record gets; a genesis it is not.
  const largest = await makeRecord(full);
  assert.equal(decodeRecord(largest).devices.length, 8);
  assert.equal(await codeOf(largest), "bad_record");
  assert.ok(largest.length <= MAX_RECORD_BYTES);
  assert.equal(await codeOf(await makeRecord({ devices: [device] })), "accepted");
});

Deno.test("a record of more than 16 KiB is refused before it is read", async () => {
  // Well-formed but for its length: three signatures of 8191 bytes.
  const long = new Writer().raw(GENUINE.slice(0, -68)).u8(3);
  for (let i = 0; i < 3; i++) long.u8(2).v16(new Uint8Array(8191));
  assert.equal(await codeOf(long.bytes()), "malformed");
});
