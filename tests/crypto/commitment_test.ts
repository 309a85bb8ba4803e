import assert from "node:assert/strict";
import { parseAccountLabel } from "../../crypto/account_label.ts";
import { concat, toHex, utf8 } from "../../crypto/bytes.ts";
import { checkCommitment, commit, vrfInput } from "../../crypto/commitment.ts";
import { hmacSha256 } from "../../crypto/primitives.ts";
import { fromHex } from "../support/hex.ts";
import { flipped } from "../support/people.ts";

const BAD_COMMITMENT = { code: "bad_commitment" };
const label = parseAccountLabel("bob");
const opening = new Uint8Array(16).fill(5);
const committed = { label, version: 258, value: utf8("record") };

Deno.test("a commitment is the formula's HMAC over opening, label, version and value", () => {
  const body = concat(opening, fromHex("03626f62" + "00000102" + "00000006"), utf8("record"));
  const key = fromHex("d821f8790d97709796b4d7903357c3f5");
  assert.equal(toHex(commit(opening, committed)), toHex(hmacSha256(key, body)));
  assert.equal(toHex(vrfInput(label, 258)), "03626f6200000102");
});

Deno.test("a commitment opens to one value of one version of one label", () => {
  const commitment = commit(opening, committed);
  checkCommitment(commitment, opening, committed);
  const others = [
    { ...committed, label: parseAccountLabel("bo") },
    { ...committed, version: 259 },
    { ...committed, value: utf8("recorc") },
    { ...committed, value: utf8("recor") },
  ];
  for (const other of others) {
    assert.throws(() => checkCommitment(commitment, opening, other), BAD_COMMITMENT);
  }
  for (let bit = 0; bit < 128; bit++) {
    assert.throws(
      () => checkCommitment(commitment, flipped(opening, bit), committed),
      BAD_COMMITMENT,
    );
  }
  for (let bit = 0; bit < 256; bit++) {
    assert.throws(
      () => checkCommitment(flipped(commitment, bit), opening, committed),
      BAD_COMMITMENT,
    );
  }
  assert.throws(() => checkCommitment(commitment.slice(1), opening, committed), BAD_COMMITMENT);
});
