/**
 * The safety number as a code: whose it is, and what scanning it says.
 *
 * @module
 */

import assert from "node:assert/strict";
import { fromBase64Url, toBase64Url } from "../../crypto/base64.ts";
import { CryptoError } from "../../crypto/error.ts";
import { type VerifiedRecord } from "../../crypto/record.ts";
import { judgeSafetyCode, safetyCode } from "../../crypto/safety_code.ts";
import { makePerson } from "../support/people.ts";

const [alice, bob, carol] = (await Promise.all(
  ["alice", "bob", "carol"].map((name) => makePerson(name, { opkCount: 0 })),
)).map(({ record }) => record) as [VerifiedRecord, VerifiedRecord, VerifiedRecord];
/** Whoever the service made up under Bob's name. */
const mallory: VerifiedRecord = { ...carol, account: bob.account };

Deno.test("the code that one device shows is the same on the other, in either direction", () => {
  assert.equal(judgeSafetyCode(bob, alice, safetyCode(alice, bob)), "same");
  assert.equal(judgeSafetyCode(alice, bob, safetyCode(bob, alice)), "same");
  assert.match(safetyCode(alice, bob), /^countersign-safety:[\w-]+$/);
});

Deno.test("a code over other keys of either person is different", () => {
  assert.equal(judgeSafetyCode(alice, mallory, safetyCode(bob, alice)), "different");
  assert.equal(judgeSafetyCode(alice, bob, safetyCode(mallory, alice)), "different");
  const alices: VerifiedRecord = { ...carol, account: alice.account };
  assert.equal(judgeSafetyCode(alice, bob, safetyCode(bob, alices)), "different");
});

Deno.test("the code of other people is theirs, and so is one's own that is held before one's camera", () => {
  assert.equal(judgeSafetyCode(alice, bob, safetyCode(carol, alice)), "others");
  assert.equal(judgeSafetyCode(alice, bob, safetyCode(bob, carol)), "others");
  assert.equal(judgeSafetyCode(alice, bob, safetyCode(alice, bob)), "others");
  const elsewhere = { ...bob, account: { ...bob.account, origin: "other.example/kt/1" } };
  assert.equal(judgeSafetyCode(alice, bob, safetyCode(elsewhere, alice)), "others");
});

Deno.test("two devices that know different records have to look again: nobody has lied", () => {
  const later = { ...bob, version: 1 };
  assert.equal(judgeSafetyCode(alice, bob, safetyCode(later, alice)), "older");
  assert.equal(judgeSafetyCode(alice, later, safetyCode(bob, alice)), "older");
});

Deno.test("what is no safety code is refused, whatever was changed of one: no bit of it is the same", () => {
  const code = safetyCode(bob, alice);
  const prefix = "countersign-safety:";
  const bytes = fromBase64Url(code.slice(prefix.length))!;
  const malformed = (text: string): void => {
    assert.throws(
      () => judgeSafetyCode(alice, bob, text),
      (error) => error instanceof CryptoError && error.code === "malformed",
    );
  };
  for (
    const text of ["", "hello", prefix, "countersign-link:AAAA", code.slice(0, -3), `${code}AA`]
  ) {
    malformed(text);
  }
  for (let i = 0; i < bytes.length; i += 3) {
    const changed = bytes.slice();
    changed[i]! ^= 1;
    const text = prefix + toBase64Url(changed);
    try {
      assert.notEqual(judgeSafetyCode(alice, bob, text), "same");
    } catch (error) {
      assert.ok(error instanceof CryptoError);
    }
  }
});
