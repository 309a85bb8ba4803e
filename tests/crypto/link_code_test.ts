import assert from "node:assert/strict";
import { toBase64Url } from "../../crypto/base64.ts";
import { concat, toHex } from "../../crypto/bytes.ts";
import { LINK_SLOT_BYTES, linkSlot, newLinkCode, parseLinkCode } from "../../crypto/link_code.ts";

const MALFORMED = { code: "malformed" };

Deno.test("a code leads to its secret, scanned or typed", () => {
  for (const kind of ["scanned", "typed"] as const) {
    for (let i = 0; i < 50; i++) {
      const { code, secret } = newLinkCode(kind);
      assert.deepEqual(parseLinkCode(code), secret);
      assert.deepEqual(parseLinkCode(` ${code}\n`), secret);
    }
  }
  assert.match(newLinkCode("scanned").code, /^countersign-link:[A-Za-z0-9_-]{23}$/);
  assert.match(newLinkCode("typed").code, /^[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}$/);
});

Deno.test("a typed code forgives what people do to it", () => {
  const secret = parseLinkCode("01AB-CDEF");
  for (const typed of ["01abcdef", "oIab cdef", "O1AB-CDEF", "0l-AB-CD-EF"]) {
    assert.deepEqual(parseLinkCode(typed), secret, typed);
  }
  assert.equal(toHex(parseLinkCode("ZZZZ-ZZZZ")), "ffffffffff");
  assert.equal(toHex(parseLinkCode("0000-0001")), "0000000001");
});

Deno.test("what is no code is refused", () => {
  const scanned = (...bytes: Uint8Array[]) => `countersign-link:${toBase64Url(concat(...bytes))}`;
  const secret = new Uint8Array(16);
  for (
    const text of [
      "",
      "0000-000",
      "0000-00000",
      "UUUU-UUUU",
      "https://calls.example",
      "countersign-link:",
      scanned(secret),
      scanned(Uint8Array.of(2), secret),
      scanned(Uint8Array.of(1), secret, secret),
      `${scanned(Uint8Array.of(1), secret)}=`,
      `${scanned(Uint8Array.of(1), secret).slice(0, -1)}B`,
    ]
  ) {
    assert.throws(() => parseLinkCode(text), MALFORMED, text);
  }
});

Deno.test("a slot's name is another for every secret, and not a part of it", () => {
  const secrets = Array.from({ length: 20 }, () => newLinkCode("scanned").secret);
  const slots = secrets.map((secret) => toHex(linkSlot(secret)));
  assert.equal(new Set(slots).size, 20);
  assert.ok(slots.every((slot) => slot.length === 2 * LINK_SLOT_BYTES));
  slots.forEach((slot, i) => assert.notEqual(slot, toHex(secrets[i]!)));
});
