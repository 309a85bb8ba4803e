import assert from "node:assert/strict";
import { encodeAccountId, parseAccountLabel } from "../../crypto/account_label.ts";
import { compare, concat } from "../../crypto/bytes.ts";
import { generateDeviceKeys } from "../../crypto/keys.ts";
import { labelled } from "../../crypto/labels.ts";
import { sha512 } from "../../crypto/primitives.ts";
import { type VerifiedRecord } from "../../crypto/record.ts";
import { safetyNumber } from "../../crypto/safety_number.ts";
import { makePerson } from "../support/people.ts";

const alice = await makePerson("alice", { opkCount: 0 });
const bob = await makePerson("bob", { opkCount: 0 });
const phone = await makePerson("bob", { opkCount: 0, deviceId: 2 });
const bobs: VerifiedRecord = {
  ...bob.record,
  devices: [...bob.record.devices, ...phone.record.devices],
};
const NUMBER = safetyNumber(alice.record, bobs);

Deno.test("a safety number is 60 digits, the same on both screens", () => {
  assert.match(NUMBER, /^[0-9]{60}$/);
  assert.equal(safetyNumber(bobs, alice.record), NUMBER);
});

Deno.test("the order in which a record lists its devices does not matter", () => {
  const turned = { ...bobs, devices: [...bobs.devices].reverse() };
  assert.equal(safetyNumber(alice.record, turned), NUMBER);
});

Deno.test("any other key, device, name or log gives another number", async () => {
  const other = await generateDeviceKeys();
  const [first, second] = bobs.devices;
  const changed = (entry: object): VerifiedRecord => ({
    ...bobs,
    devices: [first!, { ...second!, entry: { ...second!.entry, ...entry } }],
  });
  const numbers = [
    changed({ signing: other.signing.publicKey }),
    changed({ identity: other.identity.publicKey }),
    { ...bobs, devices: [first!] },
    { ...bobs, account: { ...bobs.account, label: parseAccountLabel("bobby") } },
    { ...bobs, account: { ...bobs.account, origin: "other.example/kt/1" } },
  ].map((record) => safetyNumber(alice.record, record));
  assert.equal(new Set([NUMBER, ...numbers]).size, 6);
});

Deno.test("a device's name and dates are not part of the number", () => {
  const [first, second] = bobs.devices;
  const renamed = { ...second!, entry: { ...second!.entry, name: "new", addedMs: 1 } };
  assert.equal(safetyNumber(alice.record, { ...bobs, devices: [first!, renamed] }), NUMBER);
});

Deno.test("the digits are those of the formula, computed here a second time", () => {
  const half = ({ account, devices }: VerifiedRecord) => {
    const keys = devices.flatMap(({ entry }) => [entry.signing, entry.identity]);
    const input = labelled("safety-number", encodeAccountId(account), ...keys);
    let hash = input;
    for (let round = 0; round < 5200; round++) hash = sha512(concat(hash, input));
    return hash;
  };
  const digits = [half(alice.record), half(bobs)].sort(compare).flatMap((hash) =>
    Array.from({ length: 6 }, (_, i) => {
      const five = hash.subarray(5 * i, 5 * i + 5);
      const value = five.reduce((sum, byte) => sum << 8n | BigInt(byte), 0n);
      return String(value % 100_000n).padStart(5, "0");
    })
  );
  assert.equal(digits.join(""), NUMBER);
});
