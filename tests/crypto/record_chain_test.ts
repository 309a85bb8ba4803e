import assert from "node:assert/strict";
import { parseAccountLabel } from "../../crypto/account_label.ts";
import { type Bytes, concat } from "../../crypto/bytes.ts";
import { CryptoError } from "../../crypto/error.ts";
import { generateSigningKeyPair, type SigningKeyPair } from "../../crypto/keys.ts";
import { sha256 } from "../../crypto/primitives.ts";
import {
  addSignature,
  decodeRecord,
  type IdentityRecord,
  nextRecord,
  type RecordKind,
  type RecordRole,
  type RecordSigner,
  signRecord,
  type VerifiedRecord,
  verifyNext,
} from "../../crypto/record.ts";
import {
  decodeSignedRecord,
  encodeSignedRecord,
  type RecordSignature,
} from "../../crypto/record_format.ts";
import { follow, newDevice, type OwnDevice, previous, self } from "../support/records.ts";

const account = { origin: "records.example/kt/1", label: parseAccountLabel("alice") };
const [laptop, phone, tablet, thief] = await Promise.all(
  [1, 2, 3, 3].map((id) => newDevice(account, id)),
) as [OwnDevice, OwnDevice, OwnDevice, OwnDevice];
const [operator, recovery, nobody] = await Promise.all(
  [1, 2, 3].map(() => generateSigningKeyPair()),
) as [SigningKeyPair, SigningKeyPair, SigningKeyPair];
const NONE = new Uint8Array(0);
const AUTH = Uint8Array.of(1, 2, 3);

const FIRST = await verifyNext(
  account,
  operator.publicKey,
  null,
  await signRecord(account, {
    kind: "genesis",
    version: 0,
    issuedMs: 1_790_000_000_000,
    prev: new Uint8Array(32),
    devices: [laptop],
    recovery: sha256(recovery.publicKey),
    auth: AUTH,
    ext: NONE,
  }, [self(laptop)]),
);
const OPERATOR: RecordSigner = { role: "operator", signing: operator };
const RECOVERY: RecordSigner = { role: "recovery", signing: recovery };

const verify = (before: VerifiedRecord, bytes: Bytes) =>
  verifyNext(account, operator.publicKey, before, bytes);

async function codeOf(before: VerifiedRecord | null, bytes: Bytes): Promise<string> {
  try {
    await verifyNext(account, operator.publicKey, before, bytes);
    return "accepted";
  } catch (error) {
    assert.ok(error instanceof CryptoError, String(error));
    return error.code;
  }
}

/** Two devices, so that what follows is the record's third version, and adds device 3. */
const BEFORE = await verify(
  FIRST,
  await follow(FIRST, "update", [laptop, phone], [self(laptop), previous(laptop)]),
);
const RESET = await verify(
  BEFORE,
  await follow(BEFORE, "reset", [thief], [self(thief), OPERATOR]),
);

Deno.test("an update adds, removes and rotates devices, and keeps what it does not change", async () => {
  const added = await verify(
    BEFORE,
    await follow(BEFORE, "update", [laptop, phone, tablet], [self(tablet), previous(phone)]),
  );
  assert.equal(added.version, 2);
  assert.deepEqual(added.prev, BEFORE.hash);
  assert.deepEqual(added.devices.map(({ entry }) => entry.deviceId), [1, 2, 3]);
  assert.deepEqual([added.recovery, added.auth], [BEFORE.recovery, AUTH]);
  assert.deepEqual(added.contesting, []);
  const removed = await verify(
    added,
    await follow(added, "update", [tablet], [self(tablet), previous(tablet)]),
  );
  assert.deepEqual(removed.devices.map(({ entry }) => entry), [tablet.entry]);
  // The one device is replaced by another, which it vouches for.
  const fresh = await newDevice(account, 5);
  const rotated = await follow(removed, "update", [fresh], [self(fresh), previous(tablet)]);
  assert.equal(await codeOf(removed, rotated), "accepted");
});

Deno.test("an update is signed by a device of the record before and one of the new one", async () => {
  const all = [laptop, phone, tablet];
  const bad: Record<string, readonly RecordSigner[]> = {
    "the new device for both": [self(tablet), previous(tablet)],
    "a stranger as the old device": [self(laptop), previous(thief)],
    "a stranger as itself": [self(thief), previous(laptop)],
    "the operator's key as the old device": [self(laptop), { role: "previous", signing: operator }],
  };
  for (const [what, signers] of Object.entries(bad)) {
    const bytes = await follow(BEFORE, "update", all, signers);
    assert.equal(await codeOf(BEFORE, bytes), "bad_signature", what);
  }
  // A signature in one role is none in another.
  const genuine = await follow(BEFORE, "update", all, [self(laptop), previous(laptop)]);
  assert.equal(await codeOf(BEFORE, genuine), "accepted");
  const { tbs, signatures } = decodeSignedRecord(genuine);
  const swapped: RecordSignature[] = [
    { role: "self", signature: signatures[1]!.signature },
    { role: "previous", signature: signatures[0]!.signature },
  ];
  assert.equal(await codeOf(BEFORE, encodeSignedRecord(tbs, swapped)), "bad_signature");
});

Deno.test("each kind has exactly its signatures, in the order of their roles", async () => {
  const pair: Record<RecordRole, RecordSigner> = {
    self: self(laptop),
    previous: previous(laptop),
    recovery: RECOVERY,
    operator: OPERATOR,
  };
  const roles = Object.keys(pair) as RecordRole[];
  const wanted: Partial<Record<RecordKind, readonly string[]>> = {
    update: ["self,previous"],
    recover: ["self,recovery"],
    reset: ["self,operator"],
    retire: ["previous", "operator"],
  };
  for (const [kind, allowed] of Object.entries(wanted) as [RecordKind, string[]][]) {
    const own = kind === "update" ? laptop : tablet;
    const devices = kind === "retire" ? [] : [own];
    pair.self = self(own);
    for (let set = 1; set < 16; set++) {
      const chosen = roles.filter((_, i) => (set >> i) % 2 === 1);
      const bytes = await follow(BEFORE, kind, devices, chosen.map((role) => pair[role]));
      const expected = allowed.includes(chosen.join(",")) ? "accepted" : "bad_record";
      assert.equal(await codeOf(BEFORE, bytes), expected, `${kind} by ${chosen}`);
    }
  }
  const bytes = await follow(BEFORE, "update", [laptop], [self(laptop), pair.previous]);
  const { tbs, signatures } = decodeSignedRecord(bytes);
  const turned = encodeSignedRecord(tbs, [...signatures].reverse());
  assert.equal(await codeOf(BEFORE, turned), "bad_record");
  const twice = encodeSignedRecord(tbs, [signatures[0]!, ...signatures]);
  assert.equal(await codeOf(BEFORE, twice), "bad_record");
});

Deno.test("a record follows on the very one before, one version on, and never earlier", async () => {
  const other = await verify(
    BEFORE,
    await follow(BEFORE, "update", [laptop], [self(laptop), previous(laptop)]),
  );
  const bad: Record<string, Partial<IdentityRecord>> = {
    "the same version": { version: 1 },
    "a version left out": { version: 3 },
    "another record before": { prev: other.hash },
    "none before": { prev: new Uint8Array(32) },
    "an earlier time": { issuedMs: BEFORE.issuedMs - 1 },
    "a first record": { kind: "genesis" },
  };
  for (const [what, replaced] of Object.entries(bad)) {
    const signers = replaced.kind === undefined ? [self(laptop), previous(laptop)] : [self(laptop)];
    const bytes = await follow(BEFORE, "update", [laptop], signers, replaced);
    assert.equal(await codeOf(BEFORE, bytes), "bad_record", what);
  }
  const sameTime = { issuedMs: BEFORE.issuedMs };
  const bytes = await follow(
    BEFORE,
    "update",
    [laptop],
    [self(laptop), previous(laptop)],
    sameTime,
  );
  assert.equal(await codeOf(BEFORE, bytes), "accepted");
  // And nothing but a first record begins an account.
  assert.equal(await codeOf(null, bytes), "bad_record");
});

Deno.test("a recover and a reset hold one device, and a new one", async () => {
  const seconds = { recover: RECOVERY, reset: OPERATOR };
  for (const kind of ["recover", "reset"] as const) {
    const lists: Record<string, readonly OwnDevice[]> = {
      "an old one too": [tablet, laptop],
      "an old one alone": [laptop],
      "another new one": [tablet, await newDevice(account, 4)],
    };
    for (const [what, devices] of Object.entries(lists)) {
      for (const own of devices) {
        const bytes = await follow(BEFORE, kind, devices, [self(own), seconds[kind]]);
        assert.equal(await codeOf(BEFORE, bytes), "bad_record", `${kind}: ${what}`);
      }
    }
    const bytes = await follow(BEFORE, kind, [tablet], [self(tablet), seconds[kind]]);
    assert.equal(await codeOf(BEFORE, bytes), "accepted");
  }
});

Deno.test("a new device has the number that its record gives, whoever adds it", async () => {
  for (const kind of ["update", "recover", "reset"] as const) {
    const second = { update: previous(laptop), recover: RECOVERY, reset: OPERATOR }[kind];
    for (const number of [0, 4, 66, 2 ** 32 - 1]) {
      const device = await newDevice(account, number);
      const devices = kind === "update" ? [laptop, phone, device] : [device];
      const bytes = await follow(BEFORE, kind, devices, [self(device), second]);
      assert.equal(await codeOf(BEFORE, bytes), "bad_record", `${kind}, device ${number}`);
    }
  }
});

Deno.test("a record adds one device at most, and a removed one's number never comes back", async () => {
  const more = [laptop, phone, tablet, await newDevice(account, 4)];
  const two = await follow(BEFORE, "update", more, [self(laptop), previous(laptop)]);
  assert.equal(await codeOf(BEFORE, two), "bad_record");
  // The newest device goes, and no other gets its number: not another, and not itself.
  const alone = await verify(
    BEFORE,
    await follow(BEFORE, "update", [laptop], [self(laptop), previous(laptop)]),
  );
  for (const device of [await newDevice(account, 2), phone]) {
    const bytes = await follow(alone, "update", [laptop, device], [self(laptop), previous(laptop)]);
    assert.equal(await codeOf(alone, bytes), "bad_record");
  }
});

Deno.test("however a thief numbers devices, the recovery key brings the account back", async () => {
  // The most that a thief with a device can do is to replace it as often as they like.
  let [record, device] = [BEFORE, laptop];
  for (let i = 0; i < 5; i++) {
    const next = await newDevice(account, record.version + 2);
    const signers = [self(next), previous(device)];
    record = await verify(record, await follow(record, "update", [next], signers));
    device = next;
  }
  const fresh = await newDevice(account, record.version + 2);
  const recover = await follow(record, "recover", [fresh], [self(fresh), RECOVERY]);
  assert.equal(await codeOf(record, recover), "accepted");
});

Deno.test("a device's number never names another device, and no entry changes", async () => {
  const impostor = await newDevice(account, 1);
  const renamed = await newDevice(account, 1, { keys: laptop.keys, addedMs: 5 });
  for (const kind of ["update", "recover", "reset"] as const) {
    const second = { update: previous(phone), recover: RECOVERY, reset: OPERATOR }[kind];
    for (const device of [impostor, renamed]) {
      const bytes = await follow(BEFORE, kind, [device], [self(device), second]);
      assert.equal(await codeOf(BEFORE, bytes), "bad_record", kind);
    }
  }
  const twins = [laptop, tablet, await newDevice(account, 3)];
  const bytes = await follow(BEFORE, "update", twins, [self(laptop), previous(laptop)]);
  assert.equal(await codeOf(BEFORE, bytes), "bad_record");
  const forced = [laptop, { ...tablet, binding: phone.binding }];
  const unasked = await follow(BEFORE, "update", forced, [self(laptop), previous(laptop)]);
  assert.equal(await codeOf(BEFORE, unasked), "bad_signature");
});

Deno.test("only the recovery key that the record before names recovers an account", async () => {
  const recover = (signer: RecordSigner) =>
    follow(BEFORE, "recover", [tablet], [self(tablet), signer]);
  const recovered = await verify(BEFORE, await recover(RECOVERY));
  assert.deepEqual(recovered.devices.map(({ entry }) => entry), [tablet.entry]);
  const stranger = await recover({ role: "recovery", signing: nobody });
  assert.equal(await codeOf(BEFORE, stranger), "bad_signature");
  // The named key in front of a signature that another key made.
  const mixed = { publicKey: recovery.publicKey, privateKey: nobody.privateKey };
  const forged = await recover({ role: "recovery", signing: mixed });
  assert.equal(await codeOf(BEFORE, forged), "bad_signature");
  const { tbs, signatures: [own, role3] } = decodeSignedRecord(await recover(RECOVERY));
  const withSignature = (signature: Bytes) =>
    encodeSignedRecord(tbs, [own!, { role: "recovery", signature }]);
  assert.equal(await codeOf(BEFORE, withSignature(role3!.signature)), "accepted");
  const cut = withSignature(role3!.signature.slice(0, 95));
  assert.equal(await codeOf(BEFORE, cut), "bad_signature");
  const keyless = withSignature(role3!.signature.slice(32));
  assert.equal(await codeOf(BEFORE, keyless), "bad_signature");
  const long = concat(role3!.signature, Uint8Array.of(0));
  assert.equal(await codeOf(BEFORE, withSignature(long)), "bad_signature");
});

Deno.test("an account that names no recovery key is not recovered, until an update names one", async () => {
  const zeros = { recovery: new Uint8Array(32) };
  const both = [self(laptop), previous(laptop)];
  const bare = await verify(BEFORE, await follow(BEFORE, "update", [laptop], both, zeros));
  const next = await newDevice(account, 4);
  const early = await follow(bare, "recover", [next], [self(next), RECOVERY]);
  assert.equal(await codeOf(bare, early), "bad_record");
  const named = { recovery: sha256(nobody.publicKey) };
  const changed = await verify(bare, await follow(bare, "update", [laptop], both, named));
  const fresh = await newDevice(account, 5);
  const old = await follow(changed, "recover", [fresh], [self(fresh), RECOVERY]);
  assert.equal(await codeOf(changed, old), "bad_signature");
  const mine: RecordSigner = { role: "recovery", signing: nobody };
  const now = await follow(changed, "recover", [fresh], [self(fresh), mine]);
  assert.equal(await codeOf(changed, now), "accepted");
});

Deno.test("a recovery key of small order, named in the record, recovers nothing", async () => {
  const identity = new Uint8Array(32);
  identity[0] = 1;
  const both = [self(laptop), previous(laptop)];
  const named = { recovery: sha256(identity) };
  const before = await verify(BEFORE, await follow(BEFORE, "update", [laptop], both, named));
  const signing = { publicKey: identity, privateKey: nobody.privateKey } as SigningKeyPair;
  const fresh = await newDevice(account, 4);
  const signers: RecordSigner[] = [self(fresh), { role: "recovery", signing }];
  const bytes = await follow(before, "recover", [fresh], signers);
  assert.equal(await codeOf(before, bytes), "bad_key");
});

Deno.test("a reset is signed by the operator of this log, and can be contested", async () => {
  assert.deepEqual(RESET.contesting, BEFORE.devices);
  const other: RecordSigner = { role: "operator", signing: nobody };
  const bytes = await follow(BEFORE, "reset", [thief], [self(thief), other]);
  assert.equal(await codeOf(BEFORE, bytes), "bad_signature");
  const absent = await follow(BEFORE, "reset", [thief], [self(laptop), OPERATOR]);
  assert.equal(await codeOf(BEFORE, absent), "bad_signature");
});

Deno.test("the operator's signature is added to a reset without a trace of when", async () => {
  const record = nextRecord(BEFORE, { kind: "reset", devices: [thief], issuedMs: 0, auth: NONE });
  assert.equal(record.issuedMs, BEFORE.issuedMs);
  const half = await signRecord(account, record, [self(thief)]);
  assert.equal(await codeOf(BEFORE, half), "bad_record");
  const whole = await addSignature(account, half, OPERATOR);
  assert.deepEqual(whole, await signRecord(account, record, [self(thief), OPERATOR]));
  assert.equal(await codeOf(BEFORE, whole), "accepted");
});

Deno.test("a device of the record before a reset cancels it, and brings exactly that one back", async () => {
  const old = [laptop, phone];
  for (const device of old) {
    const bytes = await follow(RESET, "cancel", old, [self(device), previous(device)]);
    const cancelled = await verify(RESET, bytes);
    assert.deepEqual(cancelled.devices, BEFORE.devices);
    assert.deepEqual(cancelled.contesting, []);
    // Once: what follows on a cancel is no cancel.
    const again = await follow(cancelled, "cancel", old, [self(device), previous(device)]);
    assert.equal(await codeOf(cancelled, again), "bad_record");
    const update = await follow(cancelled, "update", [device], [self(device), previous(device)]);
    assert.equal(await codeOf(cancelled, update), "accepted");
  }
  const others: Record<string, readonly OwnDevice[]> = {
    "fewer": [laptop],
    "more": [laptop, phone, tablet],
    "in another order": [phone, laptop],
    "another": [laptop, tablet],
    "the reset's": [thief],
  };
  for (const [what, devices] of Object.entries(others)) {
    const signers = [self(devices[0]!), previous(laptop)];
    const bytes = await follow(RESET, "cancel", devices, signers);
    assert.equal(await codeOf(RESET, bytes), "bad_record", what);
  }
  const theirs = await follow(RESET, "cancel", old, [self(laptop), previous(thief)]);
  assert.equal(await codeOf(RESET, theirs), "bad_signature");
});

Deno.test("only a reset is cancelled, and only while it is the newest record", async () => {
  const both = [self(laptop), previous(laptop)];
  const early = await follow(BEFORE, "cancel", [laptop, phone], both);
  assert.equal(await codeOf(BEFORE, early), "bad_record");
  const settled = await verify(
    RESET,
    await follow(RESET, "update", [thief], [self(thief), previous(thief)]),
  );
  assert.deepEqual(settled.contesting, []);
  const late = await follow(settled, "cancel", [laptop, phone], both);
  assert.equal(await codeOf(settled, late), "bad_record");
  // An update of a reset account is its own devices' business.
  const foreign = await follow(RESET, "update", [thief], [self(thief), previous(laptop)]);
  assert.equal(await codeOf(RESET, foreign), "bad_signature");
});

Deno.test("a retired name has no devices, says nothing, and nothing follows on it", async () => {
  for (const signer of [previous(phone), OPERATOR]) {
    const retired = await verify(BEFORE, await follow(BEFORE, "retire", [], [signer]));
    assert.deepEqual(retired.devices, []);
    assert.deepEqual([retired.auth, retired.recovery], [NONE, new Uint8Array(32)]);
    for (const kind of ["update", "recover", "reset", "cancel"] as const) {
      const second = kind === "recover" ? RECOVERY : kind === "reset" ? OPERATOR : previous(laptop);
      const bytes = await follow(retired, kind, [laptop], [self(laptop), second]);
      assert.equal(await codeOf(retired, bytes), "bad_record", kind);
    }
    const again = await follow(retired, "retire", [], [OPERATOR]);
    assert.equal(await codeOf(retired, again), "bad_record");
  }
  const stranger = await follow(BEFORE, "retire", [], [previous(thief)]);
  assert.equal(await codeOf(BEFORE, stranger), "bad_signature");
  const listed = await follow(BEFORE, "retire", [laptop], [previous(laptop)]);
  assert.equal(await codeOf(BEFORE, listed), "malformed");
  for (const field of ["auth", "ext", "recovery"] as const) {
    const said = { [field]: new Uint8Array(32).fill(1) };
    const bytes = await follow(BEFORE, "retire", [], [previous(laptop)], said);
    assert.equal(await codeOf(BEFORE, bytes), "bad_record", field);
  }
  const none = await follow(BEFORE, "update", [], [previous(laptop)]);
  assert.equal(await codeOf(BEFORE, none), "malformed");
});

Deno.test("only a record with the operator's word changes how the owner was authenticated", async () => {
  const changed = { auth: Uint8Array.of(9) };
  const update = await follow(
    BEFORE,
    "update",
    [laptop],
    [self(laptop), previous(laptop)],
    changed,
  );
  assert.equal(await codeOf(BEFORE, update), "bad_record");
  const recover = await follow(BEFORE, "recover", [tablet], [self(tablet), RECOVERY], changed);
  assert.equal(await codeOf(BEFORE, recover), "bad_record");
  const reset = await follow(BEFORE, "reset", [thief], [self(thief), OPERATOR], changed);
  assert.equal(await codeOf(BEFORE, reset), "accepted");
});

Deno.test("a record of any kind with any bit flipped, cut short or extended is refused", async () => {
  const old = [laptop, phone];
  const records: [VerifiedRecord, Bytes][] = [
    [BEFORE, await follow(BEFORE, "update", [laptop], [self(laptop), previous(laptop)])],
    [BEFORE, await follow(BEFORE, "recover", [tablet], [self(tablet), RECOVERY])],
    [BEFORE, RESET.bytes],
    [BEFORE, await follow(BEFORE, "retire", [], [OPERATOR])],
    [RESET, await follow(RESET, "cancel", old, [self(laptop), previous(laptop)])],
  ];
  for (const [before, bytes] of records) {
    const { kind } = decodeRecord(bytes);
    assert.equal(await codeOf(before, bytes), "accepted", kind);
    for (let at = 0; at < bytes.length; at++) {
      const changed = bytes.slice();
      changed[at]! ^= 1 << (at % 8);
      assert.notEqual(await codeOf(before, changed), "accepted", `${kind}, byte ${at}`);
    }
    for (const length of [0, 1, 50, bytes.length - 1]) {
      assert.notEqual(await codeOf(before, bytes.slice(0, length)), "accepted", kind);
    }
    assert.equal(await codeOf(before, concat(bytes, Uint8Array.of(0))), "malformed", kind);
  }
});

Deno.test("a record speaks for its account alone, whatever its kind", async () => {
  const bytes = await follow(BEFORE, "update", [laptop], [self(laptop), previous(laptop)]);
  const bob = { ...account, label: parseAccountLabel("bob") };
  await assert.rejects(
    verifyNext(bob, operator.publicKey, { ...BEFORE, account: bob }, bytes),
    (error: CryptoError) => error.code === "bad_signature",
  );
  const retired = await follow(BEFORE, "retire", [], [OPERATOR]);
  await assert.rejects(
    verifyNext(bob, operator.publicKey, { ...BEFORE, account: bob }, retired),
    (error: CryptoError) => error.code === "bad_signature",
  );
});
