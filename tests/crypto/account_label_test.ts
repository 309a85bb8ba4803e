import assert from "node:assert/strict";
import {
  type AccountLabel,
  canonicalAccountLabel,
  encodeAccountId,
  parseAccountLabel,
} from "../../crypto/account_label.ts";
import { toHex } from "../../crypto/bytes.ts";

const BAD_LABEL = { code: "bad_label" };

Deno.test("what people type has one canonical form", () => {
  const vectors: Record<string, string> = {
    "bob": "bob",
    "Bob": "bob",
    "  ALICE@Example.COM\n": "alice@example.com",
    "a.b_c-d+e@f": "a.b_c-d+e@f",
    "0": "0",
    // The Kelvin sign is a K in NFC.
    "\u212aate": "kate",
  };
  for (const [typed, label] of Object.entries(vectors)) {
    assert.equal(canonicalAccountLabel(typed), label);
    assert.equal(parseAccountLabel(label), label);
  }
});

Deno.test("what has no canonical form is no label, however it is composed", () => {
  const composed = "jos\u00e9";
  const bad = [
    "",
    " ",
    composed,
    composed.normalize("NFD"),
    "a b",
    "a/b",
    "a:b",
    "a\0b",
    "ａ",
    "\u0131",
  ];
  // Capital I with a dot lower-cases to two characters; a Cyrillic a only looks like one.
  for (const typed of [...bad, "\u0130", "\u0430lice", "a\nb", "x".repeat(129)]) {
    assert.throws(() => canonicalAccountLabel(typed), BAD_LABEL, JSON.stringify(typed));
  }
  assert.equal(canonicalAccountLabel("x".repeat(128)).length, 128);
});

Deno.test("a label from elsewhere is taken as it is or not at all", () => {
  for (const text of ["Bob", " bob", "bob ", "bob\n", "", "x".repeat(129)]) {
    assert.throws(() => parseAccountLabel(text), BAD_LABEL, JSON.stringify(text));
  }
});

Deno.test("origin and label cannot borrow bytes from each other", () => {
  const id = (origin: string, label: string) => ({ origin, label: parseAccountLabel(label) });
  assert.equal(toHex(encodeAccountId(id("o/1", "bob"))), "036f2f3103626f62");
  assert.notDeepEqual(encodeAccountId(id("ab", "c")), encodeAccountId(id("a", "bc")));
});

Deno.test("an origin too long for its length byte is refused, never wrapped round", () => {
  const label = "a" as AccountLabel;
  assert.equal(encodeAccountId({ origin: "o".repeat(255), label }).length, 258);
  assert.throws(() => encodeAccountId({ origin: "o".repeat(256), label }), /^Error: bug:/);
});
