/**
 * The short code of a call: what it is bound to, its forms, and what an exchange refuses.
 *
 * @module
 */

import assert from "node:assert/strict";
import { parseAccountLabel } from "../../crypto/account_label.ts";
import { type Bytes, utf8 } from "../../crypto/bytes.ts";
import { CryptoError } from "../../crypto/error.ts";
import { hkdfExpand, randomBytes, sha256 } from "../../crypto/primitives.ts";
import {
  type SasBase,
  sasBase,
  type SasBinding,
  sasCode,
  sasCommitment,
  type SasParty,
} from "../../crypto/sas.ts";
import { SasExchange } from "../../crypto/sas_exchange.ts";
import { SAS_TABLE, shortCode } from "../../crypto/sas_table.ts";
import { type Exporter } from "../../crypto/schedule.ts";

const party = (label: string): SasParty => ({
  account: { origin: "countersign.example/kt/1", label: parseAccountLabel(label) },
  recordHash: sha256(utf8(label)),
  fingerprints: [sha256(utf8(`${label}'s certificate`))],
  head: "countersign.example/kt/1\n7\nAAAA\n",
});

const BINDING: SasBinding = {
  callId: new Uint8Array(16).fill(5),
  epoch: 1,
  roster: [party("alice"), party("bob")],
};

const exporterOf = (session: string): Exporter => (label, context, length) =>
  hkdfExpand(sha256(utf8(session)), new Uint8Array([...utf8(label), ...context]), length);
const base = (): SasBase => sasBase(exporterOf("one session"), BINDING);
const BASE = base();

/** Both sides of one session, the caller's and the callee's. */
const sides = (): [SasExchange, SasExchange] => [
  new SasExchange(base(), 0, 1),
  new SasExchange(base(), 1, 0),
];

function refuses(code: string, work: () => unknown): void {
  assert.throws(work, (error) => error instanceof CryptoError && error.code === code);
}

Deno.test("both sides of one session show one code, whoever begins", () => {
  for (const turned of [false, true]) {
    const [a, b] = turned ? sides().reverse() as [SasExchange, SasExchange] : sides();
    assert.equal(b.takeCommitment(a.begin()), true);
    const { reveal, code } = a.takeNonce(b.agree());
    assert.deepEqual(b.takeReveal(reveal), code);
    assert.deepEqual([a.state, b.state], ["done", "done"]);
  }
});

Deno.test("where both begin at once one commitment stands, and both show one code", () => {
  const [a, b] = sides();
  const [first, second] = [a.begin(), b.begin()];
  assert.equal(a.takeCommitment(second), false);
  assert.equal(b.takeCommitment(first), true);
  const { reveal, code } = a.takeNonce(b.agree());
  assert.deepEqual(b.takeReveal(reveal), code);
});

Deno.test("a code is bound to identities, certificates, roster, epoch, call, heads and session", () => {
  const nonces = {
    initiator: 0,
    responder: 1,
    initiatorNonce: new Uint8Array(32).fill(1),
    responderNonce: new Uint8Array(32).fill(2),
  };
  const [alice, bob] = BINDING.roster as [SasParty, SasParty];
  const bobs: Partial<SasParty>[] = [
    { account: { ...bob.account, label: parseAccountLabel("bobby") } },
    { account: { ...bob.account, origin: "other.example/kt/1" } },
    { recordHash: sha256(utf8("another record")) },
    { fingerprints: [sha256(utf8("another certificate"))] },
    { fingerprints: [] },
    { head: "" },
  ];
  const bindings: SasBinding[] = [
    BINDING,
    ...bobs.map((change) => ({ ...BINDING, roster: [alice, { ...bob, ...change }] })),
    { ...BINDING, roster: [bob, alice] },
    { ...BINDING, roster: [alice, bob, party("carol")] },
    { ...BINDING, epoch: 2 },
    { ...BINDING, callId: new Uint8Array(16).fill(6) },
  ];
  const bases = bindings.map((binding) => sasBase(exporterOf("one session"), binding));
  bases.push(sasBase(exporterOf("another session"), BINDING));
  const codes = bases.map((base) => sasCode(base, nonces).toString());
  codes.push(sasCode(BASE, { ...nonces, initiator: 1, responder: 0 }).toString());
  codes.push(sasCode(BASE, { ...nonces, responder: 2 }).toString());
  codes.push(sasCode(BASE, { ...nonces, responderNonce: new Uint8Array(32) }).toString());
  codes.push(sasCode(BASE, { ...nonces, initiatorNonce: new Uint8Array(32) }).toString());
  assert.equal(new Set(codes).size, codes.length);
  assert.equal(codes.length, 16);
});

Deno.test("a reveal that does not fit its commitment is refused, and nothing is shown: sas_reveal", () => {
  const [a, b] = sides();
  b.takeCommitment(a.begin());
  b.agree();
  refuses("sas_reveal", () => b.takeReveal(randomBytes(32)));
  assert.equal(b.state, "refused");
  // Nor does a commitment of another epoch, or of somebody in another place.
  for (
    const [base, place] of [
      [sasBase(exporterOf("one session"), { ...BINDING, epoch: 2 }), 0],
      [BASE, 1],
    ] as const
  ) {
    const [, callee] = sides();
    const nonce = randomBytes(32);
    callee.takeCommitment(sasCommitment(base, place, nonce));
    callee.agree();
    refuses("sas_reveal", () => callee.takeReveal(nonce));
  }
});

Deno.test("a second commitment is refused in every state: sas_repeated", () => {
  const commitment = randomBytes(32);
  const states: ((b: SasExchange) => void)[] = [
    () => {},
    (b) => b.agree(),
    (b) => (b.agree(), assert.throws(() => b.takeReveal(randomBytes(32)))),
  ];
  for (const reach of states) {
    const [, b] = sides();
    b.takeCommitment(commitment);
    reach(b);
    refuses("sas_repeated", () => b.takeCommitment(commitment));
    assert.equal(b.state, "refused");
  }
  const [a] = sides();
  a.begin();
  a.takeCommitment(commitment);
  refuses("sas_repeated", () => a.takeCommitment(commitment));
});

Deno.test("messages out of their order are refused, and end the exchange: sas_order", () => {
  const nonce = randomBytes(32);
  const attempts: ((it: SasExchange) => unknown)[] = [
    (it) => it.takeNonce(nonce),
    (it) => it.takeReveal(nonce),
    (it) => it.agree(),
    (it) => (it.begin(), it.begin()),
    (it) => (it.begin(), it.agree()),
    (it) => (it.begin(), it.takeReveal(nonce)),
    (it) => (it.takeCommitment(nonce), it.takeNonce(nonce)),
    (it) => (it.takeCommitment(nonce), it.takeReveal(nonce)),
    (it) => (it.takeCommitment(nonce), it.begin()),
    (it) => (it.takeCommitment(nonce), it.agree(), it.agree()),
    (it) => (it.begin(), it.takeNonce(nonce), it.takeNonce(nonce)),
    (it) => (it.begin(), it.takeNonce(nonce), it.takeCommitment(nonce)),
  ];
  for (const attempt of attempts) {
    for (const it of sides()) {
      refuses("sas_order", () => attempt(it));
      assert.equal(it.state, "refused");
      refuses("sas_order", () => it.takeNonce(randomBytes(32)));
    }
  }
});

Deno.test("one's own nonce that comes back is refused: sas_reflected", () => {
  const [, b] = sides();
  const [, reflecting] = sides();
  b.takeCommitment(reflecting.begin());
  const nonce = b.agree();
  refuses("sas_reflected", () => b.takeReveal(nonce));
  // An initiator's own is not on the wire before it revealed; its length is looked at all the same.
  const [a] = sides();
  a.begin();
  refuses("sas_reflected", () => a.takeNonce(new Uint8Array(31)));
});

Deno.test("an initiator who becomes the responder has another nonce than it was committed to", () => {
  const [a, b] = sides();
  const commitment = b.begin();
  b.takeCommitment(a.begin());
  assert.notDeepEqual(sasCommitment(BASE, 1, b.agree()), commitment);
});

Deno.test("an exchange that was wiped gives no code, and leaves no secret", () => {
  const held = base();
  const a = new SasExchange(held, 0, 1);
  a.begin();
  a.wipe();
  assert.deepEqual(held.secret, new Uint8Array(32));
  refuses("sas_order", () => a.takeNonce(randomBytes(32)));
});

Deno.test("24 bits are four pictures of 64, with names, and the rest are six digits", () => {
  assert.equal(SAS_TABLE.length, 64);
  for (const key of ["emoji", "name"] as const) {
    assert.equal(new Set(SAS_TABLE.map((entry) => entry[key])).size, 64);
    for (const entry of SAS_TABLE) assert.match(entry[key], key === "name" ? /^[A-Z]/ : /^[^\w ]/);
  }
  const code = (bits: number, rest: number): Bytes =>
    Uint8Array.of(bits >> 16, bits >> 8 & 255, bits & 255, 0, 0, 0, 0, 0, 0, rest >> 8, rest & 255);
  assert.deepEqual(shortCode(code(0, 0)).names, ["Dog", "Dog", "Dog", "Dog"]);
  assert.deepEqual(shortCode(code(0xffffff, 0)).names, ["Pin", "Pin", "Pin", "Pin"]);
  const bits = 63 << 18 | 1 << 12 | 36 << 6 | 41;
  assert.deepEqual(shortCode(code(bits, 4_660)), {
    emoji: ["📌", "🐱", "👍", "💡"],
    names: ["Pin", "Cat", "Thumbs Up", "Light Bulb"],
    digits: "004660",
  });
  const all = code(0, 0).fill(255, 3);
  assert.equal(shortCode(all).digits, String((2n ** 64n - 1n) % 1_000_000n));
});

Deno.test("the table that is published is the table that is used", async () => {
  const page = await Deno.readTextFile(new URL("../../docs/PROTOCOL.md", import.meta.url));
  const cells = page.matchAll(/\| (\d+) (\S+) ([A-Z][A-Za-z ]*?) +(?=\|)/g);
  const published = [...cells].map(([, number, emoji, name]) => [Number(number), emoji, name]);
  assert.deepEqual(published, SAS_TABLE.map(({ emoji, name }, i) => [i, emoji, name]));
});
